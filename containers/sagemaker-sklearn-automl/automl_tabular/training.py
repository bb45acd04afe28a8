"""One candidate: `<entrypoint> train`.

Hyperparameters: `automl_algorithm`, and the algorithm's own. Channels: `plan` (what the analysis wrote), `train`,
`validation`.
"""

import json

from sagemaker_toolkit import layout
from sagemaker_toolkit.environment import TrainingEnvironment
from sagemaker_toolkit.errors import ClientError

from automl_tabular import tables
from automl_tabular.algorithms import ALGORITHMS
from automl_tabular.analysis import PLAN
from automl_tabular.candidate import Candidate


def run(environment: TrainingEnvironment) -> None:
    """Fit, print the metrics, save. Raises ClientError."""
    values = dict(environment.hyperparameters)
    algorithm = values.pop("automl_algorithm", None)
    if algorithm not in ALGORITHMS:
        raise ClientError(f"automl_algorithm is {algorithm!r}; it must be one of {', '.join(sorted(ALGORITHMS))}")
    plan = json.loads((layout.DATA / "plan" / PLAN).read_text())
    target, weight = plan["target"], plan["weight"]
    train, validation = (tables.read(layout.DATA / channel) for channel in ("train", "validation"))
    candidate = Candidate.fit(plan, algorithm, values, train, target, weight)
    for name, table in (("train", train), ("validation", validation)):
        for metric, value in candidate.scores(table, target).items():
            print(f"{name}:{metric}={value!r};", flush=True)
    candidate.save(layout.MODEL)
