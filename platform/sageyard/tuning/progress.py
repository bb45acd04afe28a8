"""What a training job of a tuning job has reported so far, epoch by epoch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """`values` are the objective after each epoch, better the smaller: a maximum is sought with signs changed."""

    number: int
    values: list[float]
    completed: bool = False
