"""Figures as SVG text, without scripts or fonts of their own."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from .outline import Bars, Curve, number

WIDTH, ROW, NAMES, VALUES = 640, 22, 190, 70
HEIGHT, MARGIN = 200, 44
ABOVE, BELOW, INK, FAINT = "#2f6f9f", "#b5542c", "#24292f", "#d0d7de"


def bars(figure: Bars) -> str:
    """Names to the left, values to the right, the neutral value as a line."""
    values = [value for _, value in figure.values]
    low, high = min(*values, figure.neutral), max(*values, figure.neutral)
    scale = (WIDTH - NAMES - VALUES) / ((high - low) or 1)
    middle = NAMES + (figure.neutral - low) * scale
    height = ROW * len(values) + 8
    parts = []
    for index, (name, value) in enumerate(figure.values):
        y = 4 + index * ROW
        end = NAMES + (value - low) * scale
        color = ABOVE if value >= figure.neutral else BELOW
        parts.append(
            f'<text x="{NAMES - 8}" y="{y + 15}" text-anchor="end">{escape(_short(name))}</text>'
            f'<rect x="{min(middle, end):.1f}" y="{y + 4}" width="{abs(end - middle):.1f}" height="{ROW - 8}" '
            f'fill="{color}"/>'
            f'<text x="{WIDTH - 4}" y="{y + 15}" text-anchor="end">{number(value)}</text>'
        )
    parts.append(f'<line x1="{middle:.1f}" y1="0" x2="{middle:.1f}" y2="{height}" stroke="{INK}"/>')
    return _figure(height, figure.caption, parts)


def curve(figure: Curve) -> str:
    """The line over the feature's values."""
    xs, ys = positions(figure), [y for _, y in figure.points]
    places = [
        (MARGIN + x * (WIDTH - MARGIN - 16), 12 + (1 - y) * (HEIGHT - 12 - MARGIN))
        for x, y in zip(xs, _unit(ys), strict=True)
    ]
    bottom = HEIGHT - MARGIN
    parts = [
        f'<line x1="{MARGIN}" y1="{bottom}" x2="{WIDTH - 16}" y2="{bottom}" stroke="{FAINT}"/>',
        f'<text x="{MARGIN - 6}" y="16" text-anchor="end">{max(ys):.3g}</text>',
        f'<text x="{MARGIN - 6}" y="{bottom}" text-anchor="end">{min(ys):.3g}</text>',
    ]
    parts += [
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{u:.1f}" y2="{v:.1f}" stroke="{ABOVE}" stroke-width="2"/>'
        for (x, y), (u, v) in pairwise(places)
    ]
    every = max(1, len(places) // 8)
    for index, ((x, y), (value, _)) in enumerate(zip(places, figure.points, strict=True)):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{ABOVE}"/>')
        if index % every == 0:
            text = value if isinstance(value, str) else f"{value:.4g}"
            parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{escape(_short(text, 12))}</text>')
    return _figure(HEIGHT, figure.caption, parts)


def positions(figure: Curve) -> list[float]:
    """Where the points stand, from 0 to 1: numbers to scale, categories one after the other."""
    values = [value for value, _ in figure.points]
    if all(isinstance(value, int | float) for value in values):
        return _unit([float(value) for value in values])
    return _unit([float(index) for index in range(len(values))])


def _unit(values: Sequence[float]) -> list[float]:
    low, span = min(values), (max(values) - min(values)) or 1.0
    return [(value - low) / span for value in values]


def _short(text: str, most: int = 28) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _figure(height: int, caption: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="12" fill="{INK}"><title>{escape(caption)}</title>'
        f"{''.join(parts)}</svg>"
    )
