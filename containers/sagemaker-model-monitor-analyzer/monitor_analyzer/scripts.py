"""The user's pre- and post-processing scripts (model-monitor-pre-and-post-processing)."""

import importlib.util
import inspect
import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from .errors import AnalysisError

_DIRECTIONS = {
    "endpointInput": "endpoint_input",
    "endpointOutput": "endpoint_output",
    "batchTransformOutput": "batch_transform_output",
}


class Preprocessor:
    """`preprocess_handler(inference_record)` or `preprocess_handler(inference_record, logger)` of a script."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handler = _function(_module(path, "record_preprocessor_script"), "preprocess_handler", path)
        self._logger = logging.getLogger("preprocess_handler")
        self._with_logger = len(inspect.signature(self._handler).parameters) >= 2

    def rows(self, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The rows the script makes of one captured record; none if it returns an empty list (or None)."""
        argument = inference_record(record)
        result = _call(
            self._path, "preprocess_handler", self._handler, argument, *([self._logger] if self._with_logger else [])
        )
        rows = result if isinstance(result, list) else [] if result is None else [result]
        for row in rows:
            if not isinstance(row, dict):
                raise AnalysisError(
                    f"preprocess_handler in {self._path.name} returned a {type(row).__name__}. Return a flat "
                    "dictionary of column to value, or an empty list to leave the record out."
                )
            yield {str(name): row[name] for name in sorted(row, key=str)}


def run_postprocessor(path: Path) -> None:
    """Call `postprocess_handler()` after the reports are written."""
    _call(
        path,
        "postprocess_handler",
        _function(_module(path, "post_analytics_processor_script"), "postprocess_handler", path),
    )


def inference_record(record: Mapping[str, Any]) -> SimpleNamespace:
    """The record as scripts see it; a direction that was not captured is None."""
    data, event = record.get("captureData") or {}, record.get("eventMetadata") or {}
    attributes: dict[str, Any] = {name: _direction(data.get(key)) for key, name in _DIRECTIONS.items()}
    custom = event.get("customAttributes")
    return SimpleNamespace(
        **attributes,
        event_metadata=SimpleNamespace(
            event_id=event.get("eventId"),
            inference_id=event.get("inferenceId"),
            inference_time=event.get("inferenceTime"),
            custom_attributes=custom,
            custom_attribute=custom,
        ),
        event_version=record.get("eventVersion"),
    )


def _direction(payload: Mapping[str, Any] | None) -> SimpleNamespace | None:
    if payload is None:
        return None
    return SimpleNamespace(
        data=payload.get("data"),
        encoding=payload.get("encoding"),
        mode=payload.get("mode"),
        observed_content_type=payload.get("observedContentType"),
    )


def _module(path: Path, variable: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(variable, path)
    if spec is None or spec.loader is None:
        raise AnalysisError(f"{variable} {path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    _call(path, "the import", spec.loader.exec_module, module)
    return module


def _function(module: ModuleType, name: str, path: Path) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if not callable(function):
        raise AnalysisError(f"{path.name} defines no function {name}.")
    return function


def _call(path: Path, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        frames: Sequence[traceback.FrameSummary] = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None)
        where = f" at line {line}" if line else ""
        raise AnalysisError(f"{what} of {path.name} failed{where}: {type(error).__name__}: {error}") from error
