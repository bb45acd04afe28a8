"""Invocations, seen from sagemaker-runtime clients."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

ARN = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/"


@pytest.fixture(scope="module")
def parrot(world: Any) -> str:
    """An endpoint for tests that only invoke."""
    return str(world.endpoint("parrot"))


def test_body_headers_and_variant_come_through(world: Any, parrot: str) -> None:
    answer = world.runtime.invoke_endpoint(
        EndpointName=parrot, Body=b"1,2\n3,4", ContentType="text/csv", Accept="text/csv", CustomAttributes="trace=1"
    )
    assert answer["Body"].read() == b"1,2\n3,4"
    assert answer["ContentType"] == "text/csv"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["CustomAttributes"] == "trace=1"
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def test_the_container_sees_sagemakers_headers_and_no_others(world: Any, parrot: str) -> None:
    about = world.about(
        parrot, Accept="application/json", InferenceId="i-1", CustomAttributes="c=1", TargetVariant="AllTraffic"
    )
    headers = {name.lower(): value for name, value in about["headers"].items()}
    assert headers.pop("content-length") == "5"
    assert headers.pop("host")
    assert headers == {
        "content-type": "text/csv",
        "accept": "application/json",
        "x-amzn-sagemaker-inference-id": "i-1",
        "x-amzn-sagemaker-custom-attributes": "c=1",
    }


@pytest.mark.parametrize(("status", "side"), [(400, "client"), (503, "server")])
def test_an_error_of_the_container_is_a_model_error(world: Any, parrot: str, status: int, side: str) -> None:
    with pytest.raises(world.runtime.exceptions.ModelError) as caught:
        world.invoke(parrot, f"status {status}")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == status
    assert response["OriginalMessage"] == "you asked for it"
    assert response["LogStreamArn"] == ARN + parrot
    assert f'Received {side} error ({status}) from primary with message "you asked for it"' in str(caught.value)


def test_a_container_that_does_not_answer_in_time_is_a_model_error(world: Any, parrot: str) -> None:
    with pytest.raises(world.runtime.exceptions.ModelError, match="invocation timed out") as caught:
        world.invoke(parrot, "sleep 3")  # this server's limit is 1 s
    assert caught.value.response["OriginalStatusCode"] == 0
    assert world.invoke(parrot, b"next") == b"next"


def test_unknown_endpoints_variants_and_targets_are_refused(world: Any, parrot: str) -> None:
    refusals = {
        "Endpoint nobody of account 123456789012 not found.": {"EndpointName": "nobody"},
        "Variant b of endpoint parrot not found": {"EndpointName": parrot, "TargetVariant": "b"},
        "is not a multi-model endpoint": {"EndpointName": parrot, "TargetModel": "m.tar.gz"},
        "Inference Component Name header is not allowed": {"EndpointName": parrot, "InferenceComponentName": "c"},
        "does not support the target container hostname": {"EndpointName": parrot, "TargetContainerHostname": "c"},
    }
    for message, members in refusals.items():
        with pytest.raises(ClientError) as caught:
            world.runtime.invoke_endpoint(Body=b"x", **members)
        assert caught.value.response["Error"]["Code"] == "ValidationError"
        assert message in caught.value.response["Error"]["Message"]
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_asynchronous_invocation_is_refused_with_a_reason(world: Any, parrot: str) -> None:
    with pytest.raises(
        ClientError,
        match="InvokeEndpointAsync is an operation of SageMaker that Sageyard does not",
    ):
        world.runtime.invoke_endpoint_async(EndpointName=parrot, InputLocation="s3://bucket/x")


def test_bodies_up_to_25_mb_are_served_and_larger_ones_refused_by_size(world: Any, parrot: str) -> None:
    limit = 25 * 1024 * 1024
    body = b"x" * limit
    assert world.invoke(parrot, body, ContentType="application/x-npy") == body
    with pytest.raises(ClientError, match=f"exceeded {limit} bytes") as caught:
        world.invoke(parrot, body + b"x")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_many_clients_at_once_each_get_their_own_answer(world: Any, parrot: str) -> None:
    bodies = [b"%d" % number for number in range(400)]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda body: world.invoke(parrot, body), bodies)) == bodies


def test_variants_share_the_traffic_by_weight_unless_one_is_named(world: Any, name: str) -> None:
    model = world.model(name)
    world.endpoint(
        name,
        {"VariantName": "large", "ModelName": model, "InitialVariantWeight": 3.0},
        {"VariantName": "small", "ModelName": model, "InitialVariantWeight": 1.0},
    )

    def invoked(**members: Any) -> str:
        answer = world.runtime.invoke_endpoint(EndpointName=name, Body=b"x", **members)
        return str(answer["InvokedProductionVariant"])

    shares = Counter(invoked() for _ in range(200))
    assert 125 <= shares["large"] <= 175
    assert {invoked(TargetVariant="small") for _ in range(10)} == {"small"}


def test_an_endpoint_without_a_healthy_container_answers_with_a_model_error(
    world: Any, name: str, wait: Callable[..., Any]
) -> None:
    world.endpoint(name)
    with pytest.raises(world.runtime.exceptions.ModelError):
        world.invoke(name, "crash")

    def outcome() -> Any:
        try:
            return world.invoke(name, b"x")
        except world.runtime.exceptions.ModelError as error:
            refusals.append(error)
        return None

    refusals: list[Any] = []
    assert wait(outcome, "the container is back") == b"x"
    assert "no healthy container" in str(refusals[-1])


def test_metrics_of_invocations_are_published_when_the_endpoint_is_deleted(
    world: Any, name: str, wait: Callable[..., Any]
) -> None:
    world.endpoint(name, {"ModelName": world.model(name), "InitialInstanceCount": 2})
    for _ in range(3):
        world.invoke(name)
    with pytest.raises(ClientError):
        world.invoke(name, "status 400")
    world.sagemaker.delete_endpoint(EndpointName=name)
    wait(lambda: world.gone(name), "the endpoint is gone")
    metrics = world.metrics(name)
    values = {metric: datum["StatisticValues"] for metric, datum in metrics.items()}
    assert values["Invocations"]["Sum"] == 4
    assert values["InvocationsPerInstance"]["Sum"] == 2
    assert values["Invocation4XXErrors"]["Sum"] == values["InvocationModelErrors"]["Sum"] == 1
    assert values["Invocation5XXErrors"]["Sum"] == 0
    assert metrics["Invocations"]["Namespace"] == "AWS/SageMaker"
    assert metrics["Invocations"]["Dimensions"] == [
        {"Name": "EndpointName", "Value": name},
        {"Name": "VariantName", "Value": "AllTraffic"},
    ]
    for latency in ("ModelLatency", "OverheadLatency"):
        assert metrics[latency]["Unit"] == "Microseconds"
        assert 0 < values[latency]["Minimum"] <= values[latency]["Maximum"] <= values[latency]["Sum"] < 10e6
