"""JSON and JSON Lines: rows and labels are where JMESPath expressions point."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jmespath
import pandas as pd
from jmespath.exceptions import JMESPathError

from .config import AnalysisConfig
from .errors import AnalysisError


@dataclass(frozen=True)
class Records:
    """The features as columns; label and predicted label where the configuration has an expression for them."""

    features: pd.DataFrame
    label: pd.Series | None
    predicted_label: pd.Series | None


def read_records(config: AnalysisConfig, paths: list[Path]) -> Records:
    """Read files of JSON Lines, each line a row, or of JSON, each expression a list with an item per row."""
    wanted = {"features": config.document.get("features"), "label": config.label}
    if "predicted_label_dataset_uri" not in config.document:
        wanted["predicted_label"] = config.document.get("predicted_label")
    found: dict[str, list[Any]] = {key: [] for key, path in wanted.items() if path is not None or key == "features"}
    compiled = {key: _compile(key, path) for key, path in wanted.items() if path is not None}
    read = _lines if config.dataset_type == "application/jsonlines" else _document
    for path in paths:
        for place, record in read(path):
            whole = config.dataset_type == "application/json"
            values = {key: expression.search(record) for key, expression in compiled.items()}
            if "features" not in compiled:
                values["features"] = _flat(record, place, wanted)
            for key, value in values.items():
                if value is None or (whole and not isinstance(value, list)):
                    what = "nothing" if value is None else "no list"
                    raise AnalysisError(f"{place}: the JMESPath {wanted[key]!r} of {key} finds {what}. Correct {key}.")
            if whole and len({len(value) for value in values.values()}) > 1:
                counts = ", ".join(f"{len(value)} of {key}" for key, value in values.items())
                raise AnalysisError(f"{place}: the expressions find lists of different lengths: {counts}.")
            for key, value in values.items():
                found[key].extend(value if whole else [value])
    return _arrange(config, found)


def _arrange(config: AnalysisConfig, found: dict[str, list[Any]]) -> Records:
    rows = found.pop("features")
    if rows and isinstance(rows[0], dict):
        features = pd.DataFrame.from_records(rows)
        return Records(features, **_labels(found, {key: str(config.document[key]) for key in found}))
    rows = [row if isinstance(row, list) else [row] for row in rows]
    width = len(rows[0]) if rows else 0
    for index, row in enumerate(rows):
        if len(row) != width or any(isinstance(value, list | dict) for value in row):
            raise AnalysisError(
                f"Record {index + 1} has the features {json.dumps(row)[:200]}; each record needs {width} plain values, "
                f"as the first one has. Only flat rows can be analysed."
            )
    headers = config.headers or [f"column_{index}" for index in range(width)]
    names = {key: str(config.document[key]) for key in found}
    if len(headers) == width + len(found):
        names = dict(zip(found, headers[width:], strict=True))
    elif len(headers) != width:
        raise AnalysisError(
            f"analysis_config.json: headers has {len(headers)} names, but features finds {width} values. Name the "
            f"features, and after them label and predicted label, or the features alone."
        )
    return Records(pd.DataFrame.from_records(rows, columns=headers[:width]), **_labels(found, names))


def _labels(found: dict[str, list[Any]], names: dict[str, str]) -> dict[str, pd.Series | None]:
    series = {key: pd.Series(values, name=names[key]) for key, values in found.items()}
    return {key: series.get(key) for key in ("label", "predicted_label")}


def _flat(record: Any, place: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """An object of plain values is a row itself."""
    if not isinstance(record, dict) or any(isinstance(value, list | dict) for value in record.values()):
        raise AnalysisError(f"{place} is no flat object. Say in features where a record's values are, as a JMESPath.")
    return {key: value for key, value in record.items() if key not in wanted.values()}


def _compile(key: str, path: str | int) -> Any:
    try:
        return jmespath.compile(str(path))
    except JMESPathError as error:
        raise AnalysisError(f"analysis_config.json: {key} is {path!r}, which is no JMESPath: {error}") from None


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from _parsed((f"{path.name}, line {number}", line) for number, line in enumerate(file, 1) if line.strip())


def _document(path: Path) -> Iterator[tuple[str, Any]]:
    yield from _parsed([(path.name, path.read_text(encoding="utf-8"))])


def _parsed(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
    for place, text in texts:
        try:
            yield place, json.loads(text)
        except ValueError as error:
            raise AnalysisError(f"{place} is not valid JSON, the dataset_type: {error}") from None
