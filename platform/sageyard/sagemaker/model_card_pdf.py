"""A model card as a PDF file, in the sections that SageMaker Studio exports.

Imported by an export only: the layout library costs 0.3 s and 20 MB.
"""

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    HRFlowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from sageyard.resources.spec import Document
from sageyard.sagemaker.model_card_charts import bars, drawable, line
from sageyard.sagemaker.model_card_fonts import ACCENT, BOLD, FAINT, REGULAR, RULE, SOFT, STYLES, markup

MARGIN = 20 * mm
PADDING = 6  # of the layout's frame, each side
WIDTH = A4[0] - 2 * MARGIN - 2 * PADDING
LABELS = 48 * mm
STATUS_COLORS = {"Approved": "#1d8102", "PendingReview": "#b7791f", "Archived": "#687078", "Draft": "#0b5cad"}
RISK_COLORS = {"High": "#c0392b", "Medium": "#b7791f", "Low": "#1d8102", "Unknown": "#687078"}
NAMED_COLUMNS = 8
SPELLED = {"arn": "ARN", "id": "ID", "url": "URL"}


def rendered(card: Document, content: Document) -> bytes:
    """The file's bytes. `card` is a version as it is stored, `content` what it says."""
    name = str(card["ModelCardName"])
    file = io.BytesIO()
    layout = SimpleDocTemplate(
        file, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=18 * mm, bottomMargin=20 * mm,
        title=f"Model card: {name}", author="Sageyard", subject=f"Version {card['ModelCardVersion']}",
    )  # fmt: skip

    def footer(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFont(REGULAR, 7.5)
        canvas.setFillColor(FAINT)
        canvas.drawString(MARGIN + PADDING, 11 * mm, f"{name}, version {card['ModelCardVersion']}")
        canvas.drawRightString(A4[0] - MARGIN - PADDING, 11 * mm, f"Page {document.page}")

    story = [*_title(card), *_body(content)]
    layout.build(story, onFirstPage=footer, onLaterPages=footer)
    return file.getvalue()


def _title(card: Document) -> list[Flowable]:
    status = str(card["ModelCardStatus"])
    shade = STATUS_COLORS.get(status, "#687078")
    facts = [
        ("Status", f'<font name="{BOLD}" color="{shade}">{markup(_words(status))}</font>'),
        ("Version", str(card["ModelCardVersion"])),
        ("Created", _moment(card["CreationTime"])),
        ("Last modified", _moment(card["LastModifiedTime"])),
    ]
    cells = [[Paragraph(label, STYLES["label"]), Paragraph(value, STYLES["value"])] for label, value in facts]
    table = Table([cells], colWidths=[WIDTH / len(facts)] * len(facts))
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("BACKGROUND", (0, 0), (-1, -1), SOFT),
                               ("LINEBEFORE", (0, 0), (0, -1), 2, ACCENT), ("TOPPADDING", (0, 0), (-1, -1), 6),
                               ("BOTTOMPADDING", (0, 0), (-1, -1), 7)]))  # fmt: skip
    return [
        Paragraph("Model card", STYLES["kicker"]),
        Paragraph(markup(card["ModelCardName"]), STYLES["title"]),
        table,
    ]


def _body(content: Document) -> Iterable[Flowable]:
    yield from _section("Model overview", _fields(content.get("model_overview")))
    if package := content.get("model_package_details"):
        yield from _section("Model package", _fields(package))
    yield from _section("Intended uses", _fields(content.get("intended_uses")))
    yield from _section("Business details", _fields(content.get("business_details")))
    yield from _section("Training details", _training(content.get("training_details", {})))
    yield from _section("Evaluation details", _evaluations(content.get("evaluation_details", [])))
    additional = dict(content.get("additional_information", {}))
    custom = additional.pop("custom_details", {})
    further = [*_heading("Custom details"), *_fields(custom, spoken=False)] if custom else []
    yield from _section("Additional information", [*_fields(additional), *further])


def _section(title: str, content: Iterable[Flowable]) -> list[Flowable]:
    shown = list(content) or [Paragraph("Not provided", STYLES["absent"])]
    return [
        CondPageBreak(30 * mm),
        Paragraph(title, STYLES["section"]),
        HRFlowable(width="100%", thickness=1, color=ACCENT, spaceBefore=1, spaceAfter=6),
        *shown,
    ]


def _heading(text: str) -> list[Flowable]:
    return [CondPageBreak(22 * mm), Paragraph(markup(text), STYLES["heading"])]


def _training(details: Document) -> Iterable[Flowable]:
    details = dict(details)
    job = dict(details.pop("training_job_details", {}))
    objective = details.pop("objective_function", None)
    if isinstance(objective, dict):
        function = objective.get("function")
        parts = function.values() if isinstance(function, dict) else [function]
        details["objective_function"] = " ".join(str(part) for part in parts if part)
        details["objective_notes"] = objective.get("notes")
    elif objective:
        details["objective_function"] = objective
    yield from _fields(details)
    metrics = [*job.pop("training_metrics", []), *job.pop("user_provided_training_metrics", [])]
    parameters = [*job.pop("hyper_parameters", []), *job.pop("user_provided_hyper_parameters", [])]
    if job:
        yield from _heading("Training job")
        yield from _fields(job)
    if metrics:
        yield from _heading("Training metrics")
        yield _table(("Metric", "Value", "Notes"), [_row(metric) for metric in metrics], (0.36, 0.2, 0.44))
    if parameters:
        yield from _heading("Hyperparameters")
        rows = [(parameter["name"], parameter.get("value", "")) for parameter in parameters]
        yield _table(("Hyperparameter", "Value"), rows, (0.36, 0.64))


