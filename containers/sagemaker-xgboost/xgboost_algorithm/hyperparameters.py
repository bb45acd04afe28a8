"""The hyperparameters of the built-in algorithm and their rules.

Source: SageMaker guide, 'XGBoost hyperparameters'; what the guide leaves open is as in aws/sagemaker-xgboost-container.
"""

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sagemaker_toolkit.errors import ClientError

MAXIMIZED = {
    *("accuracy", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "map", "ndcg", "pre"),
    *("precision", "precision_macro", "precision_micro", "r2", "recall", "recall_macro", "recall_micro"),
}
MINIMIZED = {
    *("aft-nloglik", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik", "interval-regression-accuracy"),
    *("logloss", "mae", "mape", "merror", "mlogloss", "mphe", "mse", "poisson-nloglik", "rmse", "rmsle"),
    "tweedie-nloglik",
}
METRICS = MAXIMIZED | MINIMIZED
OBJECTIVES = [
    *("binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson", "multi:softmax", "multi:softprob"),
    *("rank:pairwise", "rank:ndcg", "rank:map", "reg:linear", "reg:squarederror", "reg:logistic", "reg:gamma"),
    *("reg:pseudohubererror", "reg:squaredlogerror", "reg:absoluteerror", "reg:tweedie"),
    *("survival:aft", "survival:cox"),
]
UPDATERS = [
    *("grow_colmaker", "distcol", "grow_histmaker", "grow_skmaker", "grow_quantile_histmaker"),
    *("sync", "refresh", "prune", "shotgun", "coord_descent"),
]
ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}


@dataclass(frozen=True)
class Rule:
    """How one hyperparameter's text is read, what it must fulfil, and the rule in words."""

    read: Callable[[str], Any]
    holds: Callable[[Any], bool]
    words: str


def _number(read: Callable[[str], Any], low: float, high: float, *, above: bool = False, below: bool = False) -> Rule:
    kind = "a whole number" if read is int else "a number"
    upper = "" if high == math.inf else f" and {'below' if below else 'at most'} {high:g}"
    words = f"{kind} {'above' if above else 'of at least'} {low:g}{upper}"
    if low == -math.inf:
        words = kind

    def holds(value: float) -> bool:
        return (value > low if above else value >= low) and (value < high if below else value <= high)

    return Rule(read, holds, words)


def _whole(low: float, high: float = math.inf) -> Rule:
    return _number(int, low, high)


def _real(low: float, high: float = math.inf, *, above: bool = False, below: bool = False) -> Rule:
    return _number(float, low, high, above=above, below=below)


def _one_of(*values: str) -> Rule:
    return Rule(str, lambda value: value in values, f"one of {', '.join(values)}")


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except SyntaxError as error:
        raise ValueError(text) from error


def known_metric(name: str) -> bool:
    """`auc`, or with a threshold `error@0.7`."""
    base, at, threshold = name.partition("@")
    if not at:
        return name in METRICS
    return base in ("error", "ndcg", "map") and threshold.rstrip("-").replace(".", "", 1).isdecimal()


def _tuning_metric(text: str) -> bool:
    return all(known_metric(name) for name in _list(text.removeprefix("validation:").removeprefix("train:")))


