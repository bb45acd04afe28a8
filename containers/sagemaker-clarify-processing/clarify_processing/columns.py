"""Columns as the configuration points to them: by name, or by index from 0."""

from collections.abc import Iterable

from .errors import AnalysisError


def find_column(names: Iterable[str], place: str | int, key: str) -> str:
    """The name of the column; AnalysisError names `key`, the configuration's key that points to nothing."""
    known = list(names)
    if isinstance(place, int):
        if 0 <= place < len(known):
            return known[place]
        raise AnalysisError(
            f"analysis_config.json: {key} is {place}, but the dataset has {len(known)} columns, 0 to {len(known) - 1}: "
            f"{_listed(known)}."
        )
    if place in known:
        return place
    raise AnalysisError(
        f"analysis_config.json: {key} is {place!r}, but the dataset has no such column. It has {_listed(known)}. Name "
        f"one of them; if they are placeholders, give the columns' names in headers."
    )


def _listed(names: list[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
