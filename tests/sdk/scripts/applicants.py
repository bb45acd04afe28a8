"""Applicants of whom women are approved less at the same income, the same for every script: standard library only."""

import random

HEADERS = ["approved", "sex", "age", "income", "region"]
"""Women are 0; region is 0, 1 or 2."""


def rows(count, seed, gap=0):
    """Rows with the label first, as the XGBoost container wants them; women have so much less income."""
    source = random.Random(seed)
    for _ in range(count):
        sex, age, income, region = (
            source.randint(0, 1),
            source.randint(18, 80),
            source.gauss(50, 10),
            source.randint(0, 2),
        )
        income -= gap * (1 - sex)
        approved = int(income + 8 * sex + source.gauss(0, 2) > 54)
        yield approved, sex, age, round(income, 2), region
