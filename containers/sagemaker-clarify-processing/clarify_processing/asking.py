"""Predictions for any number of rows, in requests that a model can take."""

import logging
from collections.abc import Callable

import numpy as np
import pandas as pd

from .model_input import MAX_BYTES, ModelInput, batch
from .model_output import ModelOutput, Predictions


class TooManyRecordsError(Exception):
    """The model did not take a request of that size, or gave no answer in time; fewer records may pass."""


Send = Callable[[bytes], tuple[bytes, str]]
"""A request's body to the answer's body and content type; TooManyRecordsError."""


class BatchedModel:
    """A model behind `send`. `most` records and `max_bytes` are the limits of one request.

    A batch that the model does not take is halved, and so are all that follow.
    """

    def __init__(
        self, given: ModelInput, answer: ModelOutput, send: Send, most: int | None = None, max_bytes: int = MAX_BYTES
    ) -> None:
        self._input = given
        self._output = answer
        self._send = send
        self._most = 1 if given.one_at_a_time() else most
        self._max_bytes = max_bytes

    def predict(self, rows: pd.DataFrame | np.ndarray) -> Predictions:
        """For rows of features (n, columns), n at least 1.

        AnalysisError for an answer that cannot be read; TooManyRecordsError if one record is too many.
        """
        found = []
        records = self._input.records(rows)
        start = 0
        while start < len(records):
            part = batch(records, start, self._most, self._max_bytes)
            try:
                answer = self._send(self._input.body(part))
            except TooManyRecordsError as error:
                if len(part) == 1:
                    raise
                self._most = len(part) // 2
                logging.warning("%d records at once are too many for the model: %s", len(part), error)
                continue
            found.append(self._output.read(*answer, len(part)))
            start += len(part)
        return Predictions.joined(found)
