"""One file per strategy; this is their register."""

from sageyard.tuning.strategies.base import Strategy
from sageyard.tuning.strategies.bayesian import Bayesian
from sageyard.tuning.strategies.grid import Grid
from sageyard.tuning.strategies.hyperband import Hyperband
from sageyard.tuning.strategies.random_search import RandomSearch

STRATEGIES: dict[str, type[Strategy]] = {
    "Bayesian": Bayesian, "Grid": Grid, "Hyperband": Hyperband, "Random": RandomSearch,
}  # fmt: skip
