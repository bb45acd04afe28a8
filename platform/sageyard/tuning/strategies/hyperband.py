"""Hyperband: many configurations begin, and those that are behind are stopped after few epochs.

Source: Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar (2018), without waiting for each other as Li et al. (2020)
have it; HyperbandStrategyConfig for the resources. AWS says nothing of the brackets, and these are the papers'.
"""

from random import Random

from sageyard.errors import ValidationError
from sageyard.resources.spec import Document
from sageyard.tuning.progress import Progress
from sageyard.tuning.ranges import Point, Range
from sageyard.tuning.strategies.base import Strategy

KEEP = 3
"""Of so many jobs that have come to a rung, one goes on; the next rung takes so many times the epochs."""
STATED = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""Static hyperparameters that tell MaxResource where the request does not."""
MOST = 20_000


class Hyperband(Strategy):
    """Points are drawn at random. A bracket is a ladder of rungs, from MinResource or a multiple of it to MaxResource:
    some jobs are judged early and others late, as an early lead may deceive."""

    def __init__(self, ranges: list[Range], random: Random, config: Document, definition: Document) -> None:
        super().__init__(ranges, random, config, definition)
        given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
        self.least: int = given.get("MinResource", 1)
        self.most = most = given.get("MaxResource") or _stated(definition.get("StaticHyperParameters", {}))
        if config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
            raise ValidationError(
                "TrainingJobEarlyStoppingType must be Off for the Hyperband strategy, which stops training jobs itself."
            )
        if not self.least <= most <= MOST:
            raise ValidationError(
                f"MaxResource {most} of HyperbandStrategyConfig must be at least MinResource {self.least} and at most "
                f"{MOST}."
            )
        rungs = []
        rung = self.least
        while rung < most:
            rungs.append(rung)
            rung *= KEEP
        self._brackets = [rungs[first:] for first in range(len(rungs) + 1)]
        self._shares = [KEEP ** (len(ladder)) / (len(ladder) + 1) for ladder in self._brackets]

    def choose(self, number: int, known: list[tuple[Point, float]]) -> Point:
        return self.anywhere()

    def stops(self, job: Progress, others: list[Progress]) -> bool:
        epochs = len(job.values)
        if epochs > self.most:
            return True
        ladder = self.bracket(job.number)
        if epochs not in ladder:
            return False
        beside = [
            other.values[epochs - 1]
            for other in others
            if len(other.values) >= epochs and self.bracket(other.number) == ladder
        ]
        better = sum(value < job.values[-1] for value in beside)
        return better >= max(1, (len(beside) + 1) // KEEP) and len(beside) + 1 >= KEEP

    def enough(self, job: Progress) -> bool:
        return len(job.values) >= self.most

    def bracket(self, number: int) -> list[int]:
        """The rungs at which the job with this number is judged: the same whenever it is asked."""
        drawn = Random(f"bracket {number}").random() * sum(self._shares)  # noqa: S311 - a draw, not a secret
        for ladder, share in zip(self._brackets, self._shares, strict=True):
            drawn -= share
            if drawn < 0:
                return ladder
        return self._brackets[-1]


def _stated(static: dict[str, str]) -> int:
    """MaxResource as the static hyperparameters tell it."""
    for name in STATED:
        if (text := static.get(name)) is not None:
            try:
                return int(text)
            except ValueError:
                raise ValidationError(f"Static hyperparameter {name} is {text!r}, and no number of epochs.") from None
    raise ValidationError(
        "Strategy Hyperband needs MaxResource: give it in StrategyConfig's HyperbandStrategyConfig, or as one of the "
        f"static hyperparameters {', '.join(STATED)}."
    )
