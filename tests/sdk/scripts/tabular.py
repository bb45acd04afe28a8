"""A small two-class data set, the same for every script: no download, no dependency but the standard library."""

import random


def rows(count, seed=7, shift=1.0):
    """Rows `label,x1,x2,x3`: the label follows x1 + x2 with little noise."""
    source = random.Random(seed)
    for _ in range(count):
        x1, x2, x3 = source.gauss(5, 1), source.gauss(5, 1), source.random()
        label = int(x1 + x2 + source.gauss(0, 0.2) > 10)
        yield label, x1 * shift, x2, x3


def csv(table, label=True, header=False):
    """CSV text of rows, with or without the label column."""
    lines = ["label,x1,x2,x3" if label else "x1,x2,x3"] if header else []
    lines += [",".join(f"{value:.5g}" for value in (row if label else row[1:])) for row in table]
    return "\n".join(lines) + "\n"
