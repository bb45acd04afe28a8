"""Correction of p-values for the number of columns."""

import numpy as np


def corrected(p_values: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values (Scand. J. Statist. 6(2), 1979), in the order given.

    With those below alpha as drift, an execution without drift alarms with probability alpha at most, however its
    columns hang together. That is what an alert of a schedule rests on, as one violation makes an execution violating;
    Benjamini and Hochberg (1995) would bound the share of false ones among the violations instead.
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    result = np.empty(len(p_values))
    result[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return result
