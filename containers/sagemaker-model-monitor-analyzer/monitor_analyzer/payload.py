"""One direction of a captured call: bytes as they went over the wire, turned into rows.

CSV rows and JSON arrays are positional (lists), JSON objects are named (dicts). Cells are None, bool, number or
text; an empty text is a missing value.
"""

import base64
import binascii
import csv
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import AnalysisError

Row = list[Any] | dict[str, Any]
FLATTEN = (
    "Give the job a record_preprocessor_script whose preprocess_handler(inference_record) returns a flat dictionary."
)


def encoding_of(payload: Mapping[str, Any]) -> str:
    """CSV or JSON: the payload's encoding, or for BASE64 what its content type says."""
    encoding = str(payload.get("encoding", "CSV")).upper()
    if encoding in ("CSV", "JSON"):
        return encoding
    content_type = str(payload.get("observedContentType", "")).split(";")[0].strip().lower()
    if content_type == "text/csv":
        return "CSV"
    if content_type.endswith(("/json", "/jsonlines", "+json")):
        return "JSON"
    raise AnalysisError(
        f"Captured data with encoding {encoding} and content type {content_type!r} is neither CSV nor JSON. "
        f"List the content type in CaptureContentTypeHeader, or: {FLATTEN}"
    )


def rows_of(payload: Mapping[str, Any]) -> list[Row]:
    """The rows of one captured payload; AnalysisError says what cannot be read."""
    if encoding_of(payload) == "CSV":
        return list(csv_rows(payload))
    return [row for document in json_documents(payload) for row in _document_rows(document)]


def csv_rows(payload: Mapping[str, Any]) -> list[list[str]]:
    """The lines of a CSV payload that are not empty."""
    return [row for row in csv.reader(_text(payload).splitlines()) if row]


def json_documents(payload: Mapping[str, Any]) -> list[Any]:
    """The one document of a JSON payload, or those of its lines."""
    text = _text(payload)
    try:
        return [json.loads(text)]
    except ValueError:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise AnalysisError(f"Captured data is marked JSON but is not: {error}. {FLATTEN}") from error


def _text(payload: Mapping[str, Any]) -> str:
    data = payload.get("data")
    text = "" if data is None else str(data)
    if str(payload.get("encoding", "")).upper() != "BASE64":
        return text
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise AnalysisError(f"Captured data is marked BASE64 but cannot be decoded: {error}. {FLATTEN}") from error


def _document_rows(document: Any) -> list[Row]:
    if isinstance(document, dict):
        return [_flat(document)]
    if not isinstance(document, list):
        return [[document]]
    if document and all(isinstance(item, dict) for item in document):
        return [_flat(item) for item in document]
    if document and all(isinstance(item, list) for item in document):
        return [_flat_list(item) for item in document]
    return [_flat_list(document)] if document else []


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    for name, value in row.items():
        if isinstance(value, dict | list):
            raise AnalysisError(f"Captured JSON is not flat: {name!r} holds {json.dumps(value)[:80]}. {FLATTEN}")
    return row


def _flat_list(row: Sequence[Any]) -> list[Any]:
    for value in row:
        if isinstance(value, dict | list):
            raise AnalysisError(f"Captured JSON is not flat: a row holds {json.dumps(value)[:80]}. {FLATTEN}")
    return list(row)