def _evaluations(evaluations: Sequence[Document]) -> Iterable[Flowable]:
    for evaluation in evaluations:
        facts = {key: value for key, value in evaluation.items() if key not in {"name", "metric_groups", "metadata"}}
        yield from _heading(evaluation["name"])
        yield from _fields(facts)
        yield from _fields(evaluation.get("metadata"), spoken=False)
        for group in evaluation.get("metric_groups", []):
            yield CondPageBreak(22 * mm)
            yield Paragraph(markup(group["name"]), STYLES["group"])
            yield from _metrics(group["metric_data"])


def _metrics(metrics: Sequence[Document]) -> Iterable[Flowable]:
    """Simple metrics as one table; then each matrix as a table and each graph as a drawing."""
    simple = [metric for metric in metrics if metric["type"] in {"number", "string", "boolean"}]
    if simple:
        yield _table(("Metric", "Value", "Notes"), [_row(metric) for metric in simple], (0.36, 0.2, 0.44))
    for metric in metrics:
        if metric["type"] in {"matrix", "bar_chart", "linear_graph"}:
            parts: list[Flowable] = [Paragraph(markup(metric["name"]), STYLES["metric"])]
            if metric["type"] == "matrix":
                parts += _matrix(metric)
            elif not drawable(metric):
                parts.append(Paragraph(markup(metric["value"]), STYLES["value"]))
            else:
                draw = bars if metric["type"] == "bar_chart" else line
                parts.append(draw(metric, WIDTH))
            if notes := metric.get("notes"):
                parts.append(Paragraph(markup(notes), STYLES["note"]))
            yield KeepTogether([*parts, Spacer(0, 6)])


def _matrix(metric: Document) -> list[Flowable]:
    """Rows and columns by name; those of a wide one by number, with the names below."""
    rows: list[list[float]] = metric["value"]
    columns = max(len(row) for row in rows)
    across, down = metric.get("x_axis_name", []), metric.get("y_axis_name", [])
    wide = columns > NAMED_COLUMNS
    head = ["", *(across[at] if at < len(across) and not wide else str(at + 1) for at in range(columns))]
    body = [
        [down[at] if at < len(down) else str(at + 1), *(_number(value) for value in row)] for at, row in enumerate(rows)
    ]
    cells = [[*row, *[""] * (columns + 1 - len(row))] for row in body]
    table = _table(head, cells, (0.2, *([0.8 / columns] * columns)), padding=1 if wide else 6)
    named = ", ".join(f"{at + 1}: {name}" for at, name in enumerate(across)) if wide else ""
    return [table, Paragraph(markup(named), STYLES["note"])] if named else [table]


def _row(metric: Document) -> tuple[str, str, str]:
    return str(metric["name"]), _shown(metric["value"]), str(metric.get("notes", ""))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float], padding: float = 6) -> Table:
    cells = [[Paragraph(markup(cell), STYLES["head"]) for cell in head]]
    cells += [[Paragraph(markup(cell), STYLES["cell"]) for cell in row] for row in rows]
    table = Table(cells, colWidths=[WIDTH * share for share in shares], repeatRows=1, hAlign="LEFT", splitInRow=1)
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("BACKGROUND", (0, 0), (-1, 0), ACCENT),
                ("ROWBACKGROUNDS", (0, 1), (-1, -1), [colors.white, SOFT]),
                ("LINEBELOW", (0, 1), (-1, -1), 0.4, RULE),
                ("LEFTPADDING", (0, 0), (-1, -1), padding),
                ("RIGHTPADDING", (0, 0), (-1, -1), padding),
                ("TOPPADDING", (0, 0), (-1, -1), 3),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ]
        )
    )
    return table


def _fields(members: Document | None, *, spoken: bool = True) -> list[Flowable]:
    """A line for each member; `spoken` turns `risk_rating` into `Risk rating`."""
    flat = {key: _flat(value) for key, value in (members or {}).items()}
    rows = []
    for key, value in flat.items():
        if value in (None, "", []):
            continue
        text = "<br/>".join(markup(_shown(item)) for item in (value if isinstance(value, list) else [value]))
        if key == "risk_rating":
            text = f'<font name="{BOLD}" color="{RISK_COLORS.get(str(value), "#687078")}">{text}</font>'
        label = _words(key) if spoken else key
        rows.append([Paragraph(markup(label), STYLES["label"]), Paragraph(text, STYLES["value"])])
    if not rows:
        return []
    table = Table(rows, colWidths=[LABELS, WIDTH - LABELS], hAlign="LEFT", splitInRow=1)
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (0, -1), 0),
                ("LINEBELOW", (0, 0), (-1, -2), 0.4, RULE),
                ("TOPPADDING", (0, 0), (-1, -1), 3),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ]
        )
    )
    return [table]


def _flat(value: Any) -> Any:
    """A structure as lines of its values: an environment is the list of its images."""
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in _lines(key, item)]
    if isinstance(value, list):
        return [line for item in value for line in ([item] if not isinstance(item, dict) else _flat(item))]
    return value


def _lines(key: str, value: Any) -> list[str]:
    value = _flat(value)
    return [f"{_words(key)}: {_shown(item)}" for item in (value if isinstance(value, list) else [value])]


def _words(key: str) -> str:
    """`training_arn` as `Training ARN`, `PendingReview` as `Pending review`."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in key).replace("_", " ").split()
    words = [SPELLED.get(word, word) for word in spaced]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]]) if words else key


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return _number(value) if isinstance(value, (int, float)) else str(value)


def _number(value: float) -> str:
    """Six significant digits, integers whole."""
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
