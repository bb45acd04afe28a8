"""A candidate: preprocessing and model as one pipeline, with what is needed to answer for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sagemaker_toolkit.errors import ClientError
from sklearn.pipeline import Pipeline

from automl_tabular import columns
from automl_tabular.algorithms import Values, estimator, needs_scale
from automl_tabular.problem import REGRESSION, score

FILE = "candidate.joblib"


@dataclass
class Candidate:
    """`labels` are the classes in the order of their numbers, as the data writes them; none for a regression."""

    kind: str
    features: list[str]
    labels: list[Any]
    pipeline: Pipeline

    @classmethod
    def fit(
        cls, plan: dict[str, Any], algorithm: str, values: Values, table: pd.DataFrame, target: str, weight: str | None
    ) -> "Candidate":
        """Fit to a table; `plan` is what the analysis found."""
        kinds = {name: kind for name, kind in plan["columns"].items() if kind != columns.UNUSED}
        kind = plan["problem_type"]
        labels = [] if kind == REGRESSION else plan["labels"]
        steps = [
            ("features", columns.transformer(kinds, scaled=needs_scale(algorithm))),
            ("model", estimator(algorithm, kind, values)),
        ]
        candidate = cls(kind, list(plan["columns"]), labels, Pipeline(steps))
        weights = {} if weight is None else {"model__sample_weight": table[weight].to_numpy(float)}
        try:
            candidate.pipeline.fit(table[candidate.features], candidate.truth(table[target]), **weights)
        except TypeError as error:
            if weight is None:
                raise
            raise ClientError(
                f"{algorithm} takes no sample weights ({weight!r}): leave it out, or the weights"
            ) from error
        return candidate

    def truth(self, target: pd.Series) -> np.ndarray:
        """The target as the model's numbers. ClientError for a label that training did not know."""
        if not self.labels:
            return target.to_numpy(float)
        numbers = target.astype(str).map({str(label): number for number, label in enumerate(self.labels)})
        if numbers.isna().any():
            raise ClientError(f"{target[numbers.isna()].iloc[0]!r} is not one of the classes {self.labels}")
        return numbers.to_numpy(int)

    def predict(self, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
        """Predictions as the model's numbers, and probabilities with a column a class."""
        if not self.labels:
            return np.asarray(self.pipeline.predict(table), float), None
        probabilities = np.asarray(self.pipeline.predict_proba(table))
        return probabilities.argmax(axis=1), probabilities

    def scores(self, table: pd.DataFrame, target: str) -> dict[str, float]:
        """The metrics on a table."""
        predicted, probabilities = self.predict(table[self.features])
        return score(self.kind, self.truth(table[target]), predicted, probabilities)

    def save(self, folder: Path) -> None:
        joblib.dump(self, folder / FILE, compress=3)

    @classmethod
    def load(cls, folder: Path) -> "Candidate":
        """ClientError if there is none."""
        path = folder / FILE
        if not path.is_file():
            raise ClientError(f"there is no {FILE} in {folder}: this image serves candidates of its own training only")
        candidate: Candidate = joblib.load(path)
        return candidate
