"""One direction of a captured call, or ground truth: `data` with its `encoding` CSV, JSON or BASE64."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from .errors import AnalysisError
from .model_input import CSV, JSON, JSON_LINES
from .model_output import media_type

Json = Mapping[str, Any]


def kind_of(payload: Json) -> str:
    """The media type of a payload: its encoding, or for BASE64 what its content type says."""
    encoding = str(payload.get("encoding", "CSV")).upper()
    observed = media_type(str(payload.get("observedContentType", "")))
    if encoding == "CSV":
        return CSV
    if encoding == "JSON":
        return JSON_LINES if observed == JSON_LINES else JSON
    if observed in (CSV, JSON_LINES, JSON):
        return observed
    raise AnalysisError(
        f"Captured data with encoding {encoding} and content type {observed!r} is neither CSV nor JSON: list the type "
        "in CaptureContentTypeHeader of the endpoint's DataCaptureConfig."
    )


def text_of(payload: Json) -> str:
    """What went over the wire."""
    data = payload.get("data")
    text = data if isinstance(data, str) else "" if data is None else json.dumps(data)
    if str(payload.get("encoding", "")).upper() != "BASE64":
        return text
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise AnalysisError(f"Captured data is marked BASE64 but cannot be decoded: {error}.") from None


def documents_of(payload: Json) -> list[Any]:
    """The one document of a JSON payload, or those of its lines."""
    text = text_of(payload)
    try:
        return [json.loads(text)]
    except ValueError:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise AnalysisError(f"Captured data is marked JSON but is not: {error}.") from None
