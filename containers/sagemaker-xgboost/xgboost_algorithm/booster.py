"""A trained model behind XGBoost's C API, for prediction only.

The Python package costs a serving worker 0.5 to 3 s at its start, 130 MB, and three quarters of the time of a small
prediction; the few C functions that prediction needs are stable and documented (xgboost docs, 'C API Tutorial').
Models that were pickled, as image version 0.90 did, need the package to be read, and then only its handle is used.
"""

import ctypes
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

_PREDICT = (
    b'{"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN,"cache_id":0}'
)
_MATRIX = b'{"missing":NaN,"nthread":1}'


class BoosterError(ValueError):
    """XGBoost refused; the message is its own, without the native stack."""


def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("xgboost")
    if spec is None or not spec.submodule_search_locations:
        raise BoosterError("the package xgboost is not installed")
    name = {"darwin": "libxgboost.dylib", "win32": "xgboost.dll"}.get(sys.platform, "libxgboost.so")
    library = ctypes.CDLL(str(Path(spec.submodule_search_locations[0]) / "lib" / name))
    library.XGBGetLastError.restype = ctypes.c_char_p
    return library


class Booster:
    """One model, read from a file of XGBoost's own formats or from a pickle."""

    def __init__(self, path: Path) -> None:
        self._library = _library()
        self._handle = ctypes.c_void_p()
        self._shape = ctypes.POINTER(ctypes.c_uint64)()
        self._dimensions = ctypes.c_uint64()
        self._result = ctypes.POINTER(ctypes.c_float)()
        if path.open("rb").read(1) == b"\x80":
            self._pickled: Any = _unpickle(path)
            self._handle = self._pickled.handle
        else:
            self._call("XGBoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(self._handle))
            model = path.read_bytes()  # from a buffer, as from a file XGBoost wants to see a suffix
            self._call("XGBoosterLoadModelFromBuffer", self._handle, model, ctypes.c_uint64(len(model)))
        self._call("XGBoosterSetParam", self._handle, b"nthread", b"1")
        features = ctypes.c_uint64()
        self._call("XGBoosterGetNumFeature", self._handle, ctypes.byref(features))
        self.features = int(features.value)
        learner = self._configuration()["learner"]
        self.objective: str = learner["objective"]["name"]
        self.classes = int(learner["learner_model_param"].get("num_class", 0))
        self._linear = learner["gradient_booster"]["name"] == "gblinear"

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Predictions for a C-contiguous float32 array (rows x features), NaN is missing. Raises BoosterError."""
        if rows.shape[1] != self.features:
            raise BoosterError(f"{rows.shape[1]} features were sent, the model was trained with {self.features}")
        if self._linear:  # no in-place prediction for linear boosters
            return self._predict_matrix(rows)
        self._call("XGBoosterPredictFromDense", self._handle, _interface(rows), _PREDICT, None, *self._out())
        return self._values()

    def _predict_matrix(self, rows: np.ndarray) -> np.ndarray:
        matrix = ctypes.c_void_p()
        self._call("XGDMatrixCreateFromDense", _interface(rows), _MATRIX, ctypes.byref(matrix))
        try:
            self._call("XGBoosterPredictFromDMatrix", self._handle, matrix, _PREDICT, *self._out())
            return self._values()
        finally:
            self._call("XGDMatrixFree", matrix)

    def _out(self) -> tuple[Any, Any, Any]:
        return ctypes.byref(self._shape), ctypes.byref(self._dimensions), ctypes.byref(self._result)

    def _values(self) -> np.ndarray:
        shape = tuple(self._shape[i] for i in range(self._dimensions.value))
        return np.ctypeslib.as_array(self._result, shape=shape).copy()

    def _configuration(self) -> Any:
        length, text = ctypes.c_uint64(), ctypes.c_char_p()
        self._call("XGBoosterSaveJsonConfig", self._handle, ctypes.byref(length), ctypes.byref(text))
        return json.loads(text.value or b"{}")

    def _call(self, name: str, *arguments: Any) -> None:
        if getattr(self._library, name)(*arguments):
            message = self._library.XGBGetLastError().decode(errors="replace")
            raise BoosterError(message.partition("\nStack trace")[0].strip())


def _interface(rows: np.ndarray) -> bytes:
    return b'{"data":[%d,true],"shape":[%d,%d],"typestr":"<f4","version":3}' % (rows.ctypes.data, *rows.shape)


def _unpickle(path: Path) -> Any:
    import pickle

    with path.open("rb") as file:
        model = pickle.load(file)
    return model.get_booster() if hasattr(model, "get_booster") else model
