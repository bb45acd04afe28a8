"""Serving: models of the built-in algorithm, or the user's script.

Source: SageMaker guide, 'Common Data Formats for Inference' and 'Input/Output Interface for the XGBoost Algorithm'.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from sagemaker_toolkit import arrays
from sagemaker_toolkit.errors import ClientError, NotAcceptableError, RequestError, UnsupportedContentTypeError
from sagemaker_toolkit.handlers import Handler, ScriptHandler, find_script

from xgboost_algorithm.booster import Booster, BoosterError
from xgboost_algorithm.predictions import output_keys, selected

LIBSVM = ("text/libsvm", "text/x-libsvm")
PARQUET = "application/x-parquet"
KNOWN = [arrays.CSV, *LIBSVM, arrays.JSON, arrays.JSON_LINES, PARQUET]


def handler() -> Handler:
    """The user's script if there is one, otherwise the built-in algorithm."""
    script = find_script()
    return ScriptHandler(script, ScriptDefaults(), arrays.JSON) if script else ModelHandler()


def _may_be_model(name: str) -> bool:
    """No hidden file, and not the archive that the SDKs' local mode leaves beside what it unpacks."""
    return not name.startswith(".") and name != "model.tar.gz"


class ModelHandler:
    """All models of `/opt/ml/model`; of several (the folds of a cross-validation) the answer is their mean, or for
    predicted classes the majority."""

    inline = True
    accept = arrays.CSV

    def load(self, model_dir: Path) -> None:
        """Raises ClientError naming the folder or the file at fault."""
        files = [path for path in sorted(model_dir.iterdir()) if path.is_file() and _may_be_model(path.name)]
        if not files:
            raise ClientError(f"there is no model in {model_dir}; training leaves it as xgboost-model")
        self.boosters = []
        for path in files:
            try:
                self.boosters.append(Booster(path))
            except Exception as error:
                raise ClientError(f"{path} is not an XGBoost model: {error}") from error
        self.keys = output_keys(os.environ.get("SAGEMAKER_INFERENCE_OUTPUT", ""))
        self.batch = os.environ.get("SAGEMAKER_BATCH") == "true"

    def invoke(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Predictions, by default a line each."""
        if not body:
            return b"", accept
        kind = arrays.media_type(accept)
        if kind not in (arrays.CSV, arrays.JSON, arrays.JSON_LINES):
            raise NotAcceptableError(accept, [arrays.CSV, arrays.JSON, arrays.JSON_LINES])
        rows = read_rows(body, content_type, self.boosters[0].features)
        try:
            scores = self._predict(np.ascontiguousarray(rows, np.float32))
        except BoosterError as error:
            raise RequestError(f"Unable to evaluate payload provided: {error}") from error
        return self._encode(scores, kind), kind

    def _predict(self, rows: np.ndarray) -> np.ndarray:
        if len(self.boosters) == 1:
            return self.boosters[0].predict(rows)
        votes = np.stack([booster.predict(rows) for booster in self.boosters])
        if self.boosters[0].objective not in ("multi:softmax", "binary:hinge"):
            return votes.mean(axis=0)
        classes, places = np.unique(votes, return_inverse=True)
        counts = np.stack([(places.reshape(votes.shape) == i).sum(axis=0) for i in range(len(classes))])
        return classes[counts.argmax(axis=0)]

    def _encode(self, scores: np.ndarray, kind: str) -> bytes:
        model = self.boosters[0]
        if self.keys:
            records = selected(scores, self.keys, model.objective, model.classes)
            if kind == arrays.CSV:
                lines = (",".join(_field(value) for value in record.values()) for record in records)
                return ("\n".join(lines) + ("\n" if self.batch else "")).encode()
        else:
            values = scores.tolist()
            if kind == arrays.CSV:
                if scores.ndim == 1:
                    return ("\n".join(map(str, values)) + "\n").encode()
                return ("\n".join(",".join(map(str, row)) for row in values) + "\n").encode()
            records = [{"score": value} for value in values]
        if kind == arrays.JSON:
            return json.dumps({"predictions": records}).encode()
        return "".join(json.dumps(record) + "\n" for record in records).encode()


def _field(value: Any) -> str:
    return f'"{value}"' if isinstance(value, list) else str(value)


def read_rows(body: bytes, content_type: str, features: int) -> np.ndarray:
    """The rows of a request: float32, one row an instance, NaN where a value is missing.

    Raises UnsupportedContentTypeError, RequestError.
    """
    kind = arrays.media_type(content_type)
    if kind not in KNOWN:
        raise UnsupportedContentTypeError(content_type, KNOWN)
    try:
        if kind == arrays.CSV:
            rows = arrays.read_csv(body)
        elif kind == PARQUET:
            rows = _parquet(body)
        elif kind in LIBSVM:
            rows = _libsvm(body, features)
        else:
            rows = _json(body, lines=kind == arrays.JSON_LINES)
    except (ValueError, TypeError, KeyError) as error:
        raise RequestError(f"Loading {kind} data failed: {error}") from error
    return rows


def _json(body: bytes, *, lines: bool) -> np.ndarray:
    """`{"instances": [{"features": […]}]}`, `{"features": […]}` a line, or bare rows."""
    records = [json.loads(line) for line in body.splitlines() if line.strip()] if lines else json.loads(body)
    if isinstance(records, dict):
        records = records.get("instances", [records])
    rows = [record["features"] if isinstance(record, dict) else record for record in records]
    if rows and not isinstance(rows[0], list):
        rows = [rows]
    return np.array(rows, np.float32).reshape(len(rows), -1)


def _libsvm(body: bytes, features: int) -> np.ndarray:
    """Lines of `[<label>] <index>:<value> …`; what a line does not name is missing, as in training."""
    lines = [line.split() for line in body.splitlines() if line.strip()]
    rows = np.full((len(lines), features), np.nan, np.float32)
    for row, words in zip(rows, lines, strict=True):
        for word in words if b":" in words[0] else words[1:]:
            index, _, value = word.partition(b":")
            if not 0 <= int(index) < features:
                raise ValueError(f"index {int(index)} in a model of {features} features (0 to {features - 1})")
            row[int(index)] = float(value)
    return rows


def _parquet(body: bytes) -> np.ndarray:
    import tempfile

    import duckdb

    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(body)
        file.flush()
        try:
            columns = duckdb.read_parquet(file.name).fetchnumpy()
        except duckdb.Error as error:
            raise ValueError(str(error)) from error
    return np.column_stack([np.ma.filled(np.ma.asarray(c, np.float32), np.nan) for c in columns.values()])


class ScriptDefaults:
    """What the framework does where the user's script defines no function of the name."""

    def model_fn(self, model_dir: str) -> Any:
        """The model that the built-in algorithm would leave; the original asks for a model_fn."""
        import xgboost

        path = Path(model_dir) / "xgboost-model"
        if not path.is_file():
            raise ClientError(f"there is no {path}; provide a model_fn that loads what training left")
        return xgboost.Booster(model_file=bytearray(path.read_bytes()))

    def input_fn(self, body: Any, content_type: str) -> Any:
        """A DMatrix."""
        import xgboost

        data = body.encode() if isinstance(body, str) else body
        if arrays.media_type(content_type) in LIBSVM:
            from xgboost_algorithm.channels import read_libsvm

            return xgboost.DMatrix(read_libsvm([("the body", data)]).features)
        if arrays.media_type(content_type) in KNOWN:
            return xgboost.DMatrix(read_rows(data, content_type, 0))
        return xgboost.DMatrix(arrays.decode(data, content_type))

    def predict_fn(self, data: Any, model: Any) -> Any:
        """What the model's predict says."""
        return model.predict(data, validate_features=False)

    def output_fn(self, prediction: Any, accept: str) -> Any:
        """JSON, CSV or npy."""
        return arrays.encode(prediction, accept), accept
