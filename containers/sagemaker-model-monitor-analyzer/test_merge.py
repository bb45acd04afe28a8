"""The merge of captured calls with ground truth: which label belongs to which call, and what is left out."""

import json

import pytest

EARLY, LATE, AT = "2026/03/01/09", "2026/03/01/11", "2026-03-01T09:12:30Z"
WINDOW = {"start_time": "2026-03-01T09:00:00Z", "end_time": "2026-03-01T10:00:00Z"}


def label(event_id, data, **members):
    event = {} if event_id is None else {"eventId": event_id}
    return {"groundTruthData": {"data": data, "encoding": "CSV"}, "eventMetadata": event, "eventVersion": "0"} | members


@pytest.fixture
def merge(new_job, record):
    """Runs the merge of calls (inference id, event id) with labels by hour; the job, not yet checked."""

    def run(calls, labels, **variables):
        job = new_job()
        records = []
        for inference_id, event_id in calls:
            call = record("30,pro", "0.25", AT)
            call["eventMetadata"]["eventId"] = event_id
            if inference_id:
                call["eventMetadata"]["inferenceId"] = inference_id
            records.append(call)
        job.capture(EARLY, records)
        truth = job.ml / "processing" / "groundtruth"
        for hour, entries in labels.items():
            (truth / hour).mkdir(parents=True)
            lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
            (truth / hour / "labels.jsonl").write_text("\n".join(lines) + "\n")
        job.status = job.start("", ground_truth_source="/opt/ml/processing/groundtruth", **variables)
        return job

    return run


def merged(job):
    """Event id -> label, of the one file that was written."""
    assert job.status == 0, job.message
    [path] = job.output.rglob("*.jsonl")
    assert path.parent.relative_to(job.output).as_posix() == f"churn/AllTraffic/{EARLY}"
    assert path.name.startswith("part-00000-") and path.name.endswith(".c000.jsonl")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(set(record) == {"captureData", "eventMetadata", "eventVersion", "groundTruthData"} for record in records)
    return {record["eventMetadata"]["eventId"]: record["groundTruthData"]["data"] for record in records}


def test_the_inference_id_is_the_key_and_the_event_id_only_where_none_was_sent(merge):
    calls = [("mine", "e1"), (None, "e2"), ("other", "e3")]
    job = merge(calls, {EARLY: [label("mine", "1"), label("e2", "0"), label("e3", "1")]})
    assert merged(job) == {"e1": "1", "e2": "0"}
    assert job.message == ("Completed: 2 of 3 captured calls have a label; 1 of 3 labels match no captured call.")


def test_a_label_that_came_hours_later_counts_and_corrects_an_earlier_one(merge):
    job = merge([("a", "e1"), ("b", "e2")], {LATE: [label("a", "1"), label("b", "1")], EARLY: [label("a", "0")]})
    assert merged(job) == {"e1": "1", "e2": "1"}


def test_of_two_labels_in_one_file_the_last_counts(merge):
    assert merged(merge([("a", "e1")], {EARLY: [label("a", "1"), label("a", "0")]})) == {"e1": "0"}


def test_calls_without_labels_and_labels_without_ids_are_left_out(merge):
    job = merge([("a", "e1"), ("b", "e2"), (None, "")], {EARLY: [label("a", "1"), label(None, "0"), label("", "0")]})
    assert merged(job) == {"e1": "1"}
    assert "2 labels had no eventId" in job.stdout


def test_calls_that_share_an_inference_id_share_its_label(merge):
    assert merged(merge([("a", "e1"), ("a", "e2")], {EARLY: [label("a", "1")]})) == {"e1": "1", "e2": "1"}


def test_merging_again_when_more_labels_have_come_replaces_the_hours_file(merge):
    few = merge([("a", "e1"), ("b", "e2")], {EARLY: [label("a", "1")]})
    more = merge([("a", "e1"), ("b", "e2")], {EARLY: [label("a", "1")], LATE: [label("b", "0")]})
    assert merged(few) != merged(more)
    names = [path.relative_to(job.output) for job in (few, more) for path in job.output.rglob("*.jsonl")]
    assert names[0] == names[1]


def test_hours_beside_the_window_are_left_alone(merge):
    job = merge(
        [("a", "e1")], {EARLY: [label("a", "1")]}, start_time="2026-03-01T11:00:00Z", end_time="2026-03-01T12:00:00Z"
    )
    assert job.status == 1
    assert "holds no files for 2026-03-01T11:00:00Z" in job.message
    assert merged(merge([("a", "e1")], {EARLY: [label("a", "1")]}, **WINDOW)) == {"e1": "1"}


def test_a_merge_without_matches_fails_and_names_both_ids_and_the_way_out(merge):
    job = merge([("call-7", "e1")], {EARLY: [label("order-7", "1")]})
    assert job.status == 1
    assert "No ground truth matches: 1 captured calls, with ids such as 'call-7'" in job.message
    assert "1 labels, with ids such as 'order-7'" in job.message
    assert "InferenceId" in job.message and job.message.endswith("StartTimeOffset and EndTimeOffset.")
    assert not list(job.output.rglob("*.jsonl"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "labels.jsonl line 2 is not JSON"),
        ("[]", "labels.jsonl line 2 is not a JSON object"),
        ('{"label": 1}', "labels.jsonl line 2 is not a ground truth record"),
    ],
)
def test_a_broken_label_file_is_named_with_its_line(merge, line, words):
    job = merge([("a", "e1")], {EARLY: [label("a", "1"), line]})
    assert job.status == 1
    assert words in job.message and "groundTruthData" in job.message


def test_no_ground_truth_at_all_is_said(merge):
    job = merge([("a", "e1")], {})
    assert job.status == 1
    assert "ground_truth_source" in job.message and "does not exist" in job.message
