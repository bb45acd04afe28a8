"""The algorithms, by the names of AWS's AutoMLAlgorithm. What is tuned and in which ranges is the AutoML job's choice;
hyperparameters that a training job does not name have the library's defaults."""

from collections.abc import Callable
from typing import Any

from automl_tabular.problem import REGRESSION

Values = dict[str, Any]
SCALED = ("linear-learner", "mlp")
"""Those that need columns of one size."""
ENSEMBLE = "ensemble"
MEMBERS = ("xgboost", "extra-trees", "linear-learner")
SEED = 7


def _xgboost(kind: str, values: Values) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    made = XGBRegressor if kind == REGRESSION else XGBClassifier
    return made(
        n_estimators=int(values.get("num_round", 100)),
        learning_rate=float(values.get("eta", 0.2)),
        max_depth=int(values.get("max_depth", 6)),
        min_child_weight=float(values.get("min_child_weight", 1.0)),
        subsample=float(values.get("subsample", 0.9)),
        n_jobs=-1,
        random_state=SEED,
    )


def _linear(kind: str, values: Values) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    penalty = float(values.get("l2", 1.0))
    return Ridge(alpha=penalty) if kind == REGRESSION else LogisticRegression(C=1.0 / penalty, max_iter=1000)


def _mlp(kind: str, values: Values) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    made = MLPRegressor if kind == REGRESSION else MLPClassifier
    return made(
        hidden_layer_sizes=(int(values.get("units", 64)),),
        alpha=float(values.get("l2", 1e-4)),
        learning_rate_init=float(values.get("learning_rate", 1e-3)),
        early_stopping=True,
        max_iter=300,
        random_state=SEED,
    )


def _trees(kind: str, values: Values, name: str) -> Any:
    from sklearn import ensemble

    made = getattr(ensemble, f"{name}{'Regressor' if kind == REGRESSION else 'Classifier'}")
    return made(
        n_estimators=int(values.get("num_trees", 100)),
        min_samples_leaf=int(values.get("min_samples_leaf", 1)),
        max_features=float(values.get("feature_fraction", 0.5)),
        n_jobs=-1,
        random_state=SEED,
    )


def _random_forest(kind: str, values: Values) -> Any:
    return _trees(kind, values, "RandomForest")


def _extra_trees(kind: str, values: Values) -> Any:
    return _trees(kind, values, "ExtraTrees")


def _ensemble(kind: str, values: Values) -> Any:
    """Members that vote with weights; the weights are what is tuned."""
    from sklearn.ensemble import VotingClassifier, VotingRegressor

    members = [(name, estimator(name, kind, {})) for name in MEMBERS]
    weights = [float(values.get(f"weight_{name}", 1.0)) + 1e-3 for name in MEMBERS]
    if kind == REGRESSION:
        return VotingRegressor(members, weights=weights)
    return VotingClassifier(members, voting="soft", weights=weights)


ALGORITHMS: dict[str, Callable[[str, Values], Any]] = {
    "xgboost": _xgboost,
    "linear-learner": _linear,
    "mlp": _mlp,
    "randomforest": _random_forest,
    "extra-trees": _extra_trees,
    ENSEMBLE: _ensemble,
}


def estimator(name: str, kind: str, values: Values) -> Any:
    """An estimator of scikit-learn's kind, not fitted; KeyError for an algorithm that there is none of."""
    return ALGORITHMS[name](kind, values)


def needs_scale(name: str) -> bool:
    """Whether its columns are to be of one size."""
    return name in SCALED or name == ENSEMBLE
