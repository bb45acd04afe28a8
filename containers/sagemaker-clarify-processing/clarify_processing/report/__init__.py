"""The report: report.html, report.ipynb and report.pdf, three renderings of one outline."""

from pathlib import Path
from typing import Any

from ..config import Report
from .notebook import notebook
from .outline import outline
from .page import page
from .pdf import pdf


def write_report(report: Report, analysis: dict[str, Any], rows: int, folder: Path) -> None:
    """Write `<name>.html`, `<name>.ipynb` and `<name>.pdf` into `folder`.

    `analysis` is the document of analysis.json, `rows` how many were analysed. The page needs nothing beside itself.
    """
    blocks = outline(analysis, rows)
    (folder / f"{report.name}.html").write_text(page(report.title, blocks), encoding="utf-8")
    (folder / f"{report.name}.ipynb").write_text(notebook(report.title, blocks), encoding="utf-8")
    (folder / f"{report.name}.pdf").write_bytes(pdf(report.title, blocks))
