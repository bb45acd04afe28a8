"""Transform jobs: every record through a model's containers, and what is left of each object."""

import gzip
import json
import re
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.serving.conftest import World, until


class Transform:
    """Jobs over objects of their own folder."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.folder = world.bucket / name / "in"
        self.folder.mkdir(parents=True)

    def put(self, key: str, content: bytes | str) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def start(
        self, model: str, data: dict[str, Any] | None = None, output: dict[str, Any] | None = None, **job: Any
    ) -> None:
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://bucket/{self.name}/in/"}}
        self.world.sagemaker.create_transform_job(
            TransformJobName=self.name,
            ModelName=model,
            TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line", **(data or {})},
            TransformOutput={"S3OutputPath": f"s3://bucket/{self.name}/out", "AssembleWith": "Line", **(output or {})},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": job.pop("instances", 1)},
            **job,
        )

    def ended(self, status: str = "Completed") -> dict[str, Any]:
        def look() -> Any:
            described = self.world.sagemaker.describe_transform_job(TransformJobName=self.name)
            return described if described["TransformJobStatus"] not in {"InProgress", "Stopping"} else None

        described: dict[str, Any] = until(look, "the job ends")
        assert described["TransformJobStatus"] == status, described
        assert described["TransformEndTime"] >= described["TransformStartTime"]
        assert not (self.world.state / "work" / "TransformJob" / "us-east-1" / self.name).exists()
        return described

    def run(self, model: str, *arguments: Any, **job: Any) -> dict[str, bytes]:
        """Outputs by key, once the job is Completed."""
        self.start(model, *arguments, **job)
        self.ended()
        return self.outputs()

    def outputs(self) -> dict[str, bytes]:
        root = self.world.bucket / self.name / "out"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def transform(world: World, name: str) -> Transform:
    return Transform(world, name)


@pytest.fixture(scope="module")
def upper(world: World) -> str:
    """A model that answers in capitals."""
    return world.model("transform-upper", Environment={"UPPER": "1"})


@pytest.fixture(scope="module")
def parrot(world: World) -> str:
    """A model that does what its input says, and echoes the rest."""
    return world.model("transform-parrot")


def test_every_object_becomes_an_output_of_its_name_with_its_records_in_order(transform: Transform, upper: str) -> None:
    lines = [f"row{number},x" for number in range(1000)]
    transform.put("a.csv", "\n".join(lines) + "\n")
    transform.put("deep/b.csv", "one\ntwo\n")
    outputs = transform.run(upper, MaxConcurrentTransforms=4, BatchStrategy="SingleRecord")
    assert sorted(outputs) == ["a.csv.out", "deep/b.csv.out"]
    assert outputs["a.csv.out"].decode().splitlines() == [line.upper() for line in lines]
    assert outputs["deep/b.csv.out"] == b"ONE\nTWO\n"


def test_two_instances_share_the_objects(transform: Transform, upper: str) -> None:
    for number in range(5):
        transform.put(f"{number}.csv", f"object {number}")
    assert transform.run(upper, instances=2) == {f"{n}.csv.out": f"OBJECT {n}\n".encode() for n in range(5)}


def test_an_object_is_sent_whole_where_nothing_splits_it(transform: Transform, upper: str) -> None:
    transform.put("a.csv", "one\ntwo\n")
    output = transform.run(upper, {"SplitType": "None"}, {"AssembleWith": "None"})
    assert output == {"a.csv.out": b"ONE\nTWO\n"}


def test_compressed_objects_and_a_manifest(transform: Transform, upper: str) -> None:
    transform.put("a.csv.gz", gzip.compress(b"one\ntwo\n"))
    transform.put("left-out.csv", "not me")
    manifest = [{"prefix": f"s3://bucket/{transform.name}/in/"}, "a.csv.gz"]
    (transform.world.bucket / f"{transform.name}.manifest").write_text(json.dumps(manifest))
    source = {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": f"s3://bucket/{transform.name}.manifest"}}
    output = transform.run(upper, {"DataSource": source, "CompressionType": "Gzip"})
    assert output == {"a.csv.gz.out": b"ONE\nTWO\n"}


def test_the_container_is_told_how_it_is_used(transform: Transform, parrot: str) -> None:
    transform.put("a.csv", "about")
    outputs = transform.run(
        parrot,
        None,
        {"Accept": "application/json"},
        BatchStrategy="MultiRecord",
        MaxPayloadInMB=1,
        MaxConcurrentTransforms=2,
        Environment={"OWN": "value"},
    )
    about = json.loads(outputs["a.csv.out"])
    told = {name: about["environment"].get(name) for name in (
        "SAGEMAKER_BATCH", "SAGEMAKER_BATCH_STRATEGY", "SAGEMAKER_MAX_PAYLOAD_IN_MB",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", "OWN",
    )}  # fmt: skip
    assert list(told.values()) == ["true", "MULTI_RECORD", "1", "2", "value"]
    assert (about["headers"]["Accept"], about["headers"]["Content-Type"]) == ("application/json", "text/csv")


def test_columns_are_filtered_joined_and_filtered_again(transform: Transform, upper: str) -> None:
    transform.put("a.csv", 'id1,a,"b,c"\nid2,d,e\n')
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,3:]"}
    assert transform.run(upper, DataProcessing=processing) == {"a.csv.out": b'id1,A,"B,C"\nid2,D,E\n'}


def test_json_lines_are_joined_with_the_models_answer(transform: Transform, parrot: str) -> None:
    transform.put("a.jsonl", '{"id": 1, "features": [1, 2]}\n{"id": 2, "features": [3]}\n')
    processing = {"InputFilter": "$.features", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"}
    outputs = transform.run(parrot, {"ContentType": "application/jsonlines"}, DataProcessing=processing)
    assert [json.loads(line) for line in outputs["a.jsonl.out"].splitlines()] == [
        {"id": 1, "SageMakerOutput": [1, 2]}, {"id": 2, "SageMakerOutput": [3]},
    ]  # fmt: skip


def test_one_bad_object_fails_the_job_and_the_others_are_still_written(transform: Transform, parrot: str) -> None:
    transform.put("a.csv", "fine")
    transform.put("b.csv", "status 400")
    transform.put("c.csv", "fine too")
    transform.start(parrot)
    described = transform.ended("Failed")
    assert "b.csv: the model answered 400: you asked for it" in described["FailureReason"]
    assert sorted(transform.outputs()) == ["a.csv.out", "c.csv.out"]
    log = transform.world.state / "logs" / "aws" / "sagemaker" / "TransformJobs" / transform.name
    assert "the model answered 400" in (log / "data-log").read_text()


def test_a_record_that_is_too_long_and_objects_that_are_not_there_are_said(
    world: World, transform: Transform, parrot: str
) -> None:
    transform.put("a.csv", "x" * (2 * 1024 * 1024))
    transform.start(parrot, MaxPayloadInMB=1)
    assert "2097152 bytes is longer than MaxPayloadInMB allows, 1 MB" in transform.ended("Failed")["FailureReason"]
    empty = Transform(world, f"{transform.name}-empty")
    empty.start(parrot)
    assert "No S3 objects found under S3 URL" in empty.ended("Failed")["FailureReason"]
    broken = Transform(world, f"{transform.name}-broken")
    broken.put("a.csv", "x")
    broken.start(world.model(f"{transform.name}-model", Environment={"REFUSE_START": "1"}))
    assert "no model for you" in broken.ended("Failed")["FailureReason"]


def test_a_job_is_stopped(transform: Transform, parrot: str) -> None:
    transform.put("a.csv", "\n".join(["sleep 0.2"] * 1000))
    transform.start(parrot, BatchStrategy="SingleRecord")
    sagemaker = transform.world.sagemaker
    until(
        lambda: "TransformStartTime" in sagemaker.describe_transform_job(TransformJobName=transform.name), "it starts"
    )
    sagemaker.stop_transform_job(TransformJobName=transform.name)
    transform.ended("Stopped")
    assert transform.outputs() == {}


def test_what_cannot_work_is_refused(world: World, transform: Transform, parrot: str) -> None:
    for told, members in (
        ("is more than 100 MB", {"MaxPayloadInMB": 50, "MaxConcurrentTransforms": 3}),
        ("is no JSONPath", {"DataProcessing": {"InputFilter": "features"}}),
        (
            "JoinSource Input needs ContentType",
            {"DataProcessing": {"JoinSource": "Input"}, "data": {"ContentType": "image/png"}},
        ),
    ):
        with pytest.raises(ClientError, match=told):
            transform.start(parrot, **members)
    with pytest.raises(ClientError, match="Could not find model"):
        transform.start("nobody")


def manifests(transform: Transform) -> dict[str, Any]:
    """Captured manifests by what stands before and after the hour."""
    root = transform.world.bucket / transform.name / "captured"
    found = {}
    for path in root.rglob("*.manifest"):
        side, *hour, name = path.relative_to(root).parts
        assert re.fullmatch(r"\d{4}/\d\d/\d\d/\d\d", "/".join(hour))
        found[f"{side}/{name}"] = json.loads(path.read_text())
    return found


def capture(transform: Transform, **members: Any) -> dict[str, Any]:
    return {"DestinationS3Uri": f"s3://bucket/{transform.name}/captured/", **members}


def test_a_capture_lists_the_inputs_and_outputs_by_the_hour_in_which_the_job_started(
    transform: Transform, upper: str
) -> None:
    transform.put("a.csv", "one\n")
    transform.put("deep/b.csv", "two\n")
    outputs = transform.run(upper, DataCaptureConfig=capture(transform))
    assert outputs == {"a.csv.out": b"ONE\n", "deep/b.csv.out": b"TWO\n"}
    place = f"s3://bucket/{transform.name}"
    assert manifests(transform) == {
        f"input/{transform.name}.manifest": [{"prefix": f"{place}/in/"}, "a.csv", "deep/b.csv"],
        f"output/{transform.name}.manifest": [{"prefix": f"{place}/out/"}, "a.csv.out", "deep/b.csv.out"],
    }
    described = transform.world.sagemaker.describe_transform_job(TransformJobName=transform.name)
    assert described["DataCaptureConfig"] == capture(transform)


@pytest.mark.parametrize("assemble", ["Line", "None"])
def test_every_csv_output_gets_an_id_of_its_own_and_the_jobs_start(
    transform: Transform, upper: str, assemble: str
) -> None:
    transform.put("a.csv", "x,1\ny,2\nz,3")
    outputs = transform.run(
        upper, None, {"AssembleWith": assemble}, DataCaptureConfig=capture(transform, GenerateInferenceId=True)
    )
    rows = [line.split(",") for line in outputs["a.csv.out"].decode().splitlines()]
    assert [row[:2] for row in rows] == [["X", "1"], ["Y", "2"], ["Z", "3"]]
    assert len({str(uuid.UUID(row[2])) for row in rows}) == 3
    described = transform.world.sagemaker.describe_transform_job(TransformJobName=transform.name)
    assert {row[3] for row in rows} == {described["TransformStartTime"].strftime("%Y-%m-%dT%H:%M:%SZ")}


def test_json_outputs_get_their_ids_as_members_after_the_join(transform: Transform, parrot: str) -> None:
    transform.put("a.jsonl", '{"id": 1, "features": [1, 2]}\n{"id": 2, "features": [3]}\n')
    processing = {"InputFilter": "$.features", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"}
    outputs = transform.run(
        parrot, {"ContentType": "application/jsonlines"}, DataProcessing=processing,
        DataCaptureConfig=capture(transform, GenerateInferenceId=True),
    )  # fmt: skip
    rows = [json.loads(line) for line in outputs["a.jsonl.out"].splitlines()]
    assert [list(row) for row in rows] == [
        ["id", "SageMakerOutput", "SageMakerInferenceId", "SageMakerInferenceTime"]
    ] * 2
    assert len({row["SageMakerInferenceId"] for row in rows}) == 2


def test_what_cannot_be_captured_is_said_and_a_job_that_fails_captures_nothing(
    world: World, transform: Transform, parrot: str
) -> None:
    with pytest.raises(ClientError, match=r"GenerateInferenceId needs outputs in text/csv.*not Accept 'image/png'"):
        transform.start(
            parrot, None, {"Accept": "image/png"}, DataCaptureConfig=capture(transform, GenerateInferenceId=True)
        )
    transform.put("a.csv", "status 400")
    transform.start(parrot, DataCaptureConfig=capture(transform))
    transform.ended("Failed")
    assert manifests(transform) == {}
    plain = Transform(world, f"{transform.name}-plain")
    plain.put("a.json", "[1, 2]")
    plain.start(parrot, {"ContentType": "application/json"}, DataCaptureConfig=capture(plain, GenerateInferenceId=True))
    assert (
        "is no JSON object, and GenerateInferenceId adds SageMakerInferenceId" in plain.ended("Failed")["FailureReason"]
    )
    nowhere = Transform(world, f"{transform.name}-nowhere")
    nowhere.put("a.csv", "x")
    nowhere.start(parrot, DataCaptureConfig={"DestinationS3Uri": "s3://no-such-bucket/captured"})
    assert "names bucket no-such-bucket, which does not exist: create it" in nowhere.ended("Failed")["FailureReason"]
