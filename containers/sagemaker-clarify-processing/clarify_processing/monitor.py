"""The job of a monitoring schedule: what it is asked to do, in variables, and the dataset that it analyses.

Names of the variables: model-monitor-byoc-contract-inputs, and those of a model quality job for where features and
predictions stand. The configuration is that which ModelBiasMonitor and ModelExplainabilityMonitor of the SDKs upload:
it says neither what the data's format is nor, of bias, which metrics are wanted. All of them are.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .config import AnalysisConfig, read_document
from .dataset import Dataset, arrange, load
from .errors import AnalysisError
from .files import Table
from .folders import Folders
from .model_input import CSV, JSON, JSON_LINES
from .monitor_captures import PREDICTED, Attributes, Window, captured, frame_of, labelled_table

BIAS, EXPLAINABILITY = "MODEL_BIAS", "MODEL_EXPLAINABILITY"
PARQUET = "application/x-parquet"
REPORT = {"name": "report", "title": "Monitoring Analysis Report"}


@dataclass(frozen=True)
class Monitor:
    """One execution. `dimensions` and `time` are those of its CloudWatch metrics."""

    analysis: str
    configuration: Path
    source: Path
    form: Mapping[str, Any]
    window: Window
    attributes: Attributes
    excluded: tuple[str, ...]
    threshold: float | None
    publishes: bool
    dimensions: Mapping[str, str]
    time: datetime

    @classmethod
    def find(cls, variables: Mapping[str, str], folders: Folders) -> "Monitor | None":
        """Read the variables; None if they are not those of a monitoring job."""
        analysis = variables.get("analysis_type", "")
        if analysis not in (BIAS, EXPLAINABILITY):
            return None
        window = Window(_moment(variables, "start_time"), _moment(variables, "end_time"))
        names = {
            "Endpoint": variables.get("sagemaker_endpoint_name", ""),
            "MonitoringSchedule": variables.get("sagemaker_monitoring_schedule_name", ""),
        }
        threshold = variables.get("probability_threshold_attribute")
        return cls(
            analysis,
            folders.local(variables["analysis_config"]),
            folders.local(variables["dataset_source"]),
            json.loads(variables["dataset_format"]),
            window,
            Attributes.read(variables),
            tuple(filter(None, map(str.strip, variables.get("exclude_features_attribute", "").split(",")))),
            float(threshold) if threshold else None,
            variables.get("publish_cloudwatch_metrics", "").lower() == "enabled",
            {name: value for name, value in names.items() if value},
            _moment(variables, "metric_time") if variables.get("metric_time") else window.start,
        )

    def load(self, scratch: Path) -> tuple[AnalysisConfig, Dataset]:
        """Configuration and dataset; AnalysisError names what is missing or does not fit."""
        document = read_document(self.configuration)
        if not isinstance(document, dict):
            raise AnalysisError("analysis_config.json must be an object.")
        methods = document.setdefault("methods", {})
        methods.setdefault("report", REPORT)
        if self.excluded:
            excluded = [int(place) if place.isdigit() else place for place in self.excluded]
            document["excluded_columns"] = [*document.get("excluded_columns", ()), *excluded]
        if self.threshold is not None:
            document["probability_threshold"] = self.threshold
        return self._bias(document, scratch) if self.analysis == BIAS else self._explained(document, scratch)

    def _bias(self, document: dict[str, Any], scratch: Path) -> tuple[AnalysisConfig, Dataset]:
        methods = document["methods"]
        if not methods.keys() & {"pre_training_bias", "post_training_bias"}:
            methods |= {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}}
        document |= {"dataset_type": CSV, "predicted_label": PREDICTED}
        config = AnalysisConfig.parse(document)
        table = labelled_table(config, captured(self.source, self.window), self.attributes)
        return config, arrange(config, table, scratch)

    def _explained(self, document: dict[str, Any], scratch: Path) -> tuple[AnalysisConfig, Dataset]:
        methods = document["methods"]
        if not methods.keys() & {"shap", "pdp"}:
            raise AnalysisError("analysis_config.json: methods asks for no explanation. Add shap.")
        predictor = document.get("predictor", {})
        for key, place in (("label", self.attributes.inference), ("probability", self.attributes.probability)):
            if place is not None:
                predictor.setdefault(key, place)
        if self.attributes.features is not None:
            document["features"] = self.attributes.features
        if (kind := self._file_type()) is not None:
            document["dataset_type"] = kind
            config = AnalysisConfig.parse(document)
            return config, load(config, self.source, scratch)
        records = captured(self.source, self.window)
        document["dataset_type"] = CSV if records.is_csv() else JSON_LINES
        config = AnalysisConfig.parse(document)
        frame = frame_of(config, records, self.attributes)
        return config, arrange(config, Table(frame, None, None, 1), scratch)

    def _file_type(self) -> str | None:
        """The type of the files that transform jobs have read; None for captured calls."""
        kind, options = next(iter(self.form.items()))
        if kind == "json":
            return JSON_LINES if (options or {}).get("line") in (True, "true") else JSON
        return {"csv": CSV, "parquet": PARQUET}.get(kind)


def _moment(variables: Mapping[str, str], name: str) -> datetime:
    value = datetime.fromisoformat(variables[name])
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
