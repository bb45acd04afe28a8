"""Merged calls and labels read by the database: the same columns and the same merge as a record at a time."""

import json

import numpy as np
import pytest
from monitor_analyzer import labelled, merge, portions
from monitor_analyzer.environment import MergeRequest, QualityRequest, Request, read_format
from monitor_analyzer.errors import AnalysisError, Uneven
from monitor_analyzer.quality import evaluate
from monitor_analyzer.window import Window, moment

AT = "2026-03-01T09:12:30Z"
WINDOW = Window(moment("2026-03-01T09:00:00Z"), moment("2026-03-01T10:00:00Z"))
CLASSES = QualityRequest("MulticlassClassification", inference="0")
NUMBERS = QualityRequest("Regression", inference="1")
CHANCES = QualityRequest("BinaryClassification", inference="0", probability="1")


def call(record, output, truth, time=AT, encoding="CSV"):
    truth = truth if isinstance(truth, dict) else {"data": truth, "encoding": "CSV"}
    return record("30,pro", output, time, encoding) | {"groundTruthData": truth}


def request_of(folder, records):
    for hour in ("09", "10"):
        path = folder / "data" / "churn" / "AllTraffic" / "2026" / "03" / "01" / hour / "a.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("".join(json.dumps(one) + "\n" for one in (records if hour == "09" else records[:1])))
    form = read_format('{"sagemakerMergeJson":{"captureIndexNames":["endpointOutput"]}}')
    return Request(folder, folder / "data", folder / "output", form, WINDOW)


def scored(request, quality, tmp_path):
    found = labelled.load_labelled(request, quality, tmp_path)
    return found, evaluate(found, quality)


@pytest.fixture
def by_record(monkeypatch):
    """Makes the database refuse everything."""

    def refuse():
        def nothing(*_):
            raise Uneven("a test")

        monkeypatch.setattr(labelled, "CsvAnswers", nothing)
        monkeypatch.setattr(merge, "JoinedLines", nothing)

    return refuse


def rows(record):
    random = np.random.default_rng(2)
    for i in range(400):
        chance = round(float(random.random()), 6)
        line = f"{int(chance > 0.5)},{chance}"
        yield call(record, f"{line}\n" if i % 3 else f"{line}\r\n{line}", "1" if i % 3 else "1\n0.0")
    yield call(record, "1, 0.5 ", "")
    yield call(record, "1.0,2e-1", {"data": 1, "encoding": "csv"})
    yield call(record, "1,0.7", "1", "2026-03-01T10:00:00Z")


@pytest.mark.parametrize("quality", [CLASSES, NUMBERS, CHANCES], ids=lambda quality: quality.problem_type)
def test_plain_answers_in_portions_score_as_a_record_at_a_time(tmp_path, record, quality, by_record, monkeypatch):
    monkeypatch.setattr(portions, "SIZE", 30_000)
    request = request_of(tmp_path, list(rows(record)))
    monkeypatch.setattr(labelled, "_merged", None)  # not needed: all of it is plain
    quick, scores = scored(request, quality, tmp_path)
    assert (quick.rows, quick.left_out) == (400 + 134 + 1, 1)
    assert {column.dtype.kind for column in quick.columns.values()} == {"f"}
    monkeypatch.undo()
    by_record()
    slow, same = scored(request, quality, tmp_path)
    assert scores == same
    assert (quick.rows, quick.left_out) == (slow.rows, slow.left_out)


def test_words_among_the_classes_of_a_later_portion_are_classes(tmp_path, record, monkeypatch):
    monkeypatch.setattr(portions, "SIZE", 8_000)
    records = [call(record, f"{i % 3}.0", str(i % 2)) for i in range(60)] + [call(record, "cat", " cat")] * 2
    monkeypatch.setattr(labelled, "_merged", None)
    found, scores = scored(request_of(tmp_path, records), CLASSES, tmp_path)
    assert list(scores["confusion_matrix"]) == ["0", "1", "2", "cat"]
    assert scores["confusion_matrix"]["cat"]["cat"] == 2 and found.rows == 62


