"""What a strategy is: it chooses the next point, knowing how good those before were."""

from abc import ABC, abstractmethod
from random import Random

from sageyard.resources.spec import Document
from sageyard.tuning.progress import Progress
from sageyard.tuning.ranges import Point, Range


class Strategy(ABC):
    """Chooses points. Objective values are better the smaller they are: a maximum is sought with signs changed."""

    def __init__(self, ranges: list[Range], random: Random, config: Document, definition: Document) -> None:
        """`config` is the HyperParameterTuningJobConfig; ValidationError where the strategy cannot search so."""
        self.ranges = ranges
        self.random = random

    @property
    def size(self) -> int | None:
        """How many points there are to choose from, where they can be counted."""
        return None

    @abstractmethod
    def choose(self, number: int, known: list[tuple[Point, float]]) -> Point:
        """The point of the job with this number, counted from 0; `known` are ended jobs' points and objectives."""

    def stops(self, job: Progress, others: list[Progress]) -> bool:
        """Whether a running job is to be stopped, asked after each of its epochs."""
        return False

    def enough(self, job: Progress) -> bool:
        """Whether a job that was stopped had all the epochs that it was to have, so that it counts as completed."""
        return False

    def anywhere(self) -> Point:
        """A point drawn uniformly."""
        return {
            one.name: float(self.random.randrange(len(one.choices))) if one.choices else self.random.random()
            for one in self.ranges
        }
