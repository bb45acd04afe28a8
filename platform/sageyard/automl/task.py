"""What an AutoML job is asked for, whichever version of the API asked (API reference: CreateAutoMLJob, -V2)."""

from dataclasses import dataclass

from sageyard.automl.search_space import ENSEMBLE, SPACES
from sageyard.errors import ValidationError
from sageyard.resources.spec import Document

SECOND = "AutoMLProblemTypeConfig"
"""What every request of CreateAutoMLJobV2 has and none of CreateAutoMLJob."""
TABULAR = "TabularJobConfig"
CLASSES = {"Accuracy", "BalancedAccuracy"}
OBJECTIVES = {
    "BinaryClassification": CLASSES | {"F1", "AUC", "Precision", "Recall"},
    "MulticlassClassification": CLASSES | {"F1macro", "PrecisionMacro", "RecallMacro"},
    "Regression": {"MSE", "RMSE", "MAE", "R2"},
}
MINIMIZED = {"MSE", "RMSE", "MAE"}
MOST_CANDIDATES = 250
"""Where the request says nothing (API reference: AutoMLJobCompletionCriteria)."""
TRAINING, VALIDATION = "training", "validation"
HYPERPARAMETERS = ("xgboost", "linear-learner", "mlp")
"""What mode HYPERPARAMETER_TUNING may choose from (API reference: AutoMLAlgorithmConfig)."""
ENSEMBLING = ("xgboost", "randomforest", "extra-trees", "linear-learner", ENSEMBLE)
FRACTION = 0.2


@dataclass(frozen=True, slots=True)
class Task:
    """`channels` are by type; `most` is None where no MaxCandidates is named, seconds where there is no limit."""

    target: str
    weight: str | None
    problem_type: str | None
    objective: str | None
    channels: dict[str, Document]
    algorithms: tuple[str, ...]
    most: int | None
    seconds_each: int | None
    seconds: int | None
    definitions_only: bool
    validation_fraction: float
    feature_specification: str | None
    output: Document
    deploy: Document | None

    @property
    def ensembles(self) -> bool:
        return ENSEMBLE in self.algorithms


def problem(request: Document) -> str:
    """`Tabular`, or what else CreateAutoMLJobV2 was asked for: `TextClassification`."""
    name: str = next(iter(request.get(SECOND, {TABULAR: {}})))
    return name.removesuffix("JobConfig")


def read(request: Document) -> Task:
    """The task of a request for tabular data; ValidationError for members that do not go together."""
    if SECOND in request:
        config: Document = request[SECOND][TABULAR]
        channels = request["AutoMLJobInputDataConfig"]
        target, weight = config["TargetAttributeName"], config.get("SampleWeightAttributeName")
        split, kind = request.get("DataSplitConfig", {}), config.get("ProblemType")
        definitions_only = config.get("GenerateCandidateDefinitionsOnly", False)
    else:
        outer: Document = request.get("AutoMLJobConfig", {})
        config = outer | outer.get("CandidateGenerationConfig", {})
        channels = request["InputDataConfig"]
        target, weight = channels[0]["TargetAttributeName"], channels[0].get("SampleWeightAttributeName")
        split, kind = outer.get("DataSplitConfig", {}), request.get("ProblemType")
        definitions_only = request.get("GenerateCandidateDefinitionsOnly", False)
    objective = request.get("AutoMLJobObjective", {}).get("MetricName")
    _check_objective(kind, objective)
    algorithms = _algorithms(config)
    criteria = config.get("CompletionCriteria", {})
    return Task(
        target=target,
        weight=weight,
        problem_type=kind,
        objective=objective,
        channels=_by_type(channels, split),
        algorithms=algorithms,
        most=criteria.get("MaxCandidates"),
        seconds_each=criteria.get("MaxRuntimePerTrainingJobInSeconds"),
        seconds=criteria.get("MaxAutoMLJobRuntimeInSeconds"),
        definitions_only=definitions_only,
        validation_fraction=split.get("ValidationFraction", FRACTION),
        feature_specification=config.get("FeatureSpecificationS3Uri"),
        output=request["OutputDataConfig"],
        deploy=request.get("ModelDeployConfig"),
    )


def _check_objective(kind: str | None, objective: str | None) -> None:
    if (kind is None) != (objective is None):
        raise ValidationError(
            "Give both ProblemType and AutoMLJobObjective, or neither: then both are found in the data."
        )
    if kind is not None and objective not in OBJECTIVES[kind]:
        raise ValidationError(
            f"AutoMLJobObjective {objective} does not judge a {kind}: use one of {', '.join(sorted(OBJECTIVES[kind]))}."
        )


def _algorithms(config: Document) -> tuple[str, ...]:
    """By the mode, or those that are asked for; with several, ENSEMBLING adds their ensemble."""
    ensembling = config.get("Mode") == "ENSEMBLING"
    usual = ENSEMBLING if ensembling else HYPERPARAMETERS
    asked = [name for one in config.get("AlgorithmsConfig", []) for name in one["AutoMLAlgorithms"]]
    if not asked:
        return usual
    if absent := [name for name in asked if name not in SPACES]:
        known = ", ".join(sorted(set(SPACES) - {ENSEMBLE}))
        raise ValidationError(f"AutoMLAlgorithms has {absent[0]!r}, which Sageyard does not carry out: use {known}.")
    return (*asked, ENSEMBLE) if ensembling and len(asked) > 1 else tuple(asked)


def _by_type(channels: list[Document], split: Document) -> dict[str, Document]:
    found = {channel.get("ChannelType", TRAINING): channel for channel in channels}
    if len(found) < len(channels) or TRAINING not in found:
        raise ValidationError("Give one channel of ChannelType training, and at most one of ChannelType validation.")
    if VALIDATION in found and split:
        raise ValidationError("Give either a validation channel or a DataSplitConfig, not both.")
    for channel in channels:
        if "DataSource" not in channel:
            raise ValidationError("A channel needs a DataSource: give it an S3DataSource.")
        if (kind := channel["DataSource"]["S3DataSource"]["S3DataType"]) == "AugmentedManifestFile":
            raise ValidationError(f"S3DataType {kind} does not hold tabular data: use S3Prefix or ManifestFile.")
    return found
