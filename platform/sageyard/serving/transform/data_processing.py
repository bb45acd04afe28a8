"""DataProcessing: what of a record the model sees, and what of record and answer is kept.

Order (API reference: DataProcessing): filter the input, infer, join, filter the output.
"""

import csv
import io
import json
from typing import Any

from sageyard.resources.spec import Document
from sageyard.serving.transform.json_path import compiled

WHOLE = "$"


class JoinError(ValueError):
    """Answers that cannot be matched with their records."""


class DataProcessing:
    """Filters and join for one content type; raises PathError for an expression that is none."""

    def __init__(self, config: Document, content_type: str) -> None:
        self.joins = config.get("JoinSource", "None") == "Input"
        self._sees_all = config.get("InputFilter", WHOLE) == WHOLE
        self._keeps_all = config.get("OutputFilter", WHOLE) == WHOLE
        self._input = compiled(config.get("InputFilter") or WHOLE)
        self._output = compiled(config.get("OutputFilter") or WHOLE)
        self._csv = content_type.startswith("text/csv")

    @property
    def by_record(self) -> bool:
        """Whether every answer must be matched with its record."""
        return self.joins or not self._keeps_all

    def seen(self, record: bytes) -> bytes:
        """What the model gets of a record."""
        return record if self._sees_all else self._write(self._input(self._read(record)))

    def kept(self, record: bytes, answer: bytes) -> bytes:
        """What is written for a record and its answer."""
        value = self._read(answer)
        if self.joins:
            given = self._read(record)
            if self._csv:
                value = given + value
            elif isinstance(given, dict):
                value = given | {"SageMakerOutput": value}
            else:
                value = {"SageMakerInput": given, "SageMakerOutput": value}
        return self._write(self._output(value))

    def _read(self, text: bytes) -> Any:
        try:
            return next(csv.reader([text.decode()]), []) if self._csv else json.loads(text)
        except (ValueError, csv.Error) as error:
            raise JoinError(f"{text[:100]!r} is no {'CSV' if self._csv else 'JSON'}: {error}") from None

    def _write(self, value: Any) -> bytes:
        if not self._csv:
            return json.dumps(value).encode()
        row = io.StringIO()
        csv.writer(row, lineterminator="").writerow(value if isinstance(value, list) else [value])
        return row.getvalue().encode()


def answers(body: bytes, count: int) -> list[bytes]:
    """An answer to `count` records as one answer each; raises JoinError."""
    if count == 1:
        return [body.rstrip(b"\r\n")]
    lines = body.splitlines()
    if len(lines) != count:
        raise JoinError(
            f"the model answered {len(lines)} lines to {count} records: answer one line a record, or set BatchStrategy "
            "to SingleRecord"
        )
    return lines
