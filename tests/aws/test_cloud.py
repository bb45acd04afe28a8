"""The engines' side of the same state, and what opening it costs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sageyard.aws import AwsMount, open_cloud
from sageyard.aws.exchange import ServiceRequest
from sageyard.cloud import ObjectNotFoundError
from sageyard.settings import Settings

PLATFORM = Path(__file__).parents[2] / "platform"


@pytest.fixture
def opened(tmp_path):
    mount, cloud = open_cloud(Settings(state_dir=tmp_path / "state"))
    mount.storage.buckets.create("bucket", "us-east-1")
    yield mount, cloud
    mount.close()


def test_opening_imports_neither_moto_nor_botocore_nor_duckdb():
    code = (
        "import sys, tempfile; from pathlib import Path; from sageyard.aws import open_cloud;"
        "from sageyard.settings import Settings;"
        "mount, cloud = open_cloud(Settings(state_dir=Path(tempfile.mkdtemp())));"
        "cloud.events.put('us-east-1', 'SageMaker Test', {}, []); mount.close();"
        "HEAVY = {'moto', 'botocore', 'boto3', 'duckdb', 'sqlglot'};"
        "print([name for name in sys.modules if name.split('.')[0] in HEAVY])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(PLATFORM)}
    )
    assert run.stdout.strip() == "[]", run.stderr


def test_objects_are_put_listed_read_linked_and_deleted(opened, tmp_path):
    _, cloud = opened
    objects = cloud.objects
    file = tmp_path / "model.tar.gz"
    file.write_bytes(b"model" * 1000)
    objects.put("bucket", "out/model.tar.gz", file)
    objects.put("bucket", "out/a.json", b"{}", "application/json")
    assert [(info.key, info.size) for info in objects.list("bucket", "out/")] == [
        ("out/a.json", 2),
        ("out/model.tar.gz", 5000),
    ]
    blob = objects.path("bucket", "out/model.tar.gz")
    assert blob.samefile(file)
    assert blob.stat().st_mode & 0o777 == 0o444
    assert objects.read("bucket", "out/a.json") == b"{}"
    objects.delete("bucket", "out/model.tar.gz")
    assert not blob.exists()
    assert file.read_bytes() == b"model" * 1000
    with pytest.raises(ObjectNotFoundError, match=r"s3://bucket/out/model\.tar\.gz"):
        objects.path("bucket", "out/model.tar.gz")
    with pytest.raises(ObjectNotFoundError, match="s3://none"):
        objects.put("none", "k", b"x")
    with pytest.raises(ObjectNotFoundError, match="s3://none"):
        objects.list("none")


def test_a_listing_is_whole_beyond_a_page_of_a_thousand(opened):
    _, cloud = opened
    for number in range(1005):
        cloud.objects.put("bucket", f"{number:05d}", b"")
    assert [info.key for info in cloud.objects.list("bucket")] == [f"{number:05d}" for number in range(1005)]


def test_logs_are_appended_and_their_tail_read(opened):
    _, cloud = opened
    logs = cloud.logs
    assert logs.tail("us-east-1", "/g", "s") == []
    logs.append("us-east-1", "/g", "s", [(2, "two"), (1, "one")])
    logs.create_stream("us-east-1", "/g", "s")
    logs.append("us-east-1", "/g", "s", [(3, "three")])
    assert logs.tail("us-east-1", "/g", "s", 2) == ["two", "three"]


def test_metrics_put_inside_are_summed_by_period(opened):
    _, cloud = opened
    statistics = {"SampleCount": 10, "Sum": 50, "Minimum": 1, "Maximum": 9}
    dimensions = [{"Name": "EndpointName", "Value": "e"}]
    data = [
        {"MetricName": "m", "Dimensions": dimensions, "Timestamp": 600.0, "StatisticValues": statistics},
        {"MetricName": "m", "Dimensions": dimensions, "Timestamp": 659.9, "Value": 11.0},
    ]
    cloud.metrics.put("us-east-1", "AWS/SageMaker", data)
    (point,) = cloud.metrics.datapoints("us-east-1", "AWS/SageMaker", "m", dimensions, 600, 700, 60)
    assert (point.count, point.sum, point.min, point.max) == (11, 61, 1, 11)


def ask(mount: AwsMount, service: str, target: str, **parameters):
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/{service}/aws4_request",
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": target,
    }
    body = json.dumps(parameters).encode()
    answer = mount.services.answer_blocking(ServiceRequest(service, "us-east-1", "POST", "/", headers, body))
    assert answer.status == 200, answer.body
    return json.loads(answer.body or b"{}")


def test_events_put_inside_are_handed_over_with_the_target_of_each_rule_that_matches(opened):
    mount, cloud = opened
    taken = []
    mount.rules.deliver = lambda *delivery: taken.append(delivery)
    for name, pattern in (("r", {"source": ["aws.sagemaker"]}), ("other", {"source": ["aws.s3"]})):
        ask(mount, "events", "AWSEvents.PutRule", Name=name, EventPattern=json.dumps(pattern))
        assert cloud.events.wanted() == (name != "r")
        target = {"Id": name, "Arn": "arn:aws:sqs:us-east-1:123456789012:queue"}
        ask(mount, "events", "AWSEvents.PutTargets", Rule=name, Targets=[target])
    cloud.events.put("us-east-1", "SageMaker Training Job State Change", {"TrainingJobName": "j"}, ["arn:x"])
    ((region, target, event),) = taken
    assert (region, target["Id"], target["RuleName"]) == ("us-east-1", "r", "r")
    assert (event["source"], event["detail-type"]) == ("aws.sagemaker", "SageMaker Training Job State Change")
    assert (event["detail"], event["resources"]) == ({"TrainingJobName": "j"}, ["arn:x"])
