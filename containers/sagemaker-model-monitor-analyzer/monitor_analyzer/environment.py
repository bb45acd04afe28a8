"""What the job was asked to do: the container's environment variables, read once.

Names and meanings: AWS developer guide, model-monitor-byoc-contract-inputs; the baseline job's variables as the
SageMaker SDKs write them. SDK v2 writes `{"csv": {"header": true}}`, v3 `{"Csv": {"Header": true}}`: both are read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import AnalysisError
from .window import Window, moment

FORMATS = ("csv", "json", "parquet", "sagemakercapturejson", "sagemakermergejson")
PROBLEM_TYPES = ("Regression", "BinaryClassification", "MulticlassClassification")
CAPTURE_INDEXES = ("endpointInput", "endpointOutput")


@dataclass(frozen=True, slots=True)
class DatasetFormat:
    """`kind` is one of FORMATS; the other members matter for the kind they are named after."""

    kind: str
    csv_header: bool = False
    output_columns_last: bool = False
    json_lines: bool = True
    capture_indexes: tuple[str, ...] = CAPTURE_INDEXES


@dataclass(frozen=True, slots=True)
class QualityRequest:
    """Which problem a model solves and where its answers and the labels stand; `threshold` is of the probability."""

    problem_type: str
    inference: str | None = None
    probability: str | None = None
    ground_truth: str | None = None
    threshold: float = 0.5


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """A job that joins captured calls, or outputs of transform jobs in `dataset_format`, with ground truth."""

    source: Path
    ground_truth: Path
    output: Path
    window: Window | None = None
    dataset_format: DatasetFormat | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One job, with every path already on this machine."""

    base: Path
    source: Path
    output: Path
    dataset_format: DatasetFormat
    window: Window | None = None
    constraints: Path | None = None
    statistics: Path | None = None
    preprocessor: Path | None = None
    postprocessor: Path | None = None
    publish_metrics: bool = False
    metric_time: datetime | None = None
    dimensions: dict[str, str] = field(default_factory=dict)
    categorical_drift_method: str | None = None
    quality: QualityRequest | None = None
    excluded: tuple[str, ...] = ()
    """Columns to leave out, by name or index."""


def base_directory(variables: Mapping[str, str]) -> Path:
    """Where /opt/ml lies: SAGEMAKER_BASE_DIR, else /opt/ml itself."""
    return Path(variables.get("SAGEMAKER_BASE_DIR") or "/opt/ml")


def read_request(variables: Mapping[str, str]) -> Request:
    """Read the environment; raises AnalysisError naming the variable that is missing or wrong."""
    analysis = variables.get("analysis_type", "").upper()
    if analysis not in ("", "DATA_QUALITY", "MODEL_QUALITY"):
        raise AnalysisError(
            f"analysis_type={variables['analysis_type']} is not supported by this container: it analyses data quality "
            "and model quality. Set it to DATA_QUALITY or MODEL_QUALITY."
        )
    dimensions = {
        "Endpoint": variables.get("sagemaker_endpoint_name", ""),
        "MonitoringSchedule": variables.get("sagemaker_monitoring_schedule_name", ""),
    }
    return Request(
        base=base_directory(variables),
        source=_source(variables),
        output=_required(variables, "output_path"),
        dataset_format=read_format(variables.get("dataset_format", "")),
        window=_window(variables),
        constraints=_file(variables, "baseline_constraints", "constraints.json"),
        statistics=_file(variables, "baseline_statistics", "statistics.json"),
        preprocessor=_file(variables, "record_preprocessor_script"),
        postprocessor=_file(variables, "post_analytics_processor_script"),
        publish_metrics=variables.get("publish_cloudwatch_metrics", "").lower() == "enabled",
        metric_time=_time(variables, "metric_time") or _time(variables, "start_time"),
        dimensions={name: value for name, value in dimensions.items() if value},
        categorical_drift_method=variables.get("categorical_drift_method") or None,
        quality=_quality(variables) if analysis == "MODEL_QUALITY" else None,
        excluded=tuple(
            part.strip() for part in variables.get("exclude_features_attribute", "").split(",") if part.strip()
        ),
    )


def read_merge(variables: Mapping[str, str]) -> MergeRequest:
    """The request of a merge job; raises AnalysisError as read_request does."""
    return MergeRequest(
        source=_source(variables),
        ground_truth=_source(variables, "ground_truth_source"),
        output=_required(variables, "output_path"),
        window=_window(variables),
        dataset_format=read_format(given) if (given := variables.get("dataset_format")) else None,
    )


