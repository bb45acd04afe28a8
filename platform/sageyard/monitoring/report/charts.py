"""Charts as inline SVG. Each has a title that says what it shows, for those who do not see it."""

from collections.abc import Sequence

from sageyard.monitoring.report.distribution import Histogram, steps
from sageyard.monitoring.report.figures import figure, percent
from sageyard.monitoring.report.markup import Html, element, short

WIDTH = 320
_TOP, _FLOOR, _HEIGHT = 14.0, 106.0, 124
_ROW, _MOST_ROWS, _BARS_FROM, _BARS_TO = 30, 7, 112, 270
_LABEL = 17
OTHERS = "all others"


def histogram_chart(histogram: Histogram, name: str) -> Html:
    """The baseline as an area, now as a line."""
    highest = max([*histogram.before, *histogram.now])
    parts = _axis(highest)
    if histogram.before:
        parts.append(element("path", class_="before", d=_path(histogram.before, highest, closed=True)))
    parts.append(element("path", class_="now-area", d=_path(histogram.now, highest, closed=True)))
    parts.append(element("path", class_="now", d=_path(histogram.now, highest, closed=False)))
    low, middle, high = _labels(histogram)
    parts += [
        element("text", low, x=0, y=_HEIGHT - 4),
        element("text", middle, x=WIDTH / 2, y=_HEIGHT - 4, text_anchor="middle"),
        element("text", high, x=WIDTH, y=_HEIGHT - 4, text_anchor="end"),
    ]
    against = " now against the baseline" if histogram.before else " now"
    span = f"from {low} to {high}" if low else f"all {middle}"
    title = f"Distribution of {short(name)}{against}, {span}"
    return _svg(title, _HEIGHT, parts)


def category_chart(before: dict[str, float], now: dict[str, float], name: str) -> Html:
    """A pair of bars for each of the most frequent values, today's above the baseline's."""
    ranked = sorted(before.keys() | now.keys(), key=lambda key: (-max(before.get(key, 0), now.get(key, 0)), key))
    shown = ranked if len(ranked) <= _MOST_ROWS else ranked[: _MOST_ROWS - 1]
    rows = [(key, before.get(key, 0.0), now.get(key, 0.0), bool(before) and key not in before) for key in shown]
    if rest := ranked[len(shown) :]:
        old, new = (sum(side.get(key, 0.0) for key in rest) for side in (before, now))
        rows.append((f"{OTHERS} ({len(rest):,})", old, new, False))
    highest = max(max(row[1], row[2]) for row in rows)
    parts = []
    for place, (key, old, new, is_new) in enumerate(rows):
        y = place * _ROW
        label = short(key or "(empty)", _LABEL - 4 if is_new else _LABEL) + (" new" if is_new else "")
        parts.append(element("text", label, x=0, y=y + 16, class_="unknown" if is_new else None))
        for top, height, share, kind in ((y + 4, 10, new, "bar-now"), (y + 15, 6, old, "bar-before")):
            if kind == "bar-now" or before:
                length = round(share / highest * (_BARS_TO - _BARS_FROM), 1)
                parts.append(element("rect", class_=kind, x=_BARS_FROM, y=top, width=length, height=height, rx=1.5))
        parts.append(element("text", percent(new), x=WIDTH, y=y + 13, text_anchor="end"))
        if before:
            parts.append(element("text", percent(old), x=WIDTH, y=y + 24, text_anchor="end", class_="faint"))
    words = "; ".join(
        f"{short(key, 40)} {percent(new)}" + (f", baseline {percent(old)}" if before else "")
        for key, old, new, _ in rows
    )
    return _svg(f"Values of {short(name)} now: {words}", len(rows) * _ROW, parts)


def line_chart(values: Sequence[float | None], threshold: float | None, title: str, last_bad: bool) -> Html:
    """Values over executions, gaps where there was none, and the threshold as a dashed line."""
    width, height, edge = 150, 36, 5.0
    known = [value for value in values if value is not None] + ([threshold] if threshold is not None else [])
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = (high - low) or abs(high) or 1.0
    step = (width - 2 * edge) / max(1, len(values) - 1)

    def y(value: float) -> float:
        return round(height - edge - (value - low) / room * (height - 2 * edge), 1)

    points = [
        (round(edge + place * step, 1) if len(values) > 1 else width / 2, y(value))
        for place, value in enumerate(values)
        if value is not None
    ]
    parts = []
    if threshold is not None:
        parts.append(element("line", class_="threshold", x1=0, x2=width, y1=y(threshold), y2=y(threshold)))
    parts.append(element("polyline", class_="now", points=" ".join(f"{x},{height}" for x, height in points)))
    if points and values[-1] is not None:
        kind = "dot bad" if last_bad else "dot"
        parts.append(element("circle", class_=kind, cx=points[-1][0], cy=points[-1][1], r=3.5))
    return _svg(title, height, parts, width)


def curve_chart(x: Sequence[float], y: Sequence[float], title: str, x_title: str, y_title: str) -> Html:
    """A curve in the unit square."""
    size, left, top = 150, 22, 8
    every = max(1, len(x) // 120)
    kept = [*range(0, len(x), every), len(x) - 1]
    points = " ".join(f"{left + x[i] * size:.1f},{top + (1 - y[i]) * size:.1f}" for i in kept)
    floor = top + size
    parts = [
        element("rect", class_="frame", x=left, y=top, width=size, height=size),
        element("polyline", class_="now", points=points),
        element("text", y_title, x=-(top + size / 2), y=14, text_anchor="middle", transform="rotate(-90)"),
        element("text", x_title, x=left + size / 2, y=floor + 15, text_anchor="middle"),
    ]
    return _svg(title, floor + 20, parts, left + size + 8)


def _svg(title: str, height: float, parts: Sequence[Html], width: float = WIDTH) -> Html:
    return element("svg", element("title", title), parts, viewBox=f"0 0 {width} {height}", role="img", class_="chart")


def _axis(highest: float) -> list[Html]:
    return [
        element("line", class_="grid", x1=0, x2=WIDTH, y1=_TOP, y2=_TOP),
        element("line", class_="axis", x1=0, x2=WIDTH, y1=_FLOOR, y2=_FLOOR),
        element("text", percent(highest), x=0, y=_TOP - 4, class_="faint"),
    ]


def _path(shares: Sequence[float], highest: float, *, closed: bool) -> str:
    """A step line over the bins, by absolute moves to the right and up or down."""
    step = WIDTH / len(shares)
    places = steps(shares)
    height = [round(_FLOOR - share / highest * (_FLOOR - _TOP), 1) for _, share in places]
    begin = f"M0 {_FLOOR:g}V{height[0]:g}" if closed else f"M0 {height[0]:g}"
    line = "".join(f"H{place * step:.4g}V{y:g}" for (place, _), y in zip(places[1:], height[1:], strict=True))
    return begin + line + (f"V{_FLOOR:g}Z" if closed else "")


def _labels(histogram: Histogram) -> tuple[str, str, str]:
    """The ends and the middle of the axis, of a single whole number the middle alone; three digits of what it spans
    are enough."""
    low, high = histogram.low, histogram.high
    if histogram.whole:
        low, high = low + 0.5, high - 0.5
    middle = (low + high) / 2

    def label(value: float) -> str:
        return figure(float(f"{value:.3g}") if abs(value) < 100 * (high - low) else value)

    if low == high:
        return "", figure(middle), ""
    shown = "" if histogram.whole and middle % 1 else label(middle)
    return ("≤ " if histogram.below else "") + label(low), shown, ("≥ " if histogram.above else "") + label(high)
