"""The two notebooks of an AutoML job: what was found in the data, and what is tried on it."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

EXPLORATION = "SageMakerAutopilotDataExplorationNotebook.ipynb"
DEFINITION = "SageMakerAutopilotCandidateDefinitionNotebook.ipynb"
CORRELATED = 0.95


def write(folder: Path, plan: dict[str, Any], table: pd.DataFrame, candidates: list[dict[str, Any]]) -> None:
    """Write both; `candidates` has an entry an algorithm: its name, and its ranges as text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / EXPLORATION).write_text(_notebook(_exploration(plan, table)))
    (folder / DEFINITION).write_text(_notebook(_definition(plan, candidates)))


def _exploration(plan: dict[str, Any], table: pd.DataFrame) -> list[str]:
    rows = []
    for name, kind in plan["columns"].items():
        column = table[name]
        facts = _spread(column) if kind == "numeric" else f"most often {_quoted(column)}"
        rows.append([name, kind, f"{column.isna().mean():.1%}", str(column.nunique()), facts])
    target = table[plan["target"]]
    shares = target.value_counts(normalize=True).head(20)
    told = _spread(target) if plan["problem_type"] == "Regression" else ", ".join(
        f"{label}: {share:.1%}" for label, share in shares.items()
    )  # fmt: skip
    cells = [
        f"# Data exploration\n\n{plan['rows']} rows with a target. The job takes `{plan['target']}` to be a "
        f"{plan['problem_type']} and judges candidates by {plan['objective']}.",
        f"## Target\n\n{told}",
        "## Columns\n\nColumns that are `unused` have one value, or a different one in every row.\n\n"
        + _table(["column", "kind", "missing", "distinct", "values"], rows),
    ]
    numeric = [name for name, kind in plan["columns"].items() if kind == "numeric"]
    correlations = table[numeric].corr(numeric_only=True).abs()
    pairs = [
        [one, other, f"{correlations.loc[one, other]:.3f}"]
        for place, one in enumerate(numeric)
        for other in numeric[place + 1 :]
        if correlations.loc[one, other] > CORRELATED
    ]
    if pairs:
        cells.append("## Columns that say the same\n\n" + _table(["column", "column", "correlation"], pairs))
    return cells


def _definition(plan: dict[str, Any], candidates: list[dict[str, Any]]) -> list[str]:
    rows = [[one["algorithm"], one["ranges"]] for one in candidates]
    return [
        f"# Candidate definitions\n\nEach candidate is one pipeline: columns are imputed, encoded and, where the "
        f"algorithm needs it, scaled; then the algorithm is fitted. Candidates are compared by {plan['objective']} on "
        "the validation rows.",
        "## Algorithms and what is tuned\n\n" + _table(["algorithm", "hyperparameters and ranges"], rows),
    ]


def _spread(column: pd.Series) -> str:
    return f"{column.min():.6g} to {column.max():.6g}, median {column.median():.6g}"


def _quoted(column: pd.Series) -> str:
    counts = column.astype(str).value_counts()
    return f"`{counts.index[0][:40]}` ({counts.iloc[0]} times)"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
                     for line in lines)  # fmt: skip


def _notebook(cells: list[str]) -> str:
    return json.dumps({
        "nbformat": 4, "nbformat_minor": 5, "metadata": {"language_info": {"name": "python"}},
        "cells": [
            {"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True)}
            for number, text in enumerate(cells)
        ],
    }, indent=1)  # fmt: skip
