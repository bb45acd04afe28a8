"""Merged calls whose answers and labels are plain CSV, read by the database and in portions.

The quick way to what `labelled` reads a record at a time, in the same order: scores have deviations of random samples.
What it might read otherwise is refused, as duckdb.Error or Uneven: quotes, other encodings, not as many predictions as
labels, lines of too few values, times in another form than the platform's.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np

from .errors import Uneven
from .plain import NOT_PLAIN, inside, read_lines, refuse
from .portions import portions
from .window import Window

_NUMBER = " *[-+.0-9eE]* *"
"""Texts that Python and the database take for the same number, if for any."""
_NAN = "'nan'::DOUBLE"


class CsvAnswers:
    """Columns of answers and labels, by their places in the lines; `outputs` are the capture indexes of answers."""

    def __init__(
        self, files: Sequence[Path], window: Window | None, outputs: Collection[str], places: Mapping[str, int | None]
    ) -> None:
        self._files, self._window = files, window
        self._outputs = list(dict.fromkeys(name for name in outputs if name.isidentifier()))
        self._places = {name: place for name, place in places.items() if place is not None}
        if len(self._places) < len(places):
            raise Uneven("A column has a name, and CSV has none.")

    def portions(
        self, connection: duckdb.DuckDBPyConnection, fractions: Collection[str], scratch: Path
    ) -> Iterator[dict[str, np.ndarray]]:
        """Numbers with NaN where one is missing, or texts. Columns not in `fractions` are numbers only if these are
        whole: a class is told by its text."""
        for paths, _ in portions(self._files, scratch, quoted=False):
            cells = ", ".join(
                f"{'truth' if name == 'ground_truth' else 'answer'}[{place + 1}] AS {name}"
                for name, place in self._places.items()
            )
            connection.execute(f"CREATE OR REPLACE TABLE data AS SELECT {cells} FROM ({self._rows(paths)})")
            numbers = {name: f"try_cast(nullif(trim({name}), '') AS DOUBLE)" for name in self._places}
            tests = [
                f"bool_and(trim({name}) = '' OR regexp_full_match({name}, '{_NUMBER}') AND ifnull(isfinite({number}) "
                f"{'' if name in fractions else f'AND {number} = trunc({number})'}, false))"
                for name, number in numbers.items()
            ]
            numeric = connection.execute(f"SELECT {', '.join(tests)} FROM data").fetchone() or ()
            if None in numeric:
                continue  # not one row of this portion lies in the window
            columns = (
                f"{f'ifnull({number}, {_NAN})' if is_number else name} AS {name}"
                for (name, number), is_number in zip(numbers.items(), numeric, strict=True)
            )
            found = connection.execute(f"SELECT {', '.join(columns)} FROM data").fetchnumpy()
            yield {name: np.asarray(column) for name, column in found.items()}

    def _rows(self, paths: Sequence[Path]) -> str:
        """A query for the rows, a list of texts for the answer and one for its label."""
        struct = ", ".join(f'{name} STRUCT("data" VARCHAR, encoding VARCHAR)' for name in self._outputs)
        columns = {
            "captureData": f"STRUCT({struct})",
            "groundTruthData": 'STRUCT("data" JSON, encoding VARCHAR)',
            "eventMetadata": "STRUCT(inferenceTime VARCHAR)",
        }
        strange = refuse(
            " OR ".join(
                [
                    "answer.data IS NULL",
                    r"NOT ifnull(regexp_matches(label.data::VARCHAR, '^(\"|[0-9]+$)'), false)",
                    *(f"upper(ifnull({side}.encoding, 'CSV')) <> 'CSV'" for side in ("answer", "label")),
                ]
            )
        )
        # a label that is empty is missing, a line that is empty is none
        texts = (
            "SELECT replace(answer.data, chr(13) || chr(10), chr(10)) AS answer, "
            "replace(coalesce(nullif(label.data ->> '$', ''), ' '), chr(13) || chr(10), chr(10)) AS truth "
            f"FROM (SELECT coalesce({', '.join(f'captureData.{name}' for name in self._outputs)}) AS answer, "
            f"groundTruthData AS label, eventMetadata.inferenceTime AS made FROM {read_lines(paths, columns)}) "
            f"WHERE {inside(self._window)} AND {strange}"
        )
        sides = ("answer", "truth")
        marks = " OR ".join(f"contains({side}, {mark})" for side in sides for mark in NOT_PLAIN)
        lines = ", ".join(f"unnest(string_split({side}, chr(10))) AS {side}" for side in sides)
        empty = [f"ifnull({side}, '') = ''" for side in sides]
        values = ", ".join(f"string_split({side}, ',') AS {side}" for side in sides)
        most = {
            "answer": max((place for name, place in self._places.items() if name != "ground_truth"), default=0),
            "truth": self._places["ground_truth"],
        }
        widths = " OR ".join(f"len({side}) <= {place}" for side, place in most.items())
        return (
            f"SELECT * FROM (SELECT {values} FROM (SELECT {lines} FROM ({texts}) WHERE {refuse(marks)}) "
            f"WHERE NOT ({' AND '.join(empty)}) AND {refuse(' OR '.join(empty))}) WHERE {refuse(widths)}"
        )
