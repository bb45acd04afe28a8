"""What answers an invocation: the image's own model, or the functions of the user's script.

Source: aws/sagemaker-inference-toolkit and the SageMaker SDK's guide to `model_fn` and its kin.
"""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from sagemaker_toolkit import arrays, code, layout
from sagemaker_toolkit.errors import ClientError


class Handler(Protocol):
    """A model that is loaded once in each worker and then answers bodies with bodies."""

    inline: bool
    """True if a small request is answered so fast that it may run in the worker's event loop, without a thread."""
    accept: str
    """The Content-Type of answers where the client does not say."""

    def load(self, model_dir: Path) -> None:
        """Load the model; any exception ends the server with its message."""

    def invoke(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Body and Content-Type of the answer. Raises RequestError; any other exception is the model's fault (500)."""


class Defaults(Protocol):
    """What a framework does where the user's script defines no function of the name."""

    def model_fn(self, model_dir: str) -> Any: ...

    def input_fn(self, body: Any, content_type: str) -> Any: ...

    def predict_fn(self, data: Any, model: Any) -> Any: ...

    def output_fn(self, prediction: Any, accept: str) -> Any: ...


class ScriptHandler:
    """The functions of a user's script: model_fn, then transform_fn, or input_fn, predict_fn and output_fn."""

    inline = False

    def __init__(self, script: Path | None, defaults: Defaults, accept: str) -> None:
        self.script, self.defaults, self.accept = script, defaults, accept
        self.model: Any = None
        self.transform: Any = self._steps

    def load(self, model_dir: Path) -> None:
        """Import the script and call its model_fn."""
        module = _import(self.script) if self.script else ModuleType("inference")
        steps = ("input_fn", "predict_fn", "output_fn")
        if hasattr(module, "transform_fn"):
            if own := [name for name in steps if hasattr(module, name)]:
                raise ClientError(f"{self.script} defines transform_fn and also {', '.join(own)}; keep one of the two")
            self.transform = module.transform_fn
        self._input, self._predict, self._output = (
            getattr(module, name, getattr(self.defaults, name)) for name in steps
        )
        self.model = getattr(module, "model_fn", self.defaults.model_fn)(str(model_dir))

    def invoke(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """JSON and CSV reach the script as text, everything else as bytes. The script returns the answer's body, or a
        pair of it and its Content-Type."""
        content: Any = body
        if arrays.media_type(content_type) in (arrays.JSON, arrays.CSV):
            content = body.decode("utf-8")
        result = self.transform(self.model, content, content_type, accept)
        if isinstance(result, tuple):
            result, accept = result
        if isinstance(result, str):
            return result.encode(), accept
        if isinstance(result, (bytes, bytearray, memoryview)):
            return bytes(result), accept
        return arrays.encode(result, accept), accept

    def _steps(self, model: Any, content: Any, content_type: str, accept: str) -> Any:
        return self._output(self._predict(self._input(content, content_type), model), accept)


def find_script() -> Path | None:
    """The user's inference script: SAGEMAKER_PROGRAM in SAGEMAKER_SUBMIT_DIRECTORY (an archive is unpacked, its
    requirements are installed), or `code/inference.py` of the model; None if there is neither."""
    program = os.environ.get("SAGEMAKER_PROGRAM")
    source = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY") or ""
    folder = layout.relocated(source) if source else layout.MODEL / "code"
    if source and not folder.is_dir():
        code.bring(source, layout.CODE)
        folder = layout.CODE
    script = folder / (program or "inference.py")
    if not script.suffix:
        script = script.with_suffix(".py")
    if not script.is_file():
        if program:
            raise ClientError(f"SAGEMAKER_PROGRAM {program!r} is not in {folder}")
        return None
    code.install_requirements(folder)
    return script


def _import(script: Path) -> ModuleType:
    if str(script.parent) not in sys.path:
        sys.path.insert(0, str(script.parent))
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module  # pickles name the classes of the script by its module
    spec.loader.exec_module(module)
    return module
