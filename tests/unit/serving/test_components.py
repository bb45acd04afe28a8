"""Inference components: containers beside an endpoint's variant, by name."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/r"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/parrot:1"
COMPUTE = {"MinMemoryRequiredInMb": 128}


class Host:
    """An endpoint of no model, with components."""

    def __init__(self, world: Any, wait: Callable[..., Any], name: str, **members: Any) -> None:
        self.world, self.wait, self.name = world, wait, name
        world.endpoint(name, {}, ExecutionRoleArn=ROLE, **members)

    def component(self, name: str, *, copies: int = 1, status: str = "InService", **specification: Any) -> str:
        """A component of its own plain model unless `specification` says otherwise, settled."""
        if not {"ModelName", "Container"} & specification.keys():
            specification["ModelName"] = self.world.model(f"{name}-model")
        self.world.sagemaker.create_inference_component(
            InferenceComponentName=name,
            EndpointName=self.name,
            VariantName="AllTraffic",
            Specification={"ComputeResourceRequirements": COMPUTE, **specification},
            RuntimeConfig={"CopyCount": copies},
        )
        self.settled(name, status)
        return name

    def describe(self, name: str) -> dict[str, Any]:
        return dict(self.world.sagemaker.describe_inference_component(InferenceComponentName=name))

    def settled(self, name: str, status: str = "InService") -> dict[str, Any]:
        def look() -> Any:
            described = self.describe(name)
            return described if not described["InferenceComponentStatus"].endswith("ing") else None

        described: dict[str, Any] = self.wait(look, f"inference component {name} settles")
        assert described["InferenceComponentStatus"] == status, described
        return described

    def invoke(self, component: str, body: bytes | str = b"1,2") -> bytes:
        return bytes(self.world.invoke(self.name, body, InferenceComponentName=component))

    def port(self, component: str) -> str:
        """That of the copy that answers."""
        about = self.world.about(self.name, InferenceComponentName=component)
        return str(about["environment"]["SAGEMAKER_BIND_TO_PORT"])

    def gone(self, component: str) -> bool:
        try:
            self.describe(component)
        except ClientError as error:
            return "Could not find inference component" in str(error)
        return False


@pytest.fixture
def host(world: Any, wait: Callable[..., Any], name: str) -> Host:
    return Host(world, wait, name)


def refusal(call: Callable[..., Any], **members: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_an_endpoint_without_models_is_in_service_and_runs_nothing(host: Host, world: Any) -> None:
    (variant,) = world.describe(host.name)["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant.get("DeployedImages", [])) == (1, [])
    assert world.processes(host.name) == []


def test_two_components_of_an_endpoint_answer_by_their_names(host: Host, world: Any, name: str) -> None:
    first = host.component(f"{name}-1", ModelName=world.model(f"{name}-1", "one"))
    second = host.component(f"{name}-2", Container={"Image": IMAGE, "Environment": {"UPPER": "1"}})
    assert host.invoke(first, "model") == b"one"
    assert host.invoke(second, b"quiet") == b"QUIET"
    answer = world.runtime.invoke_endpoint(EndpointName=host.name, Body=b"x", InferenceComponentName=first)
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    listed = world.sagemaker.list_inference_components(EndpointNameEquals=host.name)["InferenceComponents"]
    assert {entry["InferenceComponentName"] for entry in listed} == {first, second}
    assert {(entry["EndpointName"], entry["VariantName"]) for entry in listed} == {(host.name, "AllTraffic")}


def test_a_component_describes_its_container_and_its_copies(host: Host, world: Any, name: str) -> None:
    startup = {"ContainerStartupHealthCheckTimeoutInSeconds": 90}
    container = {"Image": IMAGE, "Environment": {"COLOUR": "red"}}
    host.component(name, copies=2, Container=container, StartupParameters=startup)
    described = host.describe(name)
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}
    assert described["EndpointArn"].endswith(f":endpoint/{host.name}")
    specification = described["Specification"]
    assert specification["Container"]["DeployedImage"]["SpecifiedImage"] == IMAGE
    assert specification["Container"]["Environment"] == {"COLOUR": "red"}
    assert (specification["ComputeResourceRequirements"], specification["StartupParameters"]) == (COMPUTE, startup)
    assert len({host.port(name) for _ in range(6)}) == 2


def test_the_artifact_of_a_container_is_its_model(host: Host, world: Any, name: str) -> None:
    world.model(name, "packed")
    host.component(name, Container={"Image": IMAGE, "ArtifactUrl": f"s3://bucket/{name}.tar.gz"})
    assert host.invoke(name, "model") == b"packed"


def test_a_component_that_does_not_start_fails_with_the_reason(host: Host, name: str) -> None:
    startup = {"ContainerStartupHealthCheckTimeoutInSeconds": 60}
    broken = {"Image": IMAGE, "Environment": {"REFUSE_START": "1"}}
    host.component(name, status="Failed", Container=broken, StartupParameters=startup)
    described = host.describe(name)
    assert f"inference component {name}" in described["FailureReason"]
    assert "exited with code 7" in described["FailureReason"]
    assert described["RuntimeConfig"]["CurrentCopyCount"] == 0
    with pytest.raises(ClientError, match="not found"):
        host.invoke(name)


def test_invocations_need_the_component_where_there_are_some(host: Host, world: Any, name: str) -> None:
    host.component(name, copies=0)
    invoke = world.runtime.invoke_endpoint
    missing = refusal(invoke, EndpointName=host.name, Body=b"x")
    assert missing.startswith("ValidationError: Inference Component Name header is required for endpoints to which you")
    unknown = refusal(invoke, EndpointName=host.name, Body=b"x", InferenceComponentName="nobody")
    assert unknown == f"ValidationError: Inference Component nobody of endpoint {host.name} not found."
    empty = refusal(invoke, EndpointName=host.name, Body=b"x", InferenceComponentName=name)
    assert empty.startswith("ValidationError: Inference Component has no capacity to process this request.")


def test_copies_are_added_and_taken_away_down_to_none(host: Host, world: Any, name: str) -> None:
    host.component(name)

    def scale(copies: int) -> None:
        world.sagemaker.update_inference_component_runtime_config(
            InferenceComponentName=name, DesiredRuntimeConfig={"CopyCount": copies}
        )
        assert host.describe(name)["RuntimeConfig"]["DesiredCopyCount"] == copies
        assert host.settled(name)["RuntimeConfig"] == {"DesiredCopyCount": copies, "CurrentCopyCount": copies}

    one = host.port(name)
    scale(2)
    both = {host.port(name) for _ in range(6)}
    assert one in both
    assert len(both) == 2
    scale(0)
    assert world.processes(name, "components") == []
    scale(1)
    assert host.invoke(name, b"back") == b"back"


def test_a_new_specification_takes_over_without_a_lost_request(host: Host, world: Any, name: str) -> None:
    host.component(name, copies=2, ModelName=world.model(f"{name}-1", "one"))
    answers: list[bytes] = []
    failures: list[Exception] = []
    stop = threading.Event()

    def client() -> None:
        while not stop.is_set():
            try:
                answers.append(host.invoke(name, "model"))
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    rolling = {"MaximumBatchSize": {"Type": "COPY_COUNT", "Value": 1}, "WaitIntervalInSeconds": 0}
    world.sagemaker.update_inference_component(
        InferenceComponentName=name,
        Specification={"ModelName": world.model(f"{name}-2", "two"), "ComputeResourceRequirements": COMPUTE},
        DeploymentConfig={"RollingUpdatePolicy": rolling},
    )
    described = host.settled(name)
    assert host.invoke(name, "model") == b"two"
    stop.set()
    thread.join()
    assert failures == []
    assert {b"one", b"two"} >= set(answers)
    assert described["Specification"]["ModelName"] == f"{name}-2"
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}
    assert described["LastDeploymentConfig"]["RollingUpdatePolicy"] == rolling


def test_an_update_keeps_what_its_specification_leaves_out(host: Host, world: Any, name: str) -> None:
    container = {"Image": IMAGE, "ArtifactUrl": f"s3://bucket/{name}.tar.gz", "Environment": {"UPPER": "1"}}
    world.model(name, "one")
    host.component(name, Container=container)
    world.sagemaker.update_inference_component(
        InferenceComponentName=name, Specification={"Container": {"Environment": {"COLOUR": "red"}}}
    )
    described = host.settled(name)
    assert (host.invoke(name, "model"), host.invoke(name, b"quiet")) == (b"one", b"quiet")
    assert described["Specification"]["ComputeResourceRequirements"] == COMPUTE
    world.sagemaker.update_inference_component(
        InferenceComponentName=name, Specification={"ModelName": world.model(f"{name}-2", "two")}
    )
    assert "Container" not in host.settled(name)["Specification"]
    assert host.invoke(name, "model") == b"two"


def test_an_update_that_fails_leaves_the_old_copies_serving(host: Host, world: Any, name: str) -> None:
    model = world.model(f"{name}-1", "one")
    host.component(name, ModelName=model)
    world.sagemaker.update_inference_component(
        InferenceComponentName=name,
        Specification={
            "Container": {"Image": IMAGE, "Environment": {"REFUSE_START": "1"}},
            "ComputeResourceRequirements": COMPUTE,
        },
        RuntimeConfig={"CopyCount": 3},
    )
    described = host.settled(name)
    assert "exited with code 7" in described["FailureReason"]
    assert described["Specification"]["ModelName"] == model
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 1}
    assert host.invoke(name, "model") == b"one"


def test_what_cannot_be_run_is_refused_by_name(host: Host, world: Any, name: str) -> None:
    create = world.sagemaker.create_inference_component
    common = {"InferenceComponentName": name, "EndpointName": host.name, "VariantName": "AllTraffic"}
    specification = {"ModelName": world.model(name), "ComputeResourceRequirements": COMPUTE}
    adapter = {"BaseInferenceComponentName": "base", "Container": {"ArtifactUrl": "s3://bucket/a.tar.gz"}}
    refusals = {
        "Adapter inference components are not run": common | {"Specification": adapter},
        "needs either a ModelName or a Container": common | {"Specification": {"ComputeResourceRequirements": COMPUTE}},
        "needs ComputeResourceRequirements": common | {"Specification": {"ModelName": name}},
        "Specifications are for variants of several": common | {"Specifications": [specification]},
        'Could not find variant "b"': common | {"VariantName": "b", "Specification": specification},
        'Could not find model "arn:': common | {"Specification": specification | {"ModelName": "nobody"}},
        'Could not find endpoint "arn:': common | {"EndpointName": "nobody", "Specification": specification},
    }
    for message, members in refusals.items():
        assert message in refusal(create, **members)
    serving = world.endpoint(f"{name}-models")
    refused = refusal(create, **common | {"EndpointName": serving, "Specification": specification})
    assert "Inference Components are not supported in this Endpoint." in refused
    assert host.world.sagemaker.list_inference_components(EndpointNameEquals=host.name)["InferenceComponents"] == []


def test_a_configuration_without_models_needs_a_role_and_has_no_models_at_all(world: Any, name: str) -> None:
    with pytest.raises(ClientError, match="an ExecutionRoleArn, to host inference components"):
        world.config(name, {})
    with pytest.raises(ClientError, match="an endpoint hosts models or inference components"):
        world.config(name, {}, {"VariantName": "b", "ModelName": world.model(name)}, ExecutionRoleArn=ROLE)


def test_an_endpoint_of_components_does_not_become_one_of_models(host: Host, world: Any, name: str) -> None:
    world.config(f"{name}-models", {"ModelName": world.model(name)})
    with pytest.raises(ClientError, match="one has models and the other hosts inference components"):
        world.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-models")
    world.config(f"{name}-other", {"VariantName": "b"}, ExecutionRoleArn=ROLE)
    with pytest.raises(ClientError, match="has no variant AllTraffic"):
        world.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-other")


def test_a_component_is_deleted_before_its_endpoint(
    host: Host, world: Any, name: str, wait: Callable[..., Any]
) -> None:
    host.component(name)
    running = world.processes(name, "components")
    assert running
    refused = refusal(world.sagemaker.delete_endpoint, EndpointName=host.name)
    assert refused.startswith("ValidationException: Cannot delete endpoint with inference component associated.")
    world.sagemaker.delete_inference_component(InferenceComponentName=name)
    wait(lambda: host.gone(name), "the component is gone")
    assert not any(psutil.pid_exists(pid) for pid in running)
    assert not (Path(world.state) / "work" / "components" / "us-east-1" / name).exists()
    with pytest.raises(ClientError, match="not found"):
        host.invoke(name)
    world.sagemaker.delete_endpoint(EndpointName=host.name)
    wait(lambda: world.gone(host.name), "the endpoint is gone")


def test_components_come_back_by_themselves_after_kill_9(own_world: Any, wait: Callable[..., Any]) -> None:
    host = Host(own_world, wait, "host")
    host.component("kept", copies=2, ModelName=own_world.model("m", "one"))
    host.component("doomed")
    own_world.sagemaker.delete_inference_component(InferenceComponentName="doomed")
    own_world.sagemaker.update_inference_component(
        InferenceComponentName="kept",
        Specification={"ModelName": own_world.model("m2", "two"), "ComputeResourceRequirements": COMPUTE},
    )
    own_world.kill()
    own_world.start()
    own_world.settled("host")
    assert host.settled("kept")["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}
    assert host.invoke("kept", "model") == b"two"
    wait(lambda: host.gone("doomed"), "the component is gone")
    own_world.kill()
    own_world.start()
    host.settled("kept")
    assert host.invoke("kept", "model") == b"two"


def test_captures_logs_and_metrics_of_a_component_are_kept(
    own_world: Any, wait: Callable[..., Any], new_capture: Callable[..., Any]
) -> None:
    host = Host(own_world, wait, "host", DataCaptureConfig=new_capture())
    host.component("counted")
    assert host.invoke("counted", b"5,6") == b"5,6"
    group = own_world.state / "logs" / "aws" / "sagemaker" / "InferenceComponents" / "counted"
    wait(lambda: any("parrot is awake" in path.read_text() for path in group.rglob("i-*")), "its output is logged")
    own_world.stop()
    assert own_world.captured("host")[0]["captureData"]["endpointInput"]["data"] == "5,6"
    metrics = own_world.metrics("counted", 1)
    assert metrics["Invocations"]["StatisticValues"]["Sum"] == 1
    assert metrics["Invocations"]["Dimensions"] == [{"Name": "InferenceComponentName", "Value": "counted"}]
    assert metrics["InvocationsPerCopy"]["StatisticValues"]["Sum"] == 1
