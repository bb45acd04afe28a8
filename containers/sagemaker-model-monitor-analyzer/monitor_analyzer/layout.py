"""Which feature each captured value belongs to.

The analyser puts the output of a call before its input, by position, and compares that with the baseline's columns
(aws/sagemaker-python-sdk issue 3277 shows it); `output_columns_position` END puts it after. One addition: a baseline
that has exactly the input's columns is a baseline of the inputs, and the output is left out of the comparison instead
of being called an extra column.
"""

from collections.abc import Sequence
from typing import Any

from .errors import AnalysisError
from .payload import Row

MIXED = (
    "Encoding mismatch: Encoding is {0} for endpointInput, but Encoding is {1} for endpointOutput. "
    "We currently only support the same type of input and output encoding at the moment. "
    "Ask the endpoint for the input's content type (Accept), or give the job a record_preprocessor_script."
)


class Layout:
    """Names the columns of captured rows. `names` are the baseline's features in order, None without a baseline."""

    def __init__(self, names: Sequence[str] | None, outputs_last: bool) -> None:
        self._names = list(names) if names is not None else None
        self._known = set(names or ())
        self._outputs_last = outputs_last
        self._columns: dict[tuple[int, int], tuple[list[str], bool]] = {}

    def row(self, inputs: Row | None, outputs: Row | None, encodings: tuple[str, str]) -> tuple[list[str], list[Any]]:
        """One record's row: the features and their values."""
        if isinstance(inputs, dict) or isinstance(outputs, dict):
            row = self._named(inputs, outputs, encodings)
            return list(row), list(row.values())
        names, used = self.columns(len(inputs or ()), len(outputs or ()))
        left, right = inputs or [], outputs or []
        if not used:
            return names, left
        if inputs is not None and outputs is not None and encodings[0] != encodings[1]:
            raise AnalysisError(MIXED.format(*encodings))
        return names, left + right if self._outputs_last else right + left

    def columns(self, inputs: int, outputs: int) -> tuple[list[str], bool]:
        """Names for a positional row of so many input and output values, and whether the outputs are used."""
        if (inputs, outputs) not in self._columns:
            self._columns[inputs, outputs] = self._place(inputs, outputs)
        return self._columns[inputs, outputs]

    def _place(self, inputs: int, outputs: int) -> tuple[list[str], bool]:
        total = inputs + outputs
        if self._names is None:
            return [f"_c{i}" for i in range(total)], True
        if outputs and inputs == len(self._names):
            return self._names, False
        names = self._names
        if total < len(names) and not outputs and not self._outputs_last:
            names = names[len(names) - total :]
        return names[:total] + [f"_c{i}" for i in range(len(names), total)], True

    def _named(self, inputs: Row | None, outputs: Row | None, encodings: tuple[str, str]) -> dict[str, Any]:
        row = dict(inputs) if isinstance(inputs, dict) else {}
        if isinstance(outputs, dict) and (self._names is None or self._known & outputs.keys()):
            row |= outputs
        for values, names in ((inputs, self._rest(row)), (outputs, self._rest(row))):
            if isinstance(values, list) and (self._names is None or names):
                if inputs is not None and outputs is not None and encodings[0] != encodings[1]:
                    raise AnalysisError(MIXED.format(*encodings))
                row |= zip(names[: len(values)], values, strict=False)
                row |= {f"_c{i}": value for i, value in enumerate(values) if i >= len(names)}
        return row

    def _rest(self, row: dict[str, Any]) -> list[str]:
        return [name for name in self._names or () if name not in row]
