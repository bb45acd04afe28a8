"""The demo's report: one self-contained HTML page with plots drawn as SVG, no script, no outside resource."""

from html import escape
from typing import Any

from sageyard.demo.dataset import REQUIRED_RECALL
from sageyard.demo.loop import Hour, Outcome

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2rem auto;padding:0 1rem;color:#1c2530}
h1{margin-bottom:0}h2{margin-top:2.2rem;border-bottom:1px solid #d6dde4}p.lead{color:#51606f;margin-top:.2rem}
table{border-collapse:collapse;width:100%}td,th{padding:.35rem .6rem;border-bottom:1px solid #e4e9ee;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}.ok{color:#19734a}.bad{color:#b3261e;font-weight:600}
svg{max-width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:#3a4754}
.bar{fill:#8aa4bd}.hot{fill:#c8443b}.base{fill:#8aa4bd;opacity:.75}.now{fill:#e07b39;opacity:.75}
.rule{stroke:#b3261e;stroke-dasharray:4 3}.axis{stroke:#c4ced8}
@media(prefers-color-scheme:dark){body{background:#12171d;color:#e3e9ef}text{fill:#b8c4cf}td,th{border-color:#2a333c}
h2{border-color:#2a333c}p.lead{color:#93a3b1}.ok{color:#5cc795}.bad{color:#ff8a80}}
"""


def html(outcome: Outcome) -> str:
    """The whole page."""
    drifted = next((hour for hour in outcome.hours if hour.violations), None)
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>Sageyard: the loop</title><style>{STYLE}</style>",
        "<h1>From business problem to retrained model</h1>",
        "<p class=lead>Breast cancer, 569 biopsies. Criterion: recall of malignant cases at least "
        f"{REQUIRED_RECALL:.0%}.</p><h2>Models</h2>",
        _evaluations(outcome),
        "<h2>Hours</h2>",
        _hours(outcome),
        "<h2>Quality, hour by hour</h2>",
        _quality(outcome.hours),
    ]
    if drifted is not None:
        threshold = _threshold(outcome.constraints)
        parts += ["<h2>Drift per column in the violated hour</h2>", _distances(drifted, threshold)]
        parts += ["<h2>What moved</h2><p class=lead>Share of rows per bucket: baseline and the violated hour.</p>"]
        parts += [_histograms(name, outcome.baseline, drifted.statistics) for name in sorted(drifted.violations)]
    return "\n".join(parts)


def _threshold(constraints: dict[str, Any]) -> float:
    settings = constraints.get("monitoring_config", {}).get("distribution_constraints", {})
    return float(settings.get("comparison_threshold", 0.1))


def _evaluations(outcome: Outcome) -> str:
    rows = "".join(
        f"<tr><td>{escape(e['version'])}<td class=n>{e['rows']}<td class=n>{e['malignant']}"
        f"<td class=n>{e['recall']:.1%}<td class=n>{e['precision']:.1%}<td class=n>{e['accuracy']:.1%}"
        f"<td class=n>{e['threshold']:.3f}"
        f"<td class={'ok' if e['accepted'] else 'bad'}>{'accepted' if e['accepted'] else 'refused'}"
        for e in outcome.evaluations
    )
    return (
        "<table><tr><th>version<th>held-back rows<th>malignant<th>recall<th>precision<th>accuracy<th>threshold"
        f"<th>criterion{rows}</table>"
    )


def _hours(outcome: Outcome) -> str:
    rows = "".join(
        f"<tr><td>{escape(hour.title)}<td class=n>{hour.rows}<td class=n>{hour.recall:.1%}"
        f"<td class=n>{hour.precision:.1%}{_violations(hour)}"
        for hour in outcome.hours
    )
    update = f"Endpoint update: {outcome.update_requests} requests meanwhile, {outcome.update_failures} failed."
    head = "<tr><th>hour<th>requests<th>recall<th>precision<th>violations"
    return f"<table>{head}{rows}</table><p>{update}</p>"


def _violations(hour: Hour) -> str:
    named = escape(", ".join(sorted(hour.violations)) or "none")
    return f"<td class={'bad' if hour.violations else 'ok'}>{named}"


def _quality(hours: list[Hour]) -> str:
    """Recall and precision side by side, hour by hour; the dashed line is the criterion for recall."""
    width, height, step = 640, 220, 640 / max(1, len(hours))
    rule = height - REQUIRED_RECALL * height

    def bar(left: float, value: float, style: str) -> str:
        top, middle = height - value * height, left + step * 0.15
        return (
            f"<rect class={style} x={left:.0f} y={top:.1f} width={step * 0.3:.0f} height={value * height:.1f} />"
            f"<text x={middle:.0f} y={height + 18} text-anchor=middle>{value:.0%}</text>"
        )

    bars = "".join(
        bar(n * step + step * 0.15, hour.recall, "base" if hour.recall >= REQUIRED_RECALL else "hot")
        + bar(n * step + step * 0.5, hour.precision, "now")
        + f"<text x={n * step + step * 0.48:.0f} y={height + 36} text-anchor=middle>hour {n + 1}</text>"
        for n, hour in enumerate(hours)
    )
    return (
        f"<svg viewBox='0 -10 {width} {height + 52}' width={width} role=img aria-label='quality per hour'>{bars}"
        f"<line class=rule x1=0 x2={width} y1={rule:.1f} y2={rule:.1f} />"
        f"<line class=axis x1=0 x2={width} y1={height} y2={height} /></svg>"
        + _legend("recall (dashed: the criterion)", "precision")
    )


def _legend(base: str, now: str) -> str:
    return (
        f"<p><svg width=14 height=12><rect class=base width=12 height=12 /></svg> {base} "
        f"<svg width=14 height=12><rect class=now width=12 height=12 /></svg> {now}</p>"
    )


def _distances(hour: Hour, threshold: float) -> str:
    named = sorted(hour.distances.items(), key=lambda item: -item[1])
    longest = max([threshold, *hour.distances.values()]) or 1.0
    rows = "".join(
        f"<text x=250 y={n * 18 + 13} text-anchor=end>{escape(name)}</text>"
        f"<rect class={'hot' if name in hour.violations else 'bar'} x=260 y={n * 18 + 3}"
        f" width={max(1.0, value / longest * 380):.1f} height=12 />"
        f"<text x={268 + value / longest * 380:.0f} y={n * 18 + 13}>{value:.3f}</text>"
        for n, (name, value) in enumerate(named)
    )
    height, rule = len(named) * 18 + 6, 260 + threshold / longest * 380
    return (
        f"<svg viewBox='0 0 720 {height}' width=720 role=img aria-label='distance from the baseline per column'>{rows}"
        f"<line class=rule x1={rule:.1f} x2={rule:.1f} y1=0 y2={height} /></svg>"
    )


def _buckets(statistics: dict[str, Any], name: str) -> list[tuple[float, float, float]]:
    """(lower, upper, share of rows) of a numerical column."""
    feature: dict[str, Any] = next((f for f in statistics["features"] if f["name"] == name), {})
    buckets = feature.get("numerical_statistics", {}).get("distribution", {}).get("kll", {}).get("buckets", [])
    total = sum(bucket["count"] for bucket in buckets) or 1
    return [(bucket["lower_bound"], bucket["upper_bound"], bucket["count"] / total) for bucket in buckets]


def _histograms(name: str, baseline: dict[str, Any], now: dict[str, Any]) -> str:
    before, after = _buckets(baseline, name), _buckets(now, name)
    if not before or not after:
        return ""
    low, high = min(before[0][0], after[0][0]), max(before[-1][1], after[-1][1])
    scale = 640 / ((high - low) or 1.0)
    highest = max(share for *_, share in before + after)

    def bars(buckets: list[tuple[float, float, float]], style: str) -> str:
        return "".join(
            f"<rect class={style} x={(lower - low) * scale:.1f} y={120 - share / highest * 120:.1f}"
            f" width={max(1.5, (upper - lower) * scale):.1f} height={share / highest * 120:.1f} />"
            for lower, upper, share in buckets
        )

    return (
        f"<h3>{escape(name)}</h3><svg viewBox='0 0 640 145' width=640 role=img aria-label='{escape(name)}'>"
        f"{bars(before, 'base')}{bars(after, 'now')}<line class=axis x1=0 x2=640 y1=120 y2=120 />"
        f"<text x=0 y=138>{low:.4g}</text><text x=640 y=138 text-anchor=end>{high:.4g}</text></svg>"
        + _legend("baseline", "violated hour")
    )
