"""Data capture, as monitors find it in S3."""

import base64
import re
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

KEY = re.compile(
    r"\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-.{12}\.jsonl"
)


def test_a_record_has_exactly_the_members_that_monitors_read(
    world: Any, name: str, wait: Callable[..., Any], new_capture: Callable[..., Any]
) -> None:
    world.endpoint(name, DataCaptureConfig=new_capture())
    before = datetime.now(UTC).replace(microsecond=0)
    world.invoke(name, b'1,"\xc3\xa9"\n')
    (record,) = wait(lambda: world.captured(name), "the record is in S3")
    event_id = record["eventMetadata"].pop("eventId")
    time = datetime.strptime(record["eventMetadata"].pop("inferenceTime"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert uuid.UUID(event_id).version == 4
    assert before <= time <= datetime.now(UTC)
    side = {"observedContentType": "text/csv", "data": '1,"é"\n', "encoding": "CSV"}
    assert record == {
        "captureData": {"endpointInput": side | {"mode": "INPUT"}, "endpointOutput": side | {"mode": "OUTPUT"}},
        "eventMetadata": {},
        "eventVersion": "0",
    }
    (file,) = (world.bucket / "capture" / name).rglob("*.jsonl")
    key = file.relative_to(world.bucket / "capture" / name / "AllTraffic")
    assert KEY.fullmatch(str(key))
    assert str(key).startswith(f"{time:%Y/%m/%d/%H/%M}") or before.minute != time.minute


def test_inference_id_and_custom_attributes_are_there_only_when_sent(
    world: Any, name: str, wait: Callable[..., Any], new_capture: Callable[..., Any]
) -> None:
    world.endpoint(name, DataCaptureConfig=new_capture())
    world.invoke(name, InferenceId='a"b', CustomAttributes="c=1")
    world.invoke(name)
    first, second = wait(lambda: world.captured(name), "the records are in S3")
    assert first["eventMetadata"]["inferenceId"] == 'a"b'
    assert first["eventMetadata"]["customAttributes"] == ["c=1"]
    assert set(second["eventMetadata"]) == {"eventId", "inferenceTime"}


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/csv; charset=utf-8", "CSV"),
        ("application/json", "JSON"),
        ("text/html", "BASE64"),
        ("application/x-npy", "BASE64"),
    ],
)
def test_the_encoding_follows_the_listed_content_types(
    world: Any,
    name: str,
    wait: Callable[..., Any],
    new_capture: Callable[..., Any],
    content_type: str,
    encoding: str,
) -> None:
    world.endpoint(name, DataCaptureConfig=new_capture(modes=("Input",)))
    world.invoke(name, b'{"a": "b"}', ContentType=content_type)
    (record,) = wait(lambda: world.captured(name), "the record is in S3")
    (side,) = record["captureData"].values()
    assert (side["observedContentType"], side["encoding"], side["mode"]) == (content_type, encoding, "INPUT")
    expected = base64.b64encode(b'{"a": "b"}').decode() if encoding == "BASE64" else '{"a": "b"}'
    assert side["data"] == expected


def test_without_listed_content_types_everything_is_base64(
    world: Any, name: str, wait: Callable[..., Any], new_capture: Callable[..., Any]
) -> None:
    config = new_capture(modes=("Output",))
    del config["CaptureContentTypeHeader"]
    world.endpoint(name, DataCaptureConfig=config)
    world.invoke(name, b"1,2")
    (record,) = wait(lambda: world.captured(name), "the record is in S3")
    assert list(record["captureData"]) == ["endpointOutput"]
    assert record["captureData"]["endpointOutput"]["encoding"] == "BASE64"


def test_the_sampled_share_is_the_configured_one_and_errors_are_not_captured(
    world: Any, name: str, wait: Callable[..., Any], new_capture: Callable[..., Any]
) -> None:
    world.endpoint(name, DataCaptureConfig=new_capture(percentage=20))
    for _ in range(300):
        world.invoke(name)
    with pytest.raises(world.runtime.exceptions.ModelError):
        world.invoke(name, "status 400")
    wait(lambda: world.captured(name) and not list((world.state / "capture").iterdir()), "all is delivered")
    assert 35 <= len(world.captured(name)) <= 85


def test_disabled_capture_keeps_nothing_and_describe_says_stopped(
    world: Any, name: str, wait: Callable[..., Any], new_capture: Callable[..., Any]
) -> None:
    world.endpoint(name, DataCaptureConfig=new_capture(EnableCapture=False))
    world.invoke(name)
    assert world.describe(name)["DataCaptureConfig"] == {
        "EnableCapture": False,
        "CaptureStatus": "Stopped",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": "s3://bucket/capture",
        "KmsKeyId": "",
    }
    world.sagemaker.delete_endpoint(EndpointName=name)
    wait(lambda: world.gone(name), "the endpoint is gone")
    assert world.captured(name) == []


def test_a_delete_delivers_what_was_captured(
    world: Any, name: str, wait: Callable[..., Any], new_capture: Callable[..., Any]
) -> None:
    world.endpoint(name, DataCaptureConfig=new_capture())
    for _ in range(5):
        world.invoke(name)
    world.sagemaker.delete_endpoint(EndpointName=name)
    wait(lambda: world.gone(name), "the endpoint is gone")
    assert len(world.captured(name)) == 5


def test_a_shutdown_delivers_what_was_captured(own_world: Any, new_capture: Callable[..., Any]) -> None:
    own_world.endpoint("e", DataCaptureConfig=new_capture())
    for _ in range(5):
        own_world.invoke("e")
    own_world.stop()
    assert len(own_world.captured("e")) == 5


def test_every_answered_invocation_is_in_s3_once_after_kill_9_at_any_moment(
    own_world: Any, wait: Callable[..., Any], new_capture: Callable[..., Any]
) -> None:
    own_world.endpoint("e", DataCaptureConfig=new_capture())
    answered: list[str] = []

    def client(number: int) -> None:
        for count in range(100_000):
            inference_id = f"{number}-{count}"
            try:
                own_world.invoke("e", inference_id.encode(), InferenceId=inference_id)
            except Exception:
                return
            answered.append(inference_id)

    for round_ in range(3):
        goal = len(answered) + 300 + 170 * round_
        clients = [threading.Thread(target=client, args=(f"{round_}-{number}",)) for number in range(3)]
        for thread in clients:
            thread.start()
        wait(lambda goal=goal: len(answered) >= goal, "enough invocations")
        own_world.kill()
        for thread in clients:
            thread.join()
        own_world.start()
        own_world.settled("e")
    wait(lambda: not list((own_world.state / "capture").iterdir()), "all is delivered")
    captured = [record["eventMetadata"]["inferenceId"] for record in own_world.captured("e")]
    assert len(captured) == len(set(captured))
    assert set(captured) >= set(answered)
    assert len(captured) <= len(answered) + 9  # a request of each client may have been cut off before its answer
