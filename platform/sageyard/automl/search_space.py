"""What is tuned of each algorithm, and how far. The ranges are our own: AWS shows its in a job's notebook only."""

from sageyard.resources.spec import Document

ENSEMBLE = "ensemble"


def _range(name: str, low: float, high: float, scaling: str = "Linear") -> Document:
    return {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scaling}


TREES: Document = {
    "IntegerParameterRanges": [_range("num_trees", 50, 300), _range("min_samples_leaf", 1, 20, "Logarithmic")],
    "ContinuousParameterRanges": [_range("feature_fraction", 0.2, 1.0)],
}
SPACES: dict[str, Document] = {
    "xgboost": {
        "IntegerParameterRanges": [_range("max_depth", 2, 10), _range("num_round", 30, 400, "Logarithmic")],
        "ContinuousParameterRanges": [
            _range("eta", 0.02, 0.4, "Logarithmic"),
            _range("min_child_weight", 0.5, 20, "Logarithmic"),
            _range("subsample", 0.5, 1.0),
        ],
    },
    "linear-learner": {"ContinuousParameterRanges": [_range("l2", 1e-4, 100, "Logarithmic")]},
    "mlp": {
        "IntegerParameterRanges": [_range("units", 8, 128, "Logarithmic")],
        "ContinuousParameterRanges": [
            _range("l2", 1e-6, 1e-1, "Logarithmic"),
            _range("learning_rate", 1e-4, 1e-2, "Logarithmic"),
        ],
    },
    "randomforest": TREES,
    "extra-trees": TREES,
    ENSEMBLE: {
        "ContinuousParameterRanges": [
            _range(f"weight_{name}", 0.0, 1.0) for name in ("xgboost", "extra-trees", "linear-learner")
        ]
    },
}
"""By algorithm, its ParameterRanges. The image `sagemaker-sklearn-automl` knows the names."""


def shown(algorithm: str) -> str:
    """The ranges as people read them."""
    ranges = [one for member in SPACES[algorithm].values() for one in member]
    return ", ".join(f"{one['Name']} {one['MinValue']} to {one['MaxValue']}" for one in ranges)
