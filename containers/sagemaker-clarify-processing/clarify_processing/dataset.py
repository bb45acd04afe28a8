"""The rows that are analysed, each column by the part it plays."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from .columns import find_column
from .config import AnalysisConfig
from .errors import AnalysisError
from .files import Table, read_table
from .objects import fetch


@dataclass(frozen=True)
class Dataset:
    """All series and frames have the same rows in the same order, indexed from 0.

    `features` are the columns that the model is asked with: neither label nor predicted label, join source, excluded
    columns, nor columns of a facet dataset. `facets` are the columns of the configuration's facets, in its order.
    """

    features: pd.DataFrame
    label: pd.Series | None
    predicted_label: pd.Series | None
    facets: list[pd.Series]
    group: pd.Series | None
    joinsource: pd.Series | None

    @property
    def headers(self) -> list[str]:
        """The names of the features."""
        return list(self.features.columns)

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.features)


def load(config: AnalysisConfig, folder: Path, scratch: Path) -> Dataset:
    """Read the dataset from `folder`, or from its `dataset_uri`, with what belongs to it from other files.

    `scratch` is an empty folder for downloads. AnalysisError names the column or file that is not as it should be.
    """
    if uri := config.document.get("dataset_uri"):
        folder = fetch(uri, scratch / "dataset", "dataset_uri")
    return arrange(config, read_table(config, folder), scratch)


def arrange(config: AnalysisConfig, table: Table, scratch: Path) -> Dataset:
    """The columns of a table by the parts that the configuration gives them; AnalysisError as `load`."""
    document = config.document
    frame, roles = table.frame, {"label": table.label, "predicted_label": table.predicted_label}
    joinsource = _named(frame, document.get("joinsource_name_or_index"), "joinsource_name_or_index")
    facets_from = _beside(config, table, "facet", scratch, joinsource)
    predicted_from = _beside(config, table, "predicted_label", scratch, joinsource)
    everything = frame
    if facets_from is not None:
        everything = frame.join(facets_from[facets_from.columns.difference(frame.columns, sort=False)])
    facets = []
    for index, facet in enumerate(config.facets):
        source = frame if facets_from is None else facets_from
        if isinstance(facet.place, str) and facet.place not in source:
            source = everything
        name = find_column(source.columns, facet.place, f"facet[{index}].name_or_index")
        facets.append(source[name])
    group = _named(everything, document.get("group_variable"), "group_variable")
    excluded = {
        find_column(everything.columns, place, f"excluded_columns[{index}]")
        for index, place in enumerate(document.get("excluded_columns", ()))
    }
    if predicted_from is not None:
        place = document.get("predicted_label")
        if place is None and len(predicted_from.columns) != 1:
            raise AnalysisError(
                f"The files at predicted_label_dataset_uri have the columns {', '.join(predicted_from.columns)}. "
                f"Name the one with the predicted label in predicted_label."
            )
        name = find_column(predicted_from.columns, 0 if place is None else place, "predicted_label")
        roles["predicted_label"] = predicted_from[name]
    names = {each.name for each in (*roles.values(), joinsource) if each is not None}
    features = frame[[name for name in frame.columns if name not in names | excluded]]
    if features.columns.empty:
        raise AnalysisError("The dataset has no features: every column is the label, an identifier or excluded.")
    return Dataset(features, roles["label"], roles["predicted_label"], facets, group, joinsource)


def _named(frame: pd.DataFrame, place: str | int | None, key: str) -> pd.Series | None:
    return None if place is None else frame[find_column(frame.columns, place, key)]


def _beside(
    config: AnalysisConfig, table: Table, part: str, scratch: Path, joinsource: pd.Series | None
) -> pd.DataFrame | None:
    """The columns at `<part>_dataset_uri`, row by row those of the dataset."""
    key = f"{part}_dataset_uri"
    uri = config.document.get(key)
    if uri is None:
        return None
    other = read_table(config, fetch(uri, scratch / part, key), part=part)
    if joinsource is not None and joinsource.name in other.frame:
        return _joined(joinsource, other.frame, key)
    if other.files > 1 or table.files > 1:
        raise AnalysisError(
            f"The dataset or the files at {key} are more than one file, so their rows cannot be matched in order. Give "
            f"both a column of identifiers and name it in joinsource_name_or_index."
        )
    if len(other.frame) != len(table.frame):
        raise AnalysisError(
            f"The dataset has {len(table.frame)} rows, the file at {key} has {len(other.frame)}. Without "
            f"joinsource_name_or_index both must have the same rows in the same order."
        )
    return other.frame


def _joined(identifiers: pd.Series, other: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows of `other` in the order of the identifiers."""
    name = identifiers.name
    rows = other.set_index(name)
    for where, index in (("The dataset", pd.Index(identifiers)), (f"The dataset at {key}", rows.index)):
        if index.has_duplicates:
            raise AnalysisError(
                f"{where} has the identifier {index[index.duplicated()][0]!r} more than once. Every value of the "
                f"column {name} of joinsource_name_or_index must be there once."
            )
    missing = pd.Index(identifiers).difference(rows.index)
    if not missing.empty:
        raise AnalysisError(
            f"{len(missing)} of {len(identifiers)} rows of the dataset have no row at {key}, the first is "
            f"{missing[0]!r} of the column {name}. Complete those files."
        )
    return rows.loc[identifiers].reset_index(drop=True)
