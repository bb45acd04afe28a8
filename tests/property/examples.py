"""How many examples the property tests draw; SAGEYARD_FUZZ=n draws n times as many, with new seeds."""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

TIMES = int(os.environ.get("SAGEYARD_FUZZ", "0"))


def examples(number: int) -> settings:
    """How many examples; without shrinking, for a seed of 0 and few members are tried first anyway."""
    return settings(
        max_examples=number * max(TIMES, 1),
        derandomize=not TIMES,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


SEEDS = st.integers(0, 2**32 - 1)
RICHNESS = st.sampled_from([0.1, 0.0, 0.5, 1.0])
