"""Training by the built-in algorithm.

Channels `train` and `validation`, checkpoints in `/opt/ml/checkpoints`, the model as `/opt/ml/model/xgboost-model` in
XGBoost's own format (as the image versions since 1.3). Each round prints `[n]#011train-<metric>:…`, the line that the
metric definitions of SageMaker's algorithm match.
"""

import os
import re
import signal
import sys
from types import FrameType
from typing import Any

from sagemaker_toolkit import layout
from sagemaker_toolkit.environment import TrainingEnvironment
from sagemaker_toolkit.errors import ClientError

from xgboost_algorithm.artifacts import MODEL_NAME, latest_checkpoint, save
from xgboost_algorithm.hyperparameters import MAXIMIZED, validated


def run(environment: TrainingEnvironment) -> None:
    """Train on this host. Raises ClientError for a hyperparameter or a channel that is at fault."""
    values = validated(environment.raw_hyperparameters)
    for name in environment.input_data:
        if name not in ("train", "validation", "code"):
            raise ClientError(f"Extraneous channel found: {name}. The algorithm reads train and validation")
    if "train" not in environment.input_data:
        raise ClientError("Missing required channel: train")
    for name, channel in environment.input_data.items():
        if channel.get("TrainingInputMode") == "Pipe":
            raise ClientError(f"channel {name}: Pipe mode is not supported; use File or FastFile")
    xgboost = _import_xgboost()
    from xgboost_algorithm import channels
    from xgboost_algorithm.cluster import Cluster

    read = {
        name: channels.read(
            layout.DATA / name, environment.input_data[name].get("ContentType"), weighted=values.get("csv_weights") == 1
        )
        for name in ("train", "validation")
        if name in environment.input_data
    }
    empty = [name for name, rows in read.items() if rows is None]
    if empty and len(environment.hosts) == 1:
        raise ClientError(f"No data in {empty[0]} channel path {layout.DATA / empty[0]}")
    with Cluster(xgboost, environment.hosts, environment.current_host, has_data=not empty) as cluster:
        if empty:
            print(f"host {environment.current_host} has no {empty[0]} data and takes no part", flush=True)
            return
        for name, rows in read.items():
            _check_labels(name, rows.labels, values)
        threads = values.get("nthread") or _threads()
        watched = [(_matrix(xgboost, rows, threads), name) for name, rows in read.items()]
        Training(xgboost, values, watched, threads, master=cluster.master).run()


def _import_xgboost() -> Any:
    """Import xgboost without scikit-learn and pandas, which it takes along if it can: 0.5 s instead of 2 s."""
    unused = [name for name in ("sklearn", "pandas") if name not in sys.modules]
    for name in unused:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        import xgboost
    finally:
        for name in unused:
            del sys.modules[name]
    return xgboost


def _check_labels(channel: str, labels: Any, values: dict[str, Any]) -> None:
    """XGBoost's own complaint about labels is of what it computes from them."""
    objective = values.get("objective", "")
    limit = {"binary:logistic": 1, "reg:logistic": 1, "binary:hinge": 1, "binary:logitraw": 1}.get(objective)
    rule = f"label must be in [0,1] for {objective}"
    if objective.startswith("multi:"):
        limit = values["num_class"] - 1
        rule = f"label must be in [0, num_class) for {objective}, num_class is {values['num_class']}"
    if limit is not None and not (labels.min() >= 0 and labels.max() <= limit):
        raise ClientError(f"channel {channel}: {rule}; the first column has {labels.min():g} to {labels.max():g}")


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _matrix(xgboost: Any, rows: Any, threads: int) -> Any:
    return xgboost.DMatrix(rows.features, rows.labels, weight=rows.weights, qid=rows.groups, nthread=threads)