@pytest.mark.parametrize(
    "odd",
    [
        {"output": '"1","0.5"', "truth": "1"},
        {"output": "[1,0.5]", "truth": "1", "encoding": "JSON"},
        {"output": "1,0.5", "truth": "1", "time": "20260301T091230Z"},
        {"output": "1,0.5", "truth": {"data": True, "encoding": "CSV"}},
        {"output": "1,0.5", "truth": {"data": "[1]", "encoding": "JSON"}},
        {"output": "1,0.5\x1c1,0.6", "truth": "1\x1c0"},
    ],
)
def test_answers_that_are_not_plain_are_read_one_by_one(tmp_path, record, odd, by_record):
    request = request_of(tmp_path, [call(record, "0,0.25", "0"), call(record, **odd)])
    with pytest.raises(TypeError), pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelled, "_merged", None)
        scored(request, CHANCES, tmp_path)
    _, scores = scored(request, CHANCES, tmp_path)
    by_record()
    assert scored(request, CHANCES, tmp_path)[1] == scores


@pytest.mark.parametrize(
    ("output", "truth", "words"),
    [
        ("1,0.5\n0,0.25", "1", "has 2 predictions and its ground truth 1 labels"),
        ("1", "1", "probability_attribute '1' is beyond the row '1'"),
        ("", "1", "has 0 predictions"),
    ],
)
def test_an_answer_without_its_label_is_named(tmp_path, record, output, truth, words):
    request = request_of(tmp_path, [call(record, "0,0.25", "0"), call(record, output, truth)])
    with pytest.raises(AnalysisError, match=words):
        scored(request, CHANCES, tmp_path)


def merge_request(folder, calls, labels):
    for name, lines in (("captures/churn/AllTraffic", calls), ("truth", labels)):
        path = folder / name / "2026" / "03" / "01" / "09" / "a.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(lines))
    return MergeRequest(folder / "captures", folder / "truth", folder / "output")


def run_merge(request):
    message = merge.merge(request)
    [path] = request.output.rglob("*.jsonl")
    with path.open(encoding="utf-8") as lines:
        return message, [json.loads(line) for line in lines]


def label(event_id, data="1"):
    return json.dumps({"groundTruthData": {"data": data, "encoding": "CSV"}, "eventMetadata": {"eventId": event_id}})


def with_id(record, inference_id, **members):
    made = record("30,né \u2028", '0.25,"a"', AT) | members
    made["eventMetadata"] = {"eventId": "e", "inferenceId": inference_id, "inferenceTime": AT}
    return json.dumps(made, ensure_ascii=False)


@pytest.mark.parametrize("odd", [{}, {"groundTruthData": {"data": "old"}}, {"captureData": None}])
def test_lines_are_merged_as_records_are(tmp_path, record, by_record, odd):
    calls = [with_id(record, f"c{i}") for i in range(50)] + ["", with_id(record, "17") + " \r"]
    calls += [with_id(record, "c0", **odd)]
    labels = [label(f"c{i}", str(i)) for i in range(0, 60, 2)] + [label("c2", "last"), label(17), label("")]
    request = merge_request(tmp_path, calls, labels)
    quick = run_merge(request)
    assert "27 of 52" in quick[0] if not odd or "groundTruthData" in odd else "26 of 51" in quick[0]
    assert quick[1][1]["groundTruthData"]["data"] == "last"
    by_record()
    assert run_merge(request) == quick


def test_plain_captures_are_joined_by_the_database(tmp_path, record, monkeypatch):
    monkeypatch.setattr(merge, "_JoinedRecords", None)
    message, merged = run_merge(merge_request(tmp_path, [with_id(record, "a"), with_id(record, "b")], [label("b")]))
    assert message.startswith("Completed: 1 of 2") and merged[0]["eventMetadata"]["inferenceId"] == "b"
