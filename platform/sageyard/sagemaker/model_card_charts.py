"""Bar charts and line graphs of a model card's metrics, as drawings of text and vectors."""

from collections.abc import Sequence
from typing import Any

from reportlab.graphics.charts.axes import XValueAxis, YValueAxis
from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.charts.lineplots import LinePlot
from reportlab.graphics.shapes import Drawing, String

from sageyard.resources.spec import Document
from sageyard.sagemaker.model_card_fonts import ACCENT, FAINT, REGULAR, RULE

HEIGHT = 150
LEFT, BOTTOM, RIGHT, TOP = 48, 34, 12, 16
SIZE = 7
LARGEST = 1e100
SLANTED = 8
"""Bars from which on their names are slanted, to have room."""


def drawable(metric: Document) -> bool:
    """Whether the distance of any two values, and so an axis, can be computed."""
    values = [number for value in metric["value"] for number in (value if isinstance(value, list) else [value])]
    return all(abs(number) < LARGEST for number in values)


def bars(metric: Document, width: float) -> Drawing:
    """A bar for each value, under its name where names were given."""
    values, names = metric["value"], _names(metric.get("x_axis_name", []))
    chart = _placed(VerticalBarChart(), width)
    chart.data = [values]
    chart.categoryAxis.categoryNames = [names[at] if at < len(names) else str(at + 1) for at in range(len(values))]
    chart.bars[0].fillColor, chart.bars[0].strokeColor = ACCENT, None
    if len(values) >= SLANTED:
        chart.categoryAxis.labels.angle, chart.categoryAxis.labels.boxAnchor = 30, "ne"
    chart.valueAxis.valueMin = min(0, *values)
    chart.valueAxis.forceZero = 1
    _plain(chart.categoryAxis, grid=False)
    _plain(chart.valueAxis, grid=True)
    return _drawing(chart, width, "", _joined(metric.get("y_axis_name")))


def line(metric: Document, width: float) -> Drawing:
    """One line through the points, in the order of x."""
    chart = _placed(LinePlot(), width)
    chart.data = [sorted((x, y) for x, y in metric["value"])]
    chart.lines[0].strokeColor, chart.lines[0].strokeWidth = ACCENT, 1.4
    chart.xValueAxis, chart.yValueAxis = XValueAxis(), YValueAxis()
    _plain(chart.xValueAxis, grid=False)
    _plain(chart.yValueAxis, grid=True)
    return _drawing(chart, width, _joined(metric.get("x_axis_name")), _joined(metric.get("y_axis_name")))


def _placed(chart: Any, width: float) -> Any:
    chart.x, chart.y = LEFT, BOTTOM
    chart.width, chart.height = width - LEFT - RIGHT, HEIGHT - BOTTOM - TOP
    return chart


def _plain(axis: Any, *, grid: bool) -> None:
    axis.labels.fontName, axis.labels.fontSize, axis.labels.fillColor = REGULAR, SIZE, FAINT
    axis.strokeColor, axis.visibleGrid, axis.gridStrokeColor, axis.gridStrokeWidth = RULE, grid, RULE, 0.4


def _drawing(chart: Any, width: float, below: str, above: str) -> Drawing:
    drawing = Drawing(width, HEIGHT)
    drawing.add(chart)
    label = {"fontName": REGULAR, "fontSize": SIZE, "fillColor": FAINT}
    if below:
        drawing.add(String(LEFT + (width - LEFT) / 2, 4, below, textAnchor="middle", **label))
    if above:
        drawing.add(String(LEFT, HEIGHT - 8, above, **label))
    return drawing


def _names(value: Sequence[str] | str) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _joined(value: Sequence[str] | str | None) -> str:
    return ", ".join(_names(value)) if value else ""