def read_format(text: str) -> DatasetFormat:
    """Read `dataset_format`, whatever the casing of its keys."""
    try:
        document = _lower_keys(json.loads(text))
    except ValueError:
        document = None
    kinds = [kind for kind in FORMATS if isinstance(document, dict) and kind in document]
    if not kinds:
        raise AnalysisError(
            f"dataset_format {text!r} is not understood. Use one of "
            '{"csv":{"header":true}}, {"json":{"lines":true}}, {"parquet":{}}, '
            '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}, '
            '{"sagemakerMergeJson":{"captureIndexNames":["endpointOutput"]}}.'
        )
    options = document[kinds[0]] or {}
    position = options.get("output_columns_position", options.get("outputcolumnsposition", "START"))
    indexes = options.get("captureindexnames", options.get("capture_index_names")) or CAPTURE_INDEXES
    return DatasetFormat(
        kind=kinds[0],
        csv_header=_true(options.get("header", False)),
        output_columns_last=str(position).upper() == "END",
        json_lines=_true(options.get("lines", options.get("line", True))),
        capture_indexes=tuple(indexes),
    )


def _lower_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.lower(): _lower_keys(inner) for key, inner in value.items()}
    return value


def _true(value: object) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


def _time(variables: Mapping[str, str], name: str) -> datetime | None:
    value = variables.get(name, "").strip()
    if not value:
        return None
    try:
        return moment(value)
    except ValueError:
        raise AnalysisError(f"{name}={value} is not an ISO 8601 time such as 2026-01-31T12:00:00Z.") from None


def _window(variables: Mapping[str, str]) -> Window | None:
    start, end = _time(variables, "start_time"), _time(variables, "end_time")
    if start is None or end is None:
        return None
    if start >= end:
        raise AnalysisError(f"start_time {start.isoformat()} is not before end_time {end.isoformat()}.")
    return Window(start, end)


def _quality(variables: Mapping[str, str]) -> QualityRequest:
    problem = variables.get("problem_type", "")
    if problem not in PROBLEM_TYPES:
        raise AnalysisError(
            f"problem_type={problem!r} is not one of {', '.join(PROBLEM_TYPES)}. Set it to one of them."
        )
    threshold = variables.get("probability_threshold_attribute") or "0.5"
    try:
        limit = float(threshold)
    except ValueError:
        raise AnalysisError(f"probability_threshold_attribute={threshold} is not a number such as 0.5.") from None
    request = QualityRequest(
        problem_type=problem,
        inference=variables.get("inference_attribute") or None,
        probability=variables.get("probability_attribute") or None,
        ground_truth=variables.get("ground_truth_attribute") or None,
        threshold=limit,
    )
    if request.inference is None and (request.probability is None or problem != "BinaryClassification"):
        raise AnalysisError(
            f"inference_attribute is missing: a {problem} analysis needs the index, column or JSONPath of the "
            "prediction. Set InferenceAttribute of the job definition's input, or inference_attribute of the baseline"
            + (", or the probability's." if problem == "BinaryClassification" else ".")
        )
    return request


def _path(variables: Mapping[str, str], name: str) -> Path | None:
    value = variables.get(name, "").strip().removeprefix("file://")
    if not value:
        return None
    inside = Path(value).is_relative_to("/opt/ml")
    return base_directory(variables) / Path(value).relative_to("/opt/ml") if inside else Path(value)


def _required(variables: Mapping[str, str], name: str) -> Path:
    found = _path(variables, name)
    if found is None:
        raise AnalysisError(f"The environment variable {name} is missing. Set it to a path in the container.")
    return found


def _source(variables: Mapping[str, str], name: str = "dataset_source") -> Path:
    found = _required(variables, name)
    if not found.exists():
        raise AnalysisError(
            f"No data: {name} {found} does not exist. Give the job an input whose LocalPath is that directory."
        )
    return found


def _file(variables: Mapping[str, str], variable: str, default_name: str = "") -> Path | None:
    path = _path(variables, variable)
    if path is not None and path.is_dir() and default_name:
        path = path / default_name
    if path is not None and not path.is_file():
        raise AnalysisError(f"{variable} names {path}, but there is no such file. Check the job's inputs.")
    return path
