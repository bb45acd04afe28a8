"""What the scikit-learn image does where the user's inference script defines no function of the name.

Source: SageMaker SDK guide, 'Using Scikit-learn with the SageMaker Python SDK'.
"""

from typing import Any

import numpy as np
from sagemaker_toolkit import arrays
from sagemaker_toolkit.errors import ClientError
from sagemaker_toolkit.handlers import Handler, ScriptHandler, find_script


def handler() -> Handler:
    """The user's script with these defaults. Raises ClientError if there is no script."""
    script = find_script()
    if script is None:
        raise ClientError(
            "there is no inference script: set SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY, "
            "or put code/inference.py into the model"
        )
    return ScriptHandler(script, Defaults(), arrays.JSON)


class Defaults:
    """The documented defaults; there is none for model_fn."""

    def model_fn(self, model_dir: str) -> Any:
        """Raises ClientError: only the user knows how the model was saved."""
        raise ClientError(f"the script defines no model_fn; provide one that loads the model from {model_dir}")

    def input_fn(self, body: Any, content_type: str) -> Any:
        """Rows of numbers: npy as it is, JSON and CSV as float32; npz is a sparse matrix."""
        rows = arrays.decode(body, content_type)
        if rows.ndim == 1:
            rows = rows.reshape(1, -1)
        text = arrays.media_type(content_type) in (arrays.JSON, arrays.CSV, arrays.JSON_LINES)
        return rows.astype(np.float32) if text else rows

    def predict_fn(self, data: Any, model: Any) -> Any:
        """What the model's predict says."""
        return model.predict(data)

    def output_fn(self, prediction: Any, accept: str) -> Any:
        """JSON, CSV or npy."""
        return arrays.encode(prediction, accept), accept
