"""The report as one HTML page that needs nothing beside itself."""

from collections.abc import Sequence
from html import escape

from .outline import Bars, Block, Curve, Grid, Heading, Text
from .svg import bars, curve

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #24292f; max-width: 860px; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #d0d7de; } h3 { margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-size: 14px; } td.number, th.number { text-align: right; }
th, td { text-align: left; padding: 4px 8px; border-bottom: 1px solid #d0d7de; vertical-align: top; }
figure { margin: 1rem 0; } figcaption { color: #57606a; font-size: 13px; } svg { max-width: 100%; height: auto; }
"""


def page(title: str, blocks: Sequence[Block]) -> str:
    """The page's text."""
    body = "\n".join(fragment(block) for block in blocks)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style></head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def fragment(block: Block) -> str:
    """One block as HTML."""
    match block:
        case Heading(level, text):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Text(text):
            return f"<p>{escape(text)}</p>"
        case Grid():
            return _grid(block)
        case Bars() | Curve():
            figure = bars(block) if isinstance(block, Bars) else curve(block)
            return f"<figure>{figure}<figcaption>{escape(block.caption)}</figcaption></figure>"


def _grid(grid: Grid) -> str:
    classes = [' class="number"' if name in grid.numbers else "" for name in grid.columns]
    head = "".join(f"<th{kind}>{escape(name)}</th>" for kind, name in zip(classes, grid.columns, strict=True))
    rows = (
        "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(classes, row, strict=True)) for row in grid.rows
    )
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"
