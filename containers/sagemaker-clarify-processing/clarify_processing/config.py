"""analysis_config.json: read, checked, and with the meaning of its parts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bias import posttraining, pretraining
from .errors import AnalysisError
from .schema import check

FILE = "analysis_config.json"
EXPLANATIONS = ("shap", "pdp")
ANALYSES = ("pre_training_bias", "post_training_bias", *EXPLANATIONS)
IMAGE, CAPTURE = "application/x-image", "application/sagemakercapturejson"


def read_document(path: Path) -> Any:
    """analysis_config.json as it was written; AnalysisError if it is not there or no JSON."""
    if not path.is_file():
        raise AnalysisError(
            f"There is no {path.name} in the input analysis_config ({path.parent}): the input's S3Uri must be that "
            f"file, and the file must have that name."
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AnalysisError(f"{path.name} is not valid JSON in UTF-8: {error}.") from None


@dataclass(frozen=True)
class Facet:
    """A sensitive attribute; `values` are those of the group in question, or a single threshold."""

    place: str | int
    values: tuple[Any, ...] | None


@dataclass(frozen=True)
class Report:
    """What the report is called."""

    name: str = "report"
    title: str = "SageMaker Analysis Report"


@dataclass(frozen=True)
class AnalysisConfig:
    """The configuration; `document` is the file as it was written."""

    document: dict[str, Any]

    @classmethod
    def read(cls, folder: Path, model: str | None = None) -> "AnalysisConfig":
        """Read `folder/analysis_config.json`; AnalysisError if it is not there, no JSON or not right.

        `model` is the predictor's model_name where the file has none.
        """
        document = read_document(folder / FILE)
        predictor = document.get("predictor") if isinstance(document, dict) else None
        if model and isinstance(predictor, dict) and "endpoint_name" not in predictor:
            predictor.setdefault("model_name", model)
        return cls.parse(document)

    @classmethod
    def parse(cls, document: Any) -> "AnalysisConfig":
        """Check a document; AnalysisError names the key, the value, the rule and the way out."""
        check(document)
        config = cls(document)
        config._refuse_what_is_not_here()
        config._require_what_the_methods_need()
        return config

    @property
    def dataset_type(self) -> str:
        """A media type, in lower case."""
        return str(self.document["dataset_type"]).lower()

    @property
    def methods(self) -> dict[str, Any]:
        """The analyses asked for, by name."""
        return dict(self.document["methods"])

    @property
    def explains(self) -> bool:
        """Whether SHAP values or partial dependence are asked for."""
        return any(name in self.methods for name in EXPLANATIONS)

    @property
    def predictor(self) -> dict[str, Any] | None:
        """The block `predictor`, if there is one."""
        return self.document.get("predictor")

    @property
    def headers(self) -> list[str] | None:
        """The names of the columns, where the file gives them."""
        return self.document.get("headers")

    @property
    def label(self) -> str | int | None:
        """Name, index or JMESPath of the label."""
        return self.document.get("label")

    @property
    def positive_values(self) -> tuple[Any, ...]:
        """The label's values that are the good outcome, or one threshold."""
        return tuple(self.document.get("label_values_or_threshold", ()))

    @property
    def probability_threshold(self) -> float:
        """Above it a probability is the positive label."""
        return float(self.document.get("probability_threshold", 0.5))

    @property
    def facets(self) -> list[Facet]:
        """The sensitive attributes, in order."""
        return [
            Facet(each["name_or_index"], tuple(each["value_or_threshold"]) if "value_or_threshold" in each else None)
            for each in self.document.get("facet", ())
        ]

    @property
    def report(self) -> Report | None:
        """The report asked for, or None."""
        given = self.methods.get("report")
        return None if given is None else Report(**given)

    def metrics(self, stage: str) -> list[str]:
        """The names of the bias metrics of `pre_training_bias` or `post_training_bias`, in alphabetical order."""
        known = (pretraining if stage == "pre_training_bias" else posttraining).METRICS
        asked = self.methods[stage].get("methods", "all")
        if asked in ("all", ["all"]):
            return sorted(known)
        wrong = [name for name in asked if name not in known]
        if wrong:
            raise AnalysisError(
                f"{FILE}: methods.{stage}.methods names {wrong[0]!r}, which is not one of its metrics: "
                f'{", ".join(sorted(known))}, or "all".'
            )
        return sorted(set(asked))

    def _refuse_what_is_not_here(self) -> None:
        methods = self.document.get("methods", {})
        shap = methods.get("shap", {})
        for there, key, instead in (
            ("segment_config" in self.document, "segment_config", "run one job for each segment"),
            ("time_series_data_config" in self.document, "time_series_data_config", "remove it"),
            ("asymmetric_shapley_value" in methods, "methods.asymmetric_shapley_value", "use methods.shap"),
            ("text_config" in shap, "methods.shap.text_config", "explain tabular data"),
            ("image_config" in shap, "methods.shap.image_config", "explain tabular data"),
        ):
            if there:
                raise AnalysisError(f"{FILE}: {key} is not supported here, only tabular data as a whole is: {instead}.")
        if self.document.get("dataset_type", "").lower() in (IMAGE, CAPTURE):
            raise AnalysisError(
                f"{FILE}: dataset_type {self.document['dataset_type']} is not supported here. Use text/csv, "
                f"application/jsonlines, application/json or application/x-parquet."
            )

    def _require_what_the_methods_need(self) -> None:
        for key in ("dataset_type", "methods"):
            if key not in self.document:
                raise AnalysisError(f"{FILE}: {key} is missing, it is required: add it.")
        stages = [name for name in ANALYSES[:2] if name in self.methods]
        if not any(name in self.methods for name in ANALYSES):
            raise AnalysisError(f"{FILE}: methods asks for no analysis. Add at least one of {', '.join(ANALYSES)}.")
        for stage in stages:
            self.metrics(stage)
            for key in ("label", "label_values_or_threshold", "facet"):
                if key not in self.document:
                    raise AnalysisError(f"{FILE}: methods.{stage} needs {key}, which is missing: add it.")
        ready = ("predictor", "predicted_label", "predicted_label_dataset_uri")
        if "post_training_bias" in self.methods and not any(key in self.document for key in ready):
            raise AnalysisError(f"{FILE}: methods.post_training_bias needs predictions: add one of {', '.join(ready)}.")
        for method in EXPLANATIONS:
            if method in self.methods and "predictor" not in self.document:
                raise AnalysisError(f"{FILE}: methods.{method} asks a model, but predictor is missing: add it.")
        if self.dataset_type == "application/json" and "features" not in self.document:
            raise AnalysisError(f"{FILE}: features is missing. A JSON dataset needs the JMESPath of its rows: add it.")
