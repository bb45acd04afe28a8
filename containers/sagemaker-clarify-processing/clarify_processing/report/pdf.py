"""The report as a PDF file."""

import io
from collections.abc import Sequence
from html import escape

from reportlab.graphics.shapes import Drawing, Line, PolyLine, Rect, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from .outline import Bars, Block, Curve, Grid, Heading, Text, number
from .svg import ABOVE, BELOW, FAINT, positions

MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN - 12
ROW, NAMES, VALUES, HEIGHT = 15, 120, 50, 130
STYLES = getSampleStyleSheet()
CELL = ParagraphStyle("cell", parent=STYLES["BodyText"], fontSize=8, leading=10)


def pdf(title: str, blocks: Sequence[Block]) -> bytes:
    """The file's bytes."""
    story: list[Flowable] = [Paragraph(escape(title), STYLES["Title"])]
    for block in blocks:
        story += _flowables(block)
    file = io.BytesIO()
    margins = {"leftMargin": MARGIN, "rightMargin": MARGIN, "topMargin": MARGIN, "bottomMargin": MARGIN}
    SimpleDocTemplate(file, pagesize=A4, title=title, **margins).build(story)
    return file.getvalue()


def _flowables(block: Block) -> list[Flowable]:
    match block:
        case Heading(level, text):
            return [Paragraph(escape(text), STYLES[f"Heading{level}"])]
        case Text(text):
            return [Paragraph(escape(text), STYLES["BodyText"])]
        case Grid():
            return [_grid(block), Spacer(1, 8)]
        case Bars() | Curve():
            drawing = _bars(block) if isinstance(block, Bars) else _curve(block)
            return [KeepTogether([drawing, Paragraph(escape(block.caption), CELL)]), Spacer(1, 8)]


def _grid(grid: Grid) -> Table:
    cells = [[Paragraph(escape(cell), CELL) for cell in row] for row in (grid.columns, *grid.rows)]
    widths = [WIDTH * share for share in (0.4, 0.12, 0.48)] if len(grid.columns) == 3 else None
    table = Table(cells, colWidths=widths, repeatRows=1)
    lines = ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.HexColor(FAINT))
    table.setStyle(TableStyle([lines, ("VALIGN", (0, 0), (-1, -1), "TOP")]))
    return table


def _bars(figure: Bars) -> Drawing:
    values = [value for _, value in figure.values]
    low, high = min(*values, figure.neutral), max(*values, figure.neutral)
    scale = (WIDTH - NAMES - VALUES) / ((high - low) or 1)
    middle = NAMES + (figure.neutral - low) * scale
    drawing = Drawing(WIDTH, ROW * len(values) + 4)
    for index, (name, value) in enumerate(figure.values):
        y = drawing.height - (index + 1) * ROW
        end = NAMES + (value - low) * scale
        color = colors.HexColor(ABOVE if value >= figure.neutral else BELOW)
        drawing.add(String(NAMES - 5, y + 4, name[:26], fontSize=8, textAnchor="end"))
        drawing.add(Rect(min(middle, end), y + 2, abs(end - middle), ROW - 5, fillColor=color, strokeColor=None))
        drawing.add(String(WIDTH - 2, y + 4, number(value), fontSize=8, textAnchor="end"))
    drawing.add(Line(middle, 0, middle, drawing.height, strokeWidth=0.5))
    return drawing


def _curve(figure: Curve) -> Drawing:
    drawing = Drawing(WIDTH, HEIGHT)
    left, bottom, right, top = 45.0, 22.0, WIDTH - 10, HEIGHT - 8.0
    ys = [y for _, y in figure.points]
    span = (max(ys) - min(ys)) or 1.0
    places = [
        (left + x * (right - left), bottom + (y - min(ys)) / span * (top - bottom))
        for x, y in zip(positions(figure), ys, strict=True)
    ]
    drawing.add(Line(left, bottom, right, bottom, strokeColor=colors.HexColor(FAINT)))
    drawing.add(String(left - 4, top - 6, f"{max(ys):.3g}", fontSize=8, textAnchor="end"))
    drawing.add(String(left - 4, bottom, f"{min(ys):.3g}", fontSize=8, textAnchor="end"))
    drawing.add(PolyLine([part for place in places for part in place], strokeColor=colors.HexColor(ABOVE)))
    every = max(1, len(places) // 8)
    for (x, _), (value, _) in list(zip(places, figure.points, strict=True))[::every]:
        text = value[:10] if isinstance(value, str) else f"{value:.4g}"
        drawing.add(String(x, bottom - 12, text, fontSize=8, textAnchor="middle"))
    return drawing
