"""One training job definition's part of a tuning job: what is searched, by what strategy, for which objective."""

from random import Random

from sageyard.errors import ValidationError
from sageyard.resources.spec import Document
from sageyard.tuning.median_rule import falls_behind
from sageyard.tuning.progress import Progress
from sageyard.tuning.ranges import Point, read_ranges
from sageyard.tuning.strategies import STRATEGIES
from sageyard.tuning.warm_start import definitions, is_identical, objective, standardized


class Search:
    """Ranges, objective and strategy of one definition. `earlier` are the observations of a warm start's parents."""

    def __init__(self, request: Document, definition: Document, random: Random) -> None:
        config = request["HyperParameterTuningJobConfig"]
        self.definition = definition
        self.name: str = definition.get("DefinitionName", "")
        self.objective = objective(request, definition)
        self.comparable = is_identical(request)
        self.earlier: list[tuple[Point, float]] = []
        ranges = read_ranges(definition.get("HyperParameterRanges") or config.get("ParameterRanges") or {})
        if not self.objective:
            raise ValidationError("A tuning job needs a HyperParameterTuningJobObjective or a TuningObjective.")
        if not ranges:
            raise ValidationError("A tuning job needs at least one range in ParameterRanges or HyperParameterRanges.")
        if "StrategyConfig" in config and config["Strategy"] != "Hyperband":
            raise ValidationError(f"StrategyConfig is for Strategy Hyperband, and not for {config['Strategy']}.")
        self.strategy = STRATEGIES[config["Strategy"]](ranges, random, config, definition)
        self.size = self.strategy.size
        self._early = config.get("TrainingJobEarlyStoppingType") == "Auto"

    @property
    def sign(self) -> float:
        """Strategies look for the least: a maximum is sought with signs changed."""
        return -1.0 if self.objective["Type"] == "Maximize" else 1.0

    def choose(self, number: int, known: list[tuple[Point, float]]) -> Point:
        """The point of the job with this number; `known` are this tuning job's own observations."""
        if self.earlier and not self.comparable:
            values = standardized([value for _, value in known])
            known = [(point, value) for (point, _), value in zip(known, values, strict=True)]
        return self.strategy.choose(number, [*self.earlier, *known])

    def stops(self, job: Progress, others: list[Progress]) -> bool:
        """Whether a running job is to be stopped, asked after each of its epochs."""
        return self.strategy.stops(job, others) or (self._early and falls_behind(job, others))

    def values(self, point: Point) -> dict[str, str]:
        """Hyperparameters at a point."""
        return {one.name: one.value(point[one.name]) for one in self.strategy.ranges}


def searches(request: Document, name: str) -> list[Search]:
    """Of all definitions; the same seed chooses the same points. Raises ValidationError."""
    single, several = request.get("TrainingJobDefinition"), request.get("TrainingJobDefinitions")
    if (single is None) == (several is None):
        raise ValidationError("Give either TrainingJobDefinition or TrainingJobDefinitions.")
    seed = request["HyperParameterTuningJobConfig"].get("RandomSeed", name)
    return [
        Search(request, definition, Random(f"{seed} {number}"))  # noqa: S311 - a draw, not a secret
        for number, definition in enumerate(definitions(request))
    ]
