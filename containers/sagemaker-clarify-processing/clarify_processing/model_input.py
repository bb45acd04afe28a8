"""Rows as a model wants them: CSV lines, JSON Lines or one JSON document, in bodies of a limited size.

The templates and their placeholders are those of the predictor configuration
(clarify-processing-job-configure-analysis, `content_template` and `record_template`).
"""

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .errors import AnalysisError

CSV, JSON_LINES, JSON = "text/csv", "application/jsonlines", "application/json"
MEGABYTE = 1024 * 1024
MAX_BYTES = 6 * MEGABYTE
"""The largest payload of one request (API reference, ClarifyInferenceConfig, MaxPayloadInMB)."""
SHARE_OF_LIMIT = 0.9
"""Bodies stay that far below the limit, as bytes are counted before the template of the document is around them."""


@dataclass(frozen=True)
class ModelInput:
    """How rows become request bodies."""

    content_type: str
    headers: Sequence[str]
    content_template: str | None = None
    record_template: str | None = None

    def __post_init__(self) -> None:
        if self.content_type not in (CSV, JSON_LINES, JSON):
            raise AnalysisError(
                f"analysis_config.json: predictor.content_type is {self.content_type}, which is not supported here. "
                f"Use {CSV}, {JSON_LINES} or {JSON}."
            )
        wanted = {JSON_LINES: "$features", JSON: "$record"}.get(self.content_type)
        if wanted and wanted not in (self.content_template or ""):
            raise AnalysisError(
                f"analysis_config.json: predictor.content_template is {self.content_template!r}. For "
                f"{self.content_type} it must have the placeholder {wanted}"
                f"{', as in ' + json.dumps(EXAMPLE) if self.content_type == JSON_LINES else ' or $records'}."
            )
        if self.content_type == JSON and not self.record_template:
            raise AnalysisError(
                f"analysis_config.json: predictor.record_template is missing. {JSON} needs it, for example $features."
            )

    def one_at_a_time(self) -> bool:
        """Whether a request can hold but one record: the template has `$record` and not `$records`."""
        return self.content_type == JSON and "$records" not in (self.content_template or "")

    def records(self, rows: pd.DataFrame | np.ndarray) -> list[str]:
        """Each row as its line or JSON text."""
        cells = _cells(rows, _csv_cell if self.content_type == CSV else _json_cell)
        if self.content_type == CSV:
            return list(map(",".join, cells.tolist()))
        if self.content_type == JSON_LINES:
            before, _, after = str(self.content_template).partition("$features")
            return [f"{before}[{','.join(row)}]{after}" for row in cells.tolist()]
        return [self._record(row) for row in cells.tolist()]

    def body(self, records: Sequence[str]) -> bytes:
        """The body of a request with these records."""
        if self.content_type != JSON:
            return ("\n".join(records) + "\n").encode()
        template = str(self.content_template)
        if self.one_at_a_time():
            return template.replace("$record", records[0]).encode()
        return template.replace("$records", f"[{','.join(records)}]").encode()

    def _record(self, cells: list[str]) -> str:
        text = str(self.record_template)
        names = [json.dumps(name) for name in self.headers]
        if "$features_kvp" in text:
            pairs = ",".join(f"{name}:{cell}" for name, cell in zip(names, cells, strict=True))
            return text.replace("$features_kvp", f"{{{pairs}}}")
        for name, cell in zip(self.headers, cells, strict=True):
            text = text.replace(f'"${{{name}}}"', cell)
        return text.replace("$feature_names", f"[{','.join(names)}]").replace("$features", f"[{','.join(cells)}]")


EXAMPLE = '{"features":$features}'


def batch(records: Sequence[str], start: int, most: int | None, max_bytes: int = MAX_BYTES) -> Sequence[str]:
    """The records from `start` that fit one request: at most `most` and about `max_bytes` of them, but at least one."""
    limit = max_bytes * SHARE_OF_LIMIT
    size, end = 0, start
    last = len(records) if most is None else min(len(records), start + most)
    while end < last:
        size += len(records[end].encode()) + 1
        if size > limit and end > start:
            break
        end += 1
    return records[start:end]


def _cells(rows: pd.DataFrame | np.ndarray, render: Callable[[Any], str]) -> np.ndarray:
    """The rows as text. Synthetic rows repeat few values, so each different value of a column is rendered once."""
    columns = [rows.iloc[:, i] for i in range(rows.shape[1])] if isinstance(rows, pd.DataFrame) else list(rows.T)
    texts = np.empty(rows.shape, object)
    for index, column in enumerate(columns):
        codes, values = pd.factorize(column, use_na_sentinel=False)
        texts[:, index] = np.array([render(value) for value in values], object)[codes]
    return texts


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) else value


def _csv_cell(value: Any) -> str:
    value = _plain(value)
    if not isinstance(value, str):
        return "" if value is None else str(value)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([value])
    return buffer.getvalue()


def _json_cell(value: Any) -> str:
    return json.dumps(_plain(value), default=str)
