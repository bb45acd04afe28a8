"""The botocore plugin, in real clients against a small local AWS."""

import ast
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import WaiterError
from sageyard.environment import PLUGIN_DIR


def test_an_sts_client_with_the_sdks_fixed_host_comes_home(at_home: Any) -> None:
    sts = boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com")
    identity = sts.get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/Tester/session"
    assert at_home.operations() == ["GetCallerIdentity"]
    request = at_home.requests[0]
    assert request.headers["host"] == at_home.url.removeprefix("http://"), (
        "the signature covers the host that is reached"
    )


@pytest.mark.parametrize("region", ["eu-west-1", "cn-north-1"])
def test_sts_hosts_of_other_regions_come_home_and_keep_their_region(at_home: Any, region: str) -> None:
    suffix = ".cn" if region.startswith("cn-") else ""
    endpoint = f"https://sts.{region}.amazonaws.com{suffix}"
    boto3.client("sts", region_name=region, endpoint_url=endpoint).get_caller_identity()
    assert f"/{region}/sts/" in at_home.requests[0].headers["authorization"]


def test_an_sts_client_without_an_endpoint_of_its_own_is_home_already(at_home: Any) -> None:
    boto3.client("sts").get_caller_identity()
    assert at_home.operations() == ["GetCallerIdentity"]


@pytest.mark.parametrize("host", ["sts.example.org", "sts.us-east-1.amazonaws.com.example.org", "s3.amazonaws.com"])
def test_other_hosts_are_left_alone(at_home: Any, host: str) -> None:
    url = boto3.client("sts", endpoint_url=f"https://{host}").generate_presigned_url("get_caller_identity")
    assert url.startswith(f"https://{host}/")


def test_a_waiter_polls_quickly_where_the_caller_names_no_delay(at_home: Any) -> None:
    at_home.busy = 1.0
    started = time.monotonic()
    boto3.client("sagemaker").get_waiter("endpoint_in_service").wait(EndpointName="job")  # 30 s between looks
    assert 1.0 <= time.monotonic() - started < 15.0


def test_a_waiter_keeps_the_callers_own_delay_and_attempts(at_home: Any) -> None:
    at_home.busy = 60.0
    waiter = boto3.client("sagemaker").get_waiter("endpoint_in_service")
    started = time.monotonic()
    with pytest.raises(WaiterError, match="Max attempts exceeded"):
        waiter.wait(EndpointName="job", WaiterConfig={"Delay": 0.01, "MaxAttempts": 5})
    assert time.monotonic() - started < 15.0, "5 x 30 s without them"
    assert len(at_home.requests) == 5


def test_a_number_of_attempts_is_taken_as_the_patience_it_stood_for(at_home: Any) -> None:
    at_home.busy = 1.0  # two attempts, 30 s apart: patience for 30 s
    waiter = boto3.client("sagemaker").get_waiter("endpoint_in_service")
    waiter.wait(EndpointName="job", WaiterConfig={"MaxAttempts": 2})
    assert len(at_home.requests) > 2


def test_describe_of_ordinary_code_is_not_held(at_home: Any) -> None:
    boto3.client("sagemaker").describe_training_job(TrainingJobName="job")
    assert "x-sageyard-wait" not in at_home.requests[0].headers


LOG_LOOP = """
def _logs_for_job(client, wait):
    client.describe_training_job(TrainingJobName="job")
    last_describe_job_call = 0
    client.describe_training_job(TrainingJobName="job")
"""


@pytest.mark.parametrize(
    ("module", "wait", "read_timeout", "holds"),
    [
        ("sagemaker.session", True, 60, ["45", "10"]),
        ("sagemaker.session", True, 20, ["15", "3"]),
        ("sagemaker.session", False, 60, [None, None]),
        ("my.own.module", True, 60, [None, None]),
    ],
)
def test_only_an_sdk_loop_that_waits_has_its_describe_held_and_never_into_a_timeout(
    at_home: Any, module: str, wait: bool, read_timeout: int, holds: list[str | None]
) -> None:
    namespace: dict[str, Any] = {"__name__": module}
    exec(LOG_LOOP, namespace)
    namespace["_logs_for_job"](boto3.client("sagemaker", config=Config(read_timeout=read_timeout)), wait)
    assert [request.headers.get("x-sageyard-wait") for request in at_home.requests] == holds


def test_one_variable_switches_the_shortening_off(at_home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEYARD_FAST_POLL", "0")
    assert "get_waiter" not in vars(boto3.client("sagemaker"))
    boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com").get_caller_identity()
    assert at_home.operations() == ["GetCallerIdentity"], "STS comes home all the same"


def test_clients_of_another_endpoint_are_left_as_they_are(at_home: Any) -> None:
    assert "get_waiter" not in vars(boto3.client("sagemaker", endpoint_url="https://sagemaker.example.org"))
    assert "get_waiter" in vars(boto3.client("sagemaker"))


def test_a_plugin_that_fails_does_not_break_the_client(at_home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://[broken")
    client = boto3.client("sts", endpoint_url=at_home.url)
    assert client.get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize("module", sorted(PLUGIN_DIR.glob("*.py")), ids=lambda path: path.name)
def test_the_plugin_is_plain_python_3_8(module: Path) -> None:
    tree = ast.parse(module.read_text(), feature_version=(3, 8))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert "sageyard" not in imported, "it runs where the package is not installed"
