"""The report as a notebook with its results in it: it shows without being run (nbformat 4.5)."""

import json
from collections.abc import Sequence
from typing import Any

from .outline import Bars, Block, Curve, Grid, Heading, Text
from .page import fragment

LOAD = 'import json\n\nwith open("analysis.json") as file:\n    analysis = json.load(file)\nsorted(analysis)'


def notebook(title: str, blocks: Sequence[Block]) -> str:
    """The file's text: texts are Markdown cells; tables and figures are outputs of code cells that show them."""
    cells: list[dict[str, Any]] = [_markdown(f"# {title}"), _code(LOAD)]
    for block in blocks:
        match block:
            case Heading(level, text):
                cells.append(_markdown(f"{'#' * level} {text}"))
            case Text(text):
                cells.append(_markdown(text))
            case Grid() | Bars() | Curve():
                html = fragment(block)
                cells.append(_code(f"from IPython.display import HTML\n\nHTML({json.dumps(html)})", html))
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(source: str, html: str | None = None) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "source": source}
    cell["outputs"] = []
    if html is not None:
        cell["metadata"] = {"jupyter": {"source_hidden": True}}
        cell["outputs"] = [{"output_type": "display_data", "data": {"text/html": html}, "metadata": {}}]
    return cell
