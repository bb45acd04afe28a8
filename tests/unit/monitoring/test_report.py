"""The report of an execution, drawn from documents: complete, safe, bounded, and honest about what it lacks."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree import ElementTree

import pytest
from sageyard.monitoring.report import page
from sageyard.monitoring.report.distribution import histogram
from sageyard.monitoring.report.facts import Facts, Past
from sageyard.monitoring.report.figures import figure, percent, readable
from sageyard.monitoring.report.reading import read_object

from .server import Server

Drive = Callable[..., None]
HOSTILE = "</title><script>alert('x')</script>\x00\ud800\" onload=\"alert(1)"
VIOLATED = "CompletedWithViolations"


def numeric(name: str, values: Sequence[float], kind: str = "Fractional") -> dict[str, Any]:
    values = sorted(values)
    mean = sum(values) / len(values)
    return {
        "name": name,
        "inferred_type": kind,
        "numerical_statistics": {
            "common": {"num_present": len(values), "num_missing": 0},
            "mean": mean,
            "sum": sum(values),
            "std_dev": (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5,
            "min": values[0],
            "max": values[-1],
            "distribution": {"kll": {"buckets": [], "sketch": {"data": [values]}}},
        },
    }


def text(name: str, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "name": name,
        "inferred_type": "String",
        "string_statistics": {
            "common": {"num_present": sum(counts.values()), "num_missing": 5},
            "distinct_count": float(len(counts)),
            "distribution": {"categorical": {"buckets": [{"value": v, "count": c} for v, c in counts.items()]}},
        },
    }


def document(*features: dict[str, Any]) -> dict[str, Any]:
    return {"version": 0.0, "dataset": {"item_count": 1234}, "features": list(features)}


def violation(name: str, description: str = "Baseline drift distance: 0.38695931 exceeds threshold: 0.1") -> Any:
    return {"feature_name": name, "constraint_check_type": "baseline_drift_check", "description": description}


def facts(kind: str = "DataQuality", violations: Sequence[Any] | None = (), **members: Any) -> Facts:
    status = members.pop("status", VIOLATED if violations else "Completed")
    execution = Past("now", status, 1_800_000_000.0, "/now", violations, members.get("statistics", {}))
    timeline = (*members.pop("earlier", ()), execution)
    return Facts("churn-hourly", "/churn-hourly", kind, execution, timeline=timeline, **members)


def parsed(html: str) -> ElementTree.Element:
    """The page as a tree: it is well-formed XML too, so nothing is left open and nothing escaped twice."""
    assert html.startswith("<!DOCTYPE html>\n")
    return ElementTree.fromstring(html.removeprefix("<!DOCTYPE html>\n"))


def words(tree: ElementTree.Element) -> str:
    return " ".join("".join(tree.itertext()).split())


def values(seed: int, mean: float = 0.0, count: int = 300) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(mean, 1) for _ in range(count)]


def test_violated_columns_come_first_with_the_baseline_beside_them() -> None:
    now = document(numeric("calm", values(1)), text("plan", {"basic": 90, "gold": 10}), numeric("age", values(2, 3)))
    before = document(numeric("calm", values(3)), text("plan", {"basic": 100}), numeric("age", values(4)))
    tree = parsed(page.report(facts(violations=[violation("age")], statistics=now, baseline=before)))
    assert tree.find(".//h1").text == "age broke its constraints"  # type: ignore[union-attr]
    assert [found.text for found in tree.iter("h3")] == ["age", "plan", "calm"]
    assert "Baseline drift distance: 0.387 exceeds threshold: 0.1" in words(tree)
    link = tree.find(".//tbody/tr/th/a[@href]")
    assert link is not None and tree.find(f".//article[@id='{link.attrib['href'][1:]}']/header/h3").text == "age"  # type: ignore[union-attr]
    titles = [chart[0].text for chart in tree.iter("svg")]
    assert titles[1] == "Values of plan now: basic 90%, baseline 100%; gold 10%, baseline 0%"
    assert "Distribution of age now against the baseline" in str(titles[0])


def test_every_chart_has_a_role_and_a_title_and_the_page_loads_nothing() -> None:
    now = document(numeric("age", values(1)), text("plan", {"a": 1}))
    html = page.report(facts(statistics=now, baseline=now))
    tree = parsed(html)
    charts = list(tree.iter("svg"))
    assert len(charts) == 2
    assert all(chart.attrib["role"] == "img" and chart[0].tag == "title" and chart[0].text for chart in charts)
    assert not {"script", "img", "link", "iframe", "object"} & {found.tag for found in tree.iter()}
    assert "url(" not in html and "@import" not in html
    assert tree.attrib["lang"] == "en" and "prefers-color-scheme: dark" in html


@pytest.mark.parametrize("kind", ["DataQuality", "ModelQuality", "ModelBias"])
def test_names_and_texts_of_a_user_are_text(kind: str) -> None:
    score = {"regression_metrics": {HOSTILE: {"value": 1.0, "standard_deviation": "NaN"}}}
    now = document(numeric(HOSTILE, values(1)), text("plan", {HOSTILE: 3})) | score
    said = violation(HOSTILE, HOSTILE) | ({"metric_name": HOSTILE} if kind != "DataQuality" else {})
    found = facts(
        kind, [said], statistics=now, baseline=now, endpoint=HOSTILE, reason=HOSTILE, documents=[("S", HOSTILE)]
    )
    html = page.report(found)
    tree = parsed(html)
    html.encode()
    assert "<script" not in html and not list(tree.iter("script"))
    assert not [one for one in tree.iter() if any(name.startswith("on") for name in one.attrib)]
    assert "<script>alert('x')</script>" in words(tree)


def bias(name: str, value: float) -> dict[str, Any]:
    """An analysis.json of one metric of one group."""
    metrics = [{"name": "DI", "description": name, "value": value}, {"name": "FT", "value": None, "error": name}]
    facets = {name: [{"value_or_threshold": "(40.0, 80.0]", "metrics": metrics}]}
    section = {"label": name, "label_value_or_threshold": name, "facets": facets}
    return {"version": "1.0", "post_training_bias_metrics": section}


def test_bias_is_shown_by_group_against_the_baseline_and_names_are_text() -> None:
    said = {"facet": HOSTILE, "facet_value": "40", "metric_name": "DI", "constraint_check_type": "bias_drift_check",
            "description": HOSTILE}  # fmt: skip
    found = facts("ModelBias", [said], statistics=bias(HOSTILE, 0.5), constraints=bias(HOSTILE, 0.875))
    html = page.report(found)
    tree = parsed(html)
    shown = words(tree)
    assert not list(tree.iter("script")) and "<script>alert('x')</script>" in shown
    assert "Bias of the predictions" in shown and "✗ violated" in shown
    assert "0.5" in shown and "0.875" in shown


def test_attributions_are_shown_by_rank_against_the_baseline_and_names_are_text() -> None:
    def analysis(**values: float) -> dict[str, Any]:
        shap = {HOSTILE: {"global_shap_values": values | {HOSTILE: 0.0}, "expected_value": 0.5}}
        return {"version": "1.0", "explanations": {"kernel_shap": shap}}

    now, before = analysis(SAT=0.10, GPA=0.20, rank=0.70), analysis(SAT=0.70, GPA=0.50, rank=0.05)
    tree = parsed(page.report(facts("ModelExplainability", [], statistics=now, constraints=before)))
    shown = words(tree)
    assert not list(tree.iter("script"))
    assert "nDCG 0.687" in shown
    assert "▲ 2" in shown and "▼ 2" in shown


def test_a_thousand_columns_stay_below_a_megabyte_and_none_is_left_out() -> None:
    many = document(*(numeric(f"column {i} " + "x" * 400, values(i, i / 500, 60)) for i in range(1000)))
    broken = [violation(one["name"], "far " * 500) for one in many["features"][:900]]
    earlier = [Past(f"e{i}", VIOLATED, 1_700_000_000.0 + i, "/", broken) for i in range(29)]
    html = page.report(facts(violations=broken, statistics=many, baseline=many, earlier=earlier))
    assert len(html.encode()) < 1_000_000
    tree = parsed(html)
    assert len(list(tree.iter("article"))) == 60
    assert len(tree.findall(".//details//tbody/tr")) == 1000
    assert "and 700 more in constraint_violations.json" in words(tree)


def test_the_timeline_has_a_column_for_each_execution_and_a_row_for_what_was_violated() -> None:
    earlier = [
        Past("one", "Completed", 1_799_990_000.0, "/one", []),
        Past("two", VIOLATED, 1_799_993_600.0, "/two", [violation("plan"), violation("age")]),
        Past("three", "Failed", 1_799_997_200.0, "/three"),
    ]
    tree = parsed(page.report(facts(violations=[violation("plan")], earlier=earlier)))
    rows = tree.findall(".//table[@class='times']/tbody/tr")
    assert [words(cell) for cell in rows[0]] == ["Violations", "✓", "2", "✗", "1"]
    assert [words(cell) for cell in rows[1]] == ["plan", "", "●", "", "●"]
    assert [words(cell) for cell in rows[2]] == ["age", "", "●", "", ""]
    assert rows[0][4][0].attrib["aria-current"] == "page"
    assert rows[0][2][0].attrib["href"] == "/two"


def test_metrics_stand_beside_their_thresholds_and_their_past() -> None:
    def scored(accuracy: float) -> dict[str, Any]:
        metrics = {
            "accuracy": {"value": accuracy, "standard_deviation": 0.0123456},
            "accuracy_best_constant_classifier": {"value": 0.5, "standard_deviation": "NaN"},
            "recall": {"value": "NaN", "standard_deviation": "NaN"},
            "confusion_matrix": {"0": {"0": 40, "1": 2}, "1": {"0": 3, "1": 5}},
            "receiver_operating_characteristic_curve": {
                "false_positive_rates": [0.0, 0.5, 1.0], "true_positive_rates": [0.0, 0.9, 1.0],
            },
        }  # fmt: skip
        return {"version": 0.0, "dataset": {"item_count": 50}, "binary_classification_metrics": metrics}

    limits = {"accuracy": {"threshold": 0.9, "comparison_operator": "LessThanThreshold"}}
    broken = {
        "constraint_check_type": "LessThanThreshold",
        "description": "Metric accuracy with 0.8 was LessThanThreshold 0.9",
        "metric_name": "accuracy",
    }
    earlier = [Past("one", "Completed", 1_799_990_000.0, "/one", [], scored(0.95))]
    constraints = {"binary_classification_constraints": limits}
    tree = parsed(
        page.report(facts("ModelQuality", [broken], statistics=scored(0.8), earlier=earlier, constraints=constraints))
    )
    text = words(tree)
    assert "constant classifier 0.5" in text
    assert "± 0.01235" in text and "at least 0.9" in text and "✗ violated" in text
    assert "below threshold" in text and "Confusion matrix" in text
    assert "accuracy over 2 executions, now 0.8" in [chart[0].text for chart in tree.iter("svg")]


def test_what_there_is_not_is_said() -> None:
    failed = facts(violations=None, status="Failed", reason="Job inputs had no data.")
    assert "The analysis failed" in page.report(failed) and "Job inputs had no data." in page.report(failed)
    alone = page.report(facts(violations=None, statistics=document(numeric("age", values(1)))))
    assert "There is no baseline to compare with." in alone and "compared with nothing" in alone
    strange = document({"name": "age", "inferred_type": "Integral", "numerical_statistics": {"mean": []}})
    for odd in (strange, {"dataset": 7}, {"features": 7}, {"features": [{"string_statistics": {"distribution": 1}}]}):
        html = page.report(facts(violations=[violation("age", "out of range")], statistics=odd, baseline=odd))
        assert "out of range" in html and "age broke its constraints" in html
        assert "not in the form" in html
    empty = numeric("age", [0.0])
    empty["numerical_statistics"]["common"] = {"num_present": 0, "num_missing": 9}
    assert "No values" in page.report(facts(statistics=document(empty), baseline=document(empty)))


def test_bins_follow_the_data_and_one_outlier_does_not_flatten_them() -> None:
    bins = histogram(numeric("x", values(1)), numeric("x", [*values(2), 1e9]))
    assert bins is not None and bins.above and bins.high < 10
    assert sum(bins.now) == pytest.approx(1) and sum(bins.before) == pytest.approx(1)
    whole = histogram({}, numeric("x", [0, 0, 1, 3], "Integral"))
    assert whole is not None and whole.now == [0.5, 0.25, 0.0, 0.25] and whole.before == []
    constant = histogram(numeric("x", [7.5]), numeric("x", [7.5, 7.5]))
    assert constant is not None and constant.now == [0.0, 1.0, 0.0]
    assert histogram(numeric("x", [1.0]), {"name": "x", "inferred_type": "Unknown"}) is None


def test_buckets_are_drawn_where_there_is_no_sketch() -> None:
    entry = numeric("x", values(1))
    entry["numerical_statistics"]["distribution"]["kll"] = {
        "buckets": [
            {"lower_bound": 0.0, "upper_bound": 5.0, "count": 30},
            {"lower_bound": 5.0, "upper_bound": 10.0, "count": 10},
        ]
    }
    bins = histogram({}, entry)
    assert bins is not None
    assert sum(bins.now[: len(bins.now) // 2]) == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize(
    "text", ["{}", ' { "a" : [ ] , "b" : [1, [2], {"c": "]}"}] }\n', '{"a": {"b": [1]}, "c": NaN}', '{"ä": "\\u00e4"}']
)
def test_documents_are_read_in_steps_as_json_reads_them(text: str) -> None:
    assert repr(read_object(text.encode())) == repr(json.loads(text))


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a"', '{"a":', '{"a": [1', '{"a": [1 2]}', '{"a": 1}{}', "{1: 2}", "x"]
)
def test_what_is_no_object_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        read_object(text.encode())


def test_numbers_are_readable() -> None:
    shown = {
        0: "0", 3: "3", 1234567: "1,234,567", 0.123456: "0.1235", -64.8499: "-64.85", 1234.9: "1,235",
        0.00001234: "1.23e-05", "NaN": "–", None: "–",
    }  # fmt: skip
    assert {value: figure(value) for value in shown} == shown
    assert [percent(share) for share in (0.0, 0.0001, 0.5, 0.123, 0.99999, 1.0)] == [
        "0%", "<0.1%", "50%", "12.3%", ">99.9%", "100%",
    ]  # fmt: skip
    assert readable("p 1.644728671741149e-210 of 10.0.0.12345 at 0.25") == "p 1.64e-210 of 10.0.0.12345 at 0.25"


def test_a_report_is_written_beside_the_documents_but_never_over_a_containers_own(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/07")
        server.capture("2026/11/21/08")
        keys = server.bucket.keys
        folder = "reports/churn/hourly/2026/11/21/"
        for hour in ("09", "10"):
            keys[f"{folder}{hour}/statistics.json"] = json.dumps(document(numeric("age", values(1)))).encode()
            keys[f"{folder}{hour}/constraint_violations.json"] = json.dumps({"violations": [violation("age")]}).encode()
        keys[f"{folder}10/report.html"] = b"the container's own"
        server.jobs.ends = {"status": "Completed", "ExitMessage": "CompletedWithViolations: 1"}
        await server.schedule()
        server.capture("2026/11/21/09")
        server.move_to("2026-11-21 09:25")
        await server.ended(1)
        server.move_to("2026-11-21 10:25")
        await server.ended(2)
        assert b"age broke its constraints" in keys[f"{folder}09/report.html"]
        assert keys[f"{folder}10/report.html"] == b"the container's own"
        shown = await server.schedules.executions.reports.execution("us-east-1", "hourly", "latest")
        assert words(parsed(shown)).count("age") > 2

    drive(scenario)


def test_a_report_that_cannot_be_written_changes_nothing_about_the_execution(drive: Drive) -> None:
    async def scenario(server: Server) -> None:
        server.capture("2026/11/21/08")
        server.bucket.put = None  # type: ignore[assignment]
        await server.schedule()
        server.move_to("2026-11-21 09:25")
        (execution,) = await server.ended(1)
        assert execution["MonitoringExecutionStatus"] == "Completed"

    drive(scenario)