RULES: dict[str, Rule] = {
    "num_round": _whole(1),
    "csv_weights": _whole(0, 1),
    "early_stopping_rounds": _whole(1),
    "booster": _one_of("gbtree", "gblinear", "dart"),
    "verbosity": _whole(0, 3),
    "nthread": _whole(1),
    "eta": _real(0, 1),
    "gamma": _real(0),
    "max_depth": _whole(0),
    "min_child_weight": _real(0),
    "max_delta_step": _real(0),
    "subsample": _real(0, 1, above=True),
    "colsample_bytree": _real(0, 1, above=True),
    "colsample_bylevel": _real(0, 1, above=True),
    "colsample_bynode": _real(0, 1, above=True),
    "lambda": _real(0),
    "alpha": _real(0),
    "tree_method": _one_of("auto", "exact", "approx", "hist", "gpu_hist"),
    "sketch_eps": _real(0, 1, above=True, below=True),
    "scale_pos_weight": _real(0, above=True),
    "updater": Rule(_list, lambda names: set(names) <= set(UPDATERS), f"a list of {', '.join(UPDATERS)}"),
    "dsplit": _one_of("row", "col"),
    "refresh_leaf": _whole(0, 1),
    "process_type": _one_of("default", "update"),
    "grow_policy": _one_of("depthwise", "lossguide"),
    "max_leaves": _whole(0),
    "max_bin": _whole(0),
    "predictor": _one_of("auto", "cpu_predictor", "gpu_predictor"),
    "monotone_constraints": Rule(
        _literal, lambda v: isinstance(v, tuple) and set(v) <= {-1, 0, 1}, "a tuple of -1, 0 and 1, as (1,0,-1)"
    ),
    "interaction_constraints": Rule(
        _literal,
        lambda v: isinstance(v, list) and all(isinstance(group, list) for group in v),
        "a list of lists of column numbers, as [[0,1],[2,3]]",
    ),
    "sample_type": _one_of("uniform", "weighted"),
    "normalize_type": _one_of("tree", "forest"),
    "rate_drop": _real(0, 1),
    "one_drop": _whole(0, 1),
    "skip_drop": _real(0, 1),
    "lambda_bias": _real(0, 1),
    "tweedie_variance_power": _real(1, 2, above=True, below=True),
    "objective": _one_of(*OBJECTIVES),
    "num_class": _whole(2),
    "base_score": _real(0),
    "_kfold": _whole(2),
    "_num_cv_round": _whole(1),
    "_tuning_objective_metric": Rule(str, _tuning_metric, "validation:<metric>"),
    "eval_metric": Rule(
        _list, lambda names: all(map(known_metric, names)), f"a list of {', '.join(sorted(METRICS))}, or error@t"
    ),
    "seed": _whole(-math.inf),
    "num_parallel_tree": _whole(1),
    "save_model_on_termination": _one_of("true", "false"),
    "aft_loss_distribution": _one_of("normal", "logistic", "extreme"),
    "aft_loss_distribution_scale": _real(0),
    "deterministic_histogram": _one_of("true", "false"),
    "sampling_method": _one_of("uniform", "gradient_based"),
    "prob_buffer_row": _real(1, above=True),
    "use_dask_gpu_training": _one_of("true", "false"),
}
REFUSED = {
    "use_dask_gpu_training": "true",
    "tree_method": "gpu_hist",
    "predictor": "gpu_predictor",
    "dsplit": "col",
}
"""Valid on SageMaker, not here: this image trains on CPUs and splits data by row."""
GONE = {"sketch_eps", "predictor", "dsplit", "deterministic_histogram", "prob_buffer_row", "use_dask_gpu_training"}
"""Still accepted, as the guide lists them, but today's XGBoost has no such parameter."""


def validated(given: dict[str, str]) -> dict[str, Any]:
    """The hyperparameters by their own names, read. Raises ClientError naming the hyperparameter and its rule."""
    values: dict[str, Any] = {}
    for name, text in given.items():
        name = ALIASES.get(name, name)
        rule = RULES.get(name)
        if rule is None:
            known = ", ".join(known for known in RULES if not known.startswith("_"))
            raise ClientError(f"Extraneous hyperparameter found: {name}. The algorithm knows {known}")
        try:
            values[name] = rule.read(text)
            holds = rule.holds(values[name])
        except (ValueError, TypeError):
            holds = False
        if not holds:
            raise ClientError(f"Hyperparameter {name}: value {text!r} is not valid, it must be {rule.words}")
        if REFUSED.get(name) == values[name]:
            raise ClientError(f"Hyperparameter {name}: {values[name]!r} is not supported by this CPU image")
    if "num_round" not in values:
        raise ClientError("Missing required hyperparameter: num_round, the number of rounds of boosting")
    _check_together(values)
    return {name: value for name, value in values.items() if name not in GONE}


def _check_together(values: dict[str, Any]) -> None:
    objective = values.get("objective", "reg:squarederror")
    if objective.startswith("multi:") and "num_class" not in values:
        raise ClientError(f"Hyperparameter num_class: required, the number of classes, with objective {objective}")
    if "num_class" in values and not objective.startswith("multi:"):
        raise ClientError(f"Hyperparameter num_class: only for multi:softmax and multi:softprob, not for {objective}")
    metrics = values.get("eval_metric", [])
    if "auc" in metrics and not objective.startswith(("binary:", "rank:", "multi:", "reg:logistic")):
        raise ClientError(f"Hyperparameter eval_metric: auc is for classification and ranking, not for {objective}")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise ClientError(f"Hyperparameter eval_metric: aft-nloglik is for survival:aft, not for {objective}")
    updaters = values.get("updater", [])
    linear = {"shotgun", "coord_descent"}
    if values.get("booster") == "gblinear":
        if updaters and not (len(updaters) == 1 and updaters[0] in linear):
            raise ClientError("Hyperparameter updater: booster gblinear takes exactly one of shotgun, coord_descent")
    elif values.get("process_type") == "update":
        if not set(updaters) <= {"refresh", "prune"}:
            raise ClientError("Hyperparameter updater: process_type update takes refresh and prune only")
    elif set(updaters) & linear:
        raise ClientError("Hyperparameter updater: shotgun and coord_descent are for booster gblinear")
    elif len([name for name in updaters if name.startswith("grow_") or name == "distcol"]) > 1:
        raise ClientError("Hyperparameter updater: only one updater that grows trees can be chosen")
