"""Arrays to and from the content types of SageMaker's framework images.

Source: aws/sagemaker-inference-toolkit (`decoder`, `encoder`); pickled arrays are refused, as data must not run code.
"""

import json
import re
from io import BytesIO
from typing import Any

import numpy as np

from sagemaker_toolkit.errors import NotAcceptableError, RequestError, UnsupportedContentTypeError

CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"
NPY = "application/x-npy"
NPZ = "application/x-npz"

_EMPTY_FIELD = re.compile(rb"(?<=,)(?=[,\r\n]|\Z)|^(?=,)", re.MULTILINE)


def media_type(header: str) -> str:
    """`text/csv; charset=utf-8` -> `text/csv`."""
    return header.partition(";")[0].strip().lower()


def read_csv(data: bytes, dtype: Any = np.float32) -> np.ndarray:
    """Rows of numbers, an empty field is NaN; always two dimensions. Raises ValueError naming row and column."""
    if data.count(b"\n", 0, -1) < 4:  # a few rows: splitting beats the reader's set-up
        rows = [[float(v or "nan") for v in line.split(b",")] for line in data.split(b"\n") if line.strip()]
        if len({len(row) for row in rows}) > 1:
            raise ValueError(f"rows of different length: {sorted({len(row) for row in rows})} fields")
        return np.array(rows, dtype).reshape(len(rows), -1)
    if b",," in data or _EMPTY_FIELD.search(data):
        data = _EMPTY_FIELD.sub(b"nan", data)
    return np.loadtxt(BytesIO(data), delimiter=",", dtype=dtype, ndmin=2, comments=None)


def _csv(data: bytes) -> np.ndarray:
    return read_csv(data, np.float64)


def _json_lines(data: bytes) -> np.ndarray:
    return np.array([json.loads(line) for line in data.splitlines() if line.strip()])


def _npz(data: bytes) -> Any:
    import scipy.sparse

    return scipy.sparse.load_npz(BytesIO(data))


_DECODERS = {
    NPY: lambda data: np.load(BytesIO(data), allow_pickle=False),
    CSV: _csv,
    JSON: lambda data: np.array(json.loads(data)),
    JSON_LINES: _json_lines,
    NPZ: _npz,
}


def decode(body: bytes | str, content_type: str) -> Any:
    """The array (of NPZ: the sparse matrix) in a request's body. Raises UnsupportedContentTypeError, RequestError."""
    kind = media_type(content_type)
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise UnsupportedContentTypeError(content_type, list(_DECODERS))
    try:
        return decoder(body.encode() if isinstance(body, str) else body)
    except (ValueError, OSError, EOFError) as error:
        raise RequestError(f"the body is not valid {kind}: {error}") from error


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _to_csv(values: Any) -> bytes:
    rows = np.atleast_1d(np.asarray(values)).tolist()
    lines = (",".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows)
    return ("\n".join(lines) + "\n").encode()


def _to_npy(values: Any) -> bytes:
    buffer = BytesIO()
    np.save(buffer, np.asarray(values), allow_pickle=False)
    return buffer.getvalue()


def _to_json_lines(values: Any) -> bytes:
    return "".join(
        json.dumps(row, default=_plain) + "\n" for row in np.atleast_1d(np.asarray(values)).tolist()
    ).encode()


_ENCODERS = {
    JSON: lambda values: json.dumps(values, default=_plain).encode(),
    CSV: _to_csv,
    NPY: _to_npy,
    JSON_LINES: _to_json_lines,
}


def encode(values: Any, accept: str) -> bytes:
    """An array in an Accept type. Raises NotAcceptableError."""
    encoder = _ENCODERS.get(media_type(accept))
    if encoder is None:
        raise NotAcceptableError(accept, list(_ENCODERS))
    return encoder(values)
