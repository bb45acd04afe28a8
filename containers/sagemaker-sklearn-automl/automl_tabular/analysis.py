"""The first job of an AutoML job: what the data is, what is to be predicted, and the split.

`<entrypoint> analyze` reads `input/config/automl.json` and the channels `input/training` and, if there is one,
`input/validation`; it writes `output/plan/plan.json`, `output/train`, `output/validation`, `output/explain` (a sample
of the features, whose predictions are to be explained) and `output/notebooks`.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from sagemaker_toolkit.errors import ClientError
from sklearn.model_selection import train_test_split

from automl_tabular import columns, notebooks, tables
from automl_tabular.problem import BINARY, DEFAULT_OBJECTIVE, REGRESSION, infer

CONFIG, PLAN = "automl.json", "plan.json"
FEWEST_ROWS = 500
"""Guide: 'Autopilot datasets and problem types'."""
EXPLAINED_ROWS = 30
SEED = 7


def run(base: Path) -> None:
    """Analyse and split; raises ClientError naming what is wrong with the data."""
    config = json.loads((base / "input" / "config" / CONFIG).read_text())
    training = _labelled(tables.read(base / "input" / "training", config["content_type"]), config)
    given = base / "input" / "validation"
    validation = _labelled(tables.read(given, config["content_type"]), config) if given.is_dir() else None
    if len(training) < FEWEST_ROWS:
        raise ClientError(
            f"The data has {len(training)} rows with a target; an AutoML job needs at least {FEWEST_ROWS}."
        )
    kind = config["problem_type"] or infer(training[config["target"]])
    plan = _plan(config, kind, training)
    training = _as_classes(training, config["target"], kind)
    if validation is None:
        classes = None if kind == REGRESSION else training[config["target"]]
        share = config["validation_fraction"]
        training, validation = train_test_split(training, test_size=share, random_state=SEED, stratify=classes)
    else:
        validation = _as_classes(validation, config["target"], kind)
    plan["baseline"] = _typical(training[list(plan["columns"])])
    sample = validation.sample(min(EXPLAINED_ROWS, len(validation)), random_state=SEED)[list(plan["columns"])]
    output = base / "output"
    tables.write(training, output / "train")
    tables.write(validation, output / "validation")
    tables.write(sample, output / "explain")
    tables.write_json(plan, output / "plan" / PLAN)
    notebooks.write(output / "notebooks", plan, training, config["candidates"])
    print(f"{kind} of {plan['target']}, judged by {plan['objective']}: {len(training)} rows to train on, "
          f"{len(validation)} to judge by, {len(plan['columns'])} columns", flush=True)  # fmt: skip


def _labelled(table: pd.DataFrame, config: dict[str, Any]) -> pd.DataFrame:
    """The rows that have a target, with the columns that are asked for."""
    target, weight = config["target"], config["weight"]
    for role, name in (("TargetAttributeName", target), ("SampleWeightAttributeName", weight)):
        if name is not None and name not in table.columns:
            raise ClientError(f"{role} is {name!r}, and the data has the columns {', '.join(table.columns)}.")
    if (asked := config["features"]) is not None:
        if unknown := [name for name in asked if name not in table.columns]:
            raise ClientError(f"FeatureAttributeNames has {unknown[0]!r}, which is no column of the data.")
        table = table[[name for name in table.columns if name in {*asked, target, weight}]]
    return table[table[target].notna()]


def _plan(config: dict[str, Any], kind: str, table: pd.DataFrame) -> dict[str, Any]:
    target, weight = config["target"], config["weight"]
    kinds = {name: columns.kind_of(table[name]) for name in table.columns if name not in {target, weight}}
    kinds |= {name: kind for name, kind in config["kinds"].items() if name in kinds}
    if set(kinds.values()) <= {columns.UNUSED}:
        raise ClientError("No column of the data can be learned from: each has one value, or another in every row.")
    objective = config["objective"] or DEFAULT_OBJECTIVE[kind]
    labels = [] if kind == REGRESSION else sorted(_as_classes(table, target, kind)[target].unique().tolist(), key=str)
    if kind == BINARY and len(labels) != 2:
        raise ClientError(f"BinaryClassification needs 2 classes; {target} has {len(labels)}: {labels[:10]}.")
    if kind != REGRESSION:
        counts = table[target].value_counts()
        if len(labels) < 2 or counts.min() < 2:
            raise ClientError(f"Every class of {target} needs 2 rows, and there must be 2 classes: {counts.to_dict()}.")
    elif not pd.api.types.is_numeric_dtype(table[target]):
        raise ClientError(f"Regression needs a numeric target; {target} has values like {table[target].iloc[0]!r}.")
    return {
        "problem_type": kind, "objective": objective, "target": target, "weight": weight, "columns": kinds,
        "labels": labels, "rows": len(table),
    }  # fmt: skip


def _typical(features: pd.DataFrame) -> list[Any]:
    """A row of medians and of the most frequent values: what explanations compare with."""
    row = []
    for name in features.columns:
        column = features[name].dropna()
        number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        row.append(float(column.median()) if number else str(column.mode().iloc[0]) if len(column) else "")
    return row


def _as_classes(table: pd.DataFrame, target: str, kind: str) -> pd.DataFrame:
    """Classes that are whole numbers are written as such, whatever else was in the column."""
    column = table[target]
    if kind != REGRESSION and pd.api.types.is_float_dtype(column) and bool((column == column.round()).all()):
        return table.assign(**{target: column.astype(int)})
    return table