class Training:
    """One call of xgboost.train, or one for each fold."""

    def __init__(self, xgboost: Any, values: dict[str, Any], watched: list[Any], threads: int, *, master: bool) -> None:
        self.xgboost, self.watched, self.master = xgboost, watched, master
        values = dict(values)
        self.rounds: int = values.pop("num_round")
        self.patience: int | None = values.pop("early_stopping_rounds", None)
        self.save_always = values.pop("save_model_on_termination", "false") == "true"
        self.folds: int | None = values.pop("_kfold", None)
        self.repeats: int = values.pop("_num_cv_round", 1)
        values.pop("csv_weights", None)
        tuned = values.pop("_tuning_objective_metric", "").partition(":")[2]
        asked = [*values.pop("eval_metric", []), *filter(None, tuned.split(","))]
        from xgboost_algorithm.metrics import ADDED, added_metric

        metrics = list(dict.fromkeys(asked))
        self.custom = added_metric(metrics, values.get("objective", "reg:squarederror"))
        if known := [name for name in metrics if name not in ADDED]:
            values["eval_metric"] = known
        self.early_metric = (tuned.split(",")[-1] if tuned else "") or (asked[-1] if asked else None)
        if "updater" in values:
            values["updater"] = ",".join(values["updater"])
        self.parameters = {"nthread": threads, **values}

    def run(self) -> None:
        """Train and save. XGBoost's complaints about labels and values become ClientError."""
        train = self.watched[0][0]
        print(f"Train matrix has {train.num_row()} rows and {train.num_col()} columns", flush=True)
        for matrix, name in self.watched[1:]:
            print(f"{name.capitalize()} matrix has {matrix.num_row()} rows", flush=True)
        try:
            if self.folds:
                self._cross_validate(train)
            else:
                self._save(self._train(train, self.watched, ""), MODEL_NAME)
        except self.xgboost.core.XGBoostError as error:
            raise ClientError(f"XGB train call failed with exception: {_reason(str(error))}") from error

    def _train(self, train: Any, watched: list[Any], suffix: str) -> Any:
        folder = layout.CHECKPOINTS / suffix if suffix else layout.CHECKPOINTS
        start, model = self.xgboost.collective.broadcast(latest_checkpoint(folder), 0)  # all hosts go on from the same
        if model:
            print(f"Checkpoint loaded from {folder}\nResuming from iteration {start}", flush=True)
        return self.xgboost.train(
            self.parameters,
            train,
            num_boost_round=max(0, self.rounds - start),
            evals=watched,
            custom_metric=self.custom,
            xgb_model=self.xgboost.Booster(model_file=bytearray(model)) if model else None,
            verbose_eval=False,
            callbacks=self._callbacks(watched, start, suffix),
        )

    def _callbacks(self, watched: list[Any], start: int, suffix: str) -> list[Any]:
        from xgboost_algorithm.rounds import make_callbacks

        keep = layout.CHECKPOINTS if layout.CHECKPOINTS.is_dir() and self.master else None
        always = layout.MODEL / (MODEL_NAME + suffix) if self.save_always and self.master else None
        if always:
            signal.signal(signal.SIGTERM, _end)
        callbacks = make_callbacks(self.xgboost, keep / suffix if keep and suffix else keep, always, start)
        if self.patience and self.early_metric and len(watched) > 1:
            callbacks.append(
                self.xgboost.callback.EarlyStopping(
                    rounds=self.patience,
                    data_name="validation",
                    metric_name=self.early_metric,
                    maximize=self.early_metric.partition("@")[0] in MAXIMIZED,
                    save_best=True,
                )
            )
        return callbacks

    def _cross_validate(self, train: Any) -> None:
        """`_kfold` models, `_num_cv_round` times over other splits; the guide's names for them."""
        import numpy as np

        assert self.folds
        rows = train.num_row()
        if rows < self.folds:
            raise ClientError(f"Hyperparameter _kfold: {self.folds} folds of {rows} rows")
        shuffle = np.random.default_rng(self.parameters.get("seed", 0))
        for repeat in range(self.repeats):
            for fold, held in enumerate(np.array_split(shuffle.permutation(rows), self.folds)):
                kept = np.setdiff1d(np.arange(rows), held)
                number = repeat * self.folds + fold
                parts = [(train.slice(kept), "train"), (train.slice(held), "validation")]
                self._save(self._train(parts[0][0], parts, f"-{number}"), f"{MODEL_NAME}-{number}")

    def _save(self, booster: Any, name: str) -> None:
        if self.master:
            save(booster, layout.MODEL / name)


def _end(_number: int, _frame: FrameType | None) -> None:
    """With save_model_on_termination the model of the last round is there already."""
    sys.stdout.flush()
    os._exit(0)


def _reason(message: str) -> str:
    """An XGBoost error without its native stack."""
    return re.sub(r"^\[[\d:]+\] \S+: ", "", message.partition("\nStack trace")[0].strip())
