"""Captures of transform jobs: inputs without a header, columns left out, and outputs joined with their labels."""

import json

import pytest

AT = "2026-03-01T09:12:30Z"
WINDOW = {"start_time": "2026-03-01T09:00:00Z", "end_time": "2026-03-01T10:00:00Z"}
CSV = '{"csv":{"header":false}}'
JSON = '{"json":{"line":true}}'
MERGED = '{"sagemakerMergeJson":{"captureIndexNames":["batchTransformOutput"]}}'


@pytest.fixture(scope="module")
def baseline(new_job):
    """Of training data: the label first."""
    job = new_job()
    job.csv([(number % 2, number, 100 - number) for number in range(100)], ["label", "age", "score"])
    return job.run('{"csv":{"header":true}}')


def test_inputs_that_lack_the_label_are_named_from_the_end(new_job, baseline):
    job = new_job()
    job.csv([(number, 100 - number) for number in range(100)], None)
    job.run(CSV, **job.compare_with(baseline), **WINDOW)
    assert [feature["name"] for feature in job.report("statistics")["features"]] == ["age", "score"]
    assert {check for _, check in job.violations} == {"missing_column_check"}


@pytest.mark.parametrize("given", ["label", "label,score", "label, 1"])
def test_columns_can_be_left_out_by_name_or_index(new_job, baseline, given):
    job = new_job()
    job.csv([(number, 1000 if "," in given else 100 - number) for number in range(100)], None)
    job.run(CSV, exclude_features_attribute=given, **job.compare_with(baseline), **WINDOW)
    assert job.violations == set()
    names = [feature["name"] for feature in job.report("statistics")["features"]]
    assert names == (["age"] if "," in given else ["age", "score"])


def test_a_column_to_leave_out_that_is_not_there_is_said(new_job):
    job = new_job()
    job.csv([(1, 2)], None)
    assert job.start(CSV, exclude_features_attribute="height") == 1
    assert "exclude_features_attribute 'height' is no column of the dataset; it has _c0, _c1" in job.message


def test_an_inputs_own_path_is_no_window(new_job):
    job = new_job()
    folder = job.source / "2020" / "01" / "01" / "00"
    folder.mkdir(parents=True)
    (folder / "old.csv").write_text("1,2\n")
    job.run(CSV, **WINDOW)
    assert job.report("statistics")["dataset"]["item_count"] == 1


def merge(new_job, files, labels, dataset_format=CSV):
    job = new_job()
    for name, text in files.items():
        (job.source / name).write_text(text)
    truth = job.ml / "processing" / "groundtruth" / "2026" / "03" / "01" / "11"
    truth.mkdir(parents=True)
    lines = [
        json.dumps({
            "groundTruthData": {"data": value, "encoding": "CSV"}, "eventMetadata": {"eventId": event_id},
            "eventVersion": "0",
        })
        for event_id, value in labels.items()
    ]  # fmt: skip
    (truth / "labels.jsonl").write_text("\n".join(lines))
    job.status = job.start(dataset_format, ground_truth_source="/opt/ml/processing/groundtruth", **WINDOW)
    return job


def records(job):
    assert job.status == 0, job.message
    [path] = job.output.rglob("*.jsonl")
    assert path.parent.relative_to(job.output).as_posix() == "2026/03/01/09"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("dataset_format", "text", "data"),
    [
        (CSV, f'0.9,"a,b",one,{AT}\n0.1,c,two,{AT}\n', [f'0.9,"a,b",one,{AT}', f"0.1,c,two,{AT}"]),
        (
            JSON,
            "".join(
                json.dumps({"p": p, "SageMakerInferenceId": name, "SageMakerInferenceTime": AT}) + "\n"
                for p, name in ((0.9, "one"), (0.1, "two"))
            ),
            [
                json.dumps({"p": p, "SageMakerInferenceId": name, "SageMakerInferenceTime": AT})
                for p, name in ((0.9, "one"), (0.1, "two"))
            ],
        ),
    ],
    ids=["csv", "json"],
)
def test_outputs_are_joined_by_their_inference_id_and_scored(new_job, dataset_format, text, data):
    job = merge(new_job, {"a.csv.out": text}, {"one": "1", "two": "0", "three": "1"}, dataset_format)
    assert job.message == "Completed: 2 of 2 captured calls have a label; 1 of 3 labels match no captured call."
    found = records(job)
    assert [record["captureData"]["batchTransformOutput"]["data"] for record in found] == data
    assert found[0]["eventMetadata"] == {"eventId": "one", "inferenceId": "one", "inferenceTime": AT}
    analysis = new_job()
    folder = analysis.source / "2026" / "03" / "01" / "09"
    folder.mkdir(parents=True)
    (folder / "part.jsonl").write_text("".join(json.dumps(record) + "\n" for record in found))
    analysis.run(
        MERGED, analysis_type="MODEL_QUALITY", problem_type="BinaryClassification",
        probability_attribute="0" if dataset_format == CSV else "p", **WINDOW,
    )  # fmt: skip
    assert analysis.report("statistics")["binary_classification_metrics"]["accuracy"]["value"] == 1


@pytest.mark.parametrize(
    ("dataset_format", "text", "says"),
    [
        (CSV, "0.9,1\n", "Output 1 of "),
        (CSV, f"0.9,one,{AT}\n0.8,two,noon\n", "Output 2 of "),
        (JSON, '{"p": 0.9}\n', "GenerateInferenceId true"),
        (JSON, "p,q\n", "is not JSON, which DatasetFormat says it is"),
        ('{"parquet":{}}', "PAR1", "set DatasetFormat to Csv or Json"),
    ],
)
def test_outputs_without_ids_are_named_with_the_way_out(new_job, dataset_format, text, says):
    job = merge(new_job, {"a.csv.out": text}, {"one": "1"}, dataset_format)
    assert job.status == 1
    assert says in job.message
