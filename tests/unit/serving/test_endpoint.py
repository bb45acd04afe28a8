"""The life of an endpoint: create, update, crash, delete, and coming back."""

import threading
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError


def test_an_endpoint_serves_its_model_and_describes_itself_fully(world: Any, name: str) -> None:
    world.endpoint(name, {"ModelName": world.model(name, "one", Environment={"COLOUR": "red"})})
    assert world.invoke(name, "model") == b"one"
    environment = world.about(name)["environment"]
    assert environment["COLOUR"] == "red"
    assert environment["AWS_REGION"] == "us-east-1"
    assert environment["SAGEMAKER_BIND_TO_PORT"].isdigit()
    described = world.describe(name)
    assert described["EndpointConfigName"] == f"{name}-config"
    (variant,) = described["ProductionVariants"]
    assert variant["DeployedImages"][0]["SpecifiedImage"].endswith("parrot:1")
    counts = [variant[member] for member in ("CurrentInstanceCount", "DesiredInstanceCount", "CurrentWeight")]
    assert counts == [1, 1, 1.0]
    assert "DataCaptureConfig" not in described


def test_each_instance_of_a_variant_answers_from_a_process_of_its_own(world: Any, name: str) -> None:
    world.endpoint(name, {"ModelName": world.model(name), "InitialInstanceCount": 2})
    assert len({world.about(name)["environment"]["SAGEMAKER_BIND_TO_PORT"] for _ in range(6)}) == 2
    assert world.describe(name)["ProductionVariants"][0]["CurrentInstanceCount"] == 2


def test_a_serverless_variant_runs_as_one_instance(world: Any, name: str) -> None:
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 5}
    world.sagemaker.create_endpoint_config(
        EndpointConfigName=f"{name}-config",
        ProductionVariants=[{"VariantName": "v", "ModelName": world.model(name), "ServerlessConfig": serverless}],
    )
    world.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-config")
    (variant,) = world.settled(name)["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == serverless
    assert world.invoke(name, b"x") == b"x"


def test_model_data_under_a_prefix_is_served_without_an_archive(world: Any, name: str) -> None:
    (world.bucket / name).mkdir()
    (world.bucket / name / "version.txt").write_text("loose")
    source = {"S3Uri": f"s3://bucket/{name}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    world.endpoint(name, {"ModelName": world.model(name, ModelDataSource={"S3DataSource": source})})
    assert world.invoke(name, "model") == b"loose"


def test_missing_references_are_refused_in_the_words_of_aws(world: Any, name: str) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*Could not find endpoint configuration \"arn:"):
        world.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="nowhere")
    world.config(f"{name}-config", {"ModelName": world.model(name)})
    world.sagemaker.delete_model(ModelName=name)
    with pytest.raises(ClientError, match=r"ValidationException.*Could not find model \"arn:"):
        world.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-config")


def test_a_container_that_exits_fails_the_endpoint_with_its_code_and_last_words(world: Any, name: str) -> None:
    model = world.model(name, Environment={"REFUSE_START": "1"})
    world.endpoint(name, {"ModelName": model, "InitialInstanceCount": 2}, status="Failed")
    reason = world.describe(name)["FailureReason"]
    assert "production variant AllTraffic" in reason
    assert "exited with code 7" in reason
    assert "no model for you" in reason
    assert world.processes(name) == []
    with pytest.raises(ClientError, match=f"ValidationError.*Endpoint {name} of account 123456789012 not found"):
        world.invoke(name)


def test_an_unknown_image_and_missing_model_data_fail_the_endpoint_by_name(world: Any, name: str) -> None:
    world.endpoint(name, {"ModelName": world.model(name, Image="somewhere/unheard-of:1")}, status="Failed")
    assert "unheard-of" in world.describe(name)["FailureReason"]
    other = f"{name}-2"
    world.endpoint(other, {"ModelName": world.model(other, ModelDataUrl="s3://bucket/no.tar.gz")}, status="Failed")
    assert "s3://bucket/no.tar.gz" in world.describe(other)["FailureReason"]


def test_an_update_under_load_loses_no_request(world: Any, name: str) -> None:
    world.endpoint(name, {"ModelName": world.model(f"{name}-1", "one")})
    answers: list[bytes] = []
    failures: list[Exception] = []
    stop = threading.Event()

    def client() -> None:
        while not stop.is_set():
            try:
                answers.append(world.invoke(name, "model"))
            except Exception as error:
                failures.append(error)

    clients = [threading.Thread(target=client) for _ in range(4)]
    for thread in clients:
        thread.start()
    for version in ("two", "three"):
        world.config(f"{name}-{version}", {"ModelName": world.model(f"{name}-{version}", version)})
        world.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-{version}")
        assert world.describe(name)["EndpointStatus"] == "Updating"
        assert world.settled(name)["EndpointConfigName"] == f"{name}-{version}"
        assert world.invoke(name, "model") == version.encode()
    stop.set()
    for thread in clients:
        thread.join()
    assert failures == []
    assert {b"one", b"two", b"three"} == set(answers)
    assert len(answers) > 20


def test_an_update_shows_what_is_pending_and_refuses_a_second_one(world: Any, name: str) -> None:
    world.endpoint(name)
    world.config(f"{name}-next", {"ModelName": f"{name}-model"})
    world.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-next")
    described = world.describe(name)
    assert described["PendingDeploymentSummary"]["EndpointConfigName"] == f"{name}-next"
    assert described["EndpointConfigName"] == f"{name}-config"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        world.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-next")
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        world.sagemaker.delete_endpoint(EndpointName=name)
    assert "PendingDeploymentSummary" not in world.settled(name)


def test_a_failed_update_leaves_the_old_fleet_serving_and_says_why(world: Any, name: str) -> None:
    world.endpoint(name, {"ModelName": world.model(f"{name}-1", "one")})
    bad = world.model(f"{name}-2", "two", Environment={"REFUSE_START": "1"})
    world.config(f"{name}-bad", {"ModelName": bad})
    world.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-bad")
    described = world.settled(name)
    assert "no model for you" in described["FailureReason"]
    assert described["EndpointConfigName"] == f"{name}-config"
    assert world.invoke(name, "model") == b"one"


def test_an_update_may_keep_the_weights_and_counts_that_run(world: Any, name: str) -> None:
    world.endpoint(name)
    desired = {"VariantName": "AllTraffic", "DesiredInstanceCount": 2, "DesiredWeight": 3.0}
    world.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=[desired])
    assert world.settled(name)["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    world.config(f"{name}-next", {"ModelName": f"{name}-model"})
    world.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=f"{name}-next",
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    (variant,) = world.settled(name)["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (2, 1.0)


def test_weights_and_capacities_change_without_a_new_fleet(world: Any, name: str, wait: Callable[..., Any]) -> None:
    model = world.model(name)
    world.endpoint(name, {"ModelName": model, "VariantName": "a"}, {"ModelName": model, "VariantName": "b"})
    before = len(world.processes(name))
    world.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "a", "DesiredWeight": 0.0},
            {"VariantName": "b", "DesiredInstanceCount": 2},
        ],
    )
    first, second = world.settled(name)["ProductionVariants"]
    assert (first["CurrentWeight"], second["CurrentInstanceCount"]) == (0.0, 2)
    invoked = {
        world.runtime.invoke_endpoint(EndpointName=name, Body=b"x")["InvokedProductionVariant"] for _ in range(10)
    }
    assert invoked == {"b"}
    down = [{"VariantName": "b", "DesiredInstanceCount": 1}]
    world.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=down)
    world.settled(name)
    wait(lambda: len(world.processes(name)) == before, "the second instance is stopped")
    with pytest.raises(ClientError, match='Could not find variant "c"'):
        world.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "c", "DesiredWeight": 1.0}]
        )


def test_a_crashed_container_is_restarted_and_the_endpoint_says_so(
    world: Any, name: str, wait: Callable[..., Any]
) -> None:
    world.endpoint(name)
    with pytest.raises(world.runtime.exceptions.ModelError) as caught:
        world.invoke(name, "crash")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    status = wait(
        lambda: world.describe(name)["ProductionVariants"][0].get("VariantStatus"), "the variant says what is wrong"
    )
    assert "exited with code 3; restarting it" in status[0]["StatusMessage"]
    assert world.describe(name)["EndpointStatus"] == "InService"
    wait(lambda: "VariantStatus" not in world.describe(name)["ProductionVariants"][0], "the variant is well again")
    assert world.invoke(name, b"again") == b"again"
    wait(lambda: "healthy again" in world.log(name), "the log tells of it")
    assert "I was told to crash" in world.log(name)
    assert "exited with code 3" in world.log(name)


def test_with_a_second_instance_a_crash_costs_no_answer_but_its_own(world: Any, name: str) -> None:
    world.endpoint(name, {"ModelName": world.model(name), "InitialInstanceCount": 3})
    with pytest.raises(world.runtime.exceptions.ModelError):
        world.invoke(name, "crash")  # asked of two instances, and the end of both
    assert [world.invoke(name, b"still here") for _ in range(10)] == [b"still here"] * 10


def test_delete_leaves_no_process_no_folder_and_no_row(world: Any, name: str, wait: Callable[..., Any]) -> None:
    world.endpoint(name, {"ModelName": world.model(name, "one"), "InitialInstanceCount": 2})
    running = world.processes(name)
    assert len(running) >= 2
    world.sagemaker.delete_endpoint(EndpointName=name)
    wait(lambda: world.gone(name), "the endpoint is gone")
    assert [pid for pid in running if psutil.pid_exists(pid)] == []
    assert not (world.state / "work" / "endpoints" / "us-east-1" / name).exists()
    with pytest.raises(ClientError, match=r"ValidationError.*not found"):
        world.invoke(name)
    world.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-config")
    world.settled(name)
    assert world.invoke(name, "model") == b"one"


def test_endpoints_come_back_by_themselves_after_kill_9(own_world: Any) -> None:
    own_world.endpoint("kept", {"ModelName": own_world.model("m", "one")})
    own_world.model("slow")
    own_world.sagemaker.delete_model(ModelName="m")
    (own_world.bucket / "m.tar.gz").unlink()
    own_world.kill()
    own_world.start()
    own_world.settled("kept")
    assert own_world.invoke("kept", "model") == b"one"


def test_an_update_that_was_under_way_at_kill_9_is_finished(own_world: Any) -> None:
    own_world.endpoint("kept", {"ModelName": own_world.model("m1", "one")})
    own_world.config("next", {"ModelName": own_world.model("m2", "two")})
    own_world.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="next")
    own_world.kill()
    own_world.start()
    assert own_world.settled("kept")["EndpointConfigName"] == "next"
    assert own_world.invoke("kept", "model") == b"two"


def test_a_delete_that_was_under_way_at_kill_9_is_finished(own_world: Any, wait: Callable[..., Any]) -> None:
    own_world.endpoint("doomed")
    own_world.sagemaker.delete_endpoint(EndpointName="doomed")
    own_world.kill()
    own_world.start()
    wait(lambda: own_world.gone("doomed"), "the endpoint is gone")


def test_the_log_group_is_there_as_soon_as_the_endpoint_is_created(
    world: Any, name: str, wait: Callable[..., Any]
) -> None:
    world.endpoint(name)
    streams = list((world.state / "logs" / "aws" / "sagemaker" / "Endpoints" / name / "AllTraffic").iterdir())
    assert [stream.name.startswith("i-") for stream in streams] == [True]
    wait(lambda: "parrot is awake" in world.log(name), "the container's output is in the log")


def test_containers_in_series_pass_their_output_on(world: Any, name: str) -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/parrot:1"
    stages = [{"Image": image}, {"Image": image, "Environment": {"UPPER": "1"}}]
    world.sagemaker.create_model(ModelName=name, ExecutionRoleArn="arn:aws:iam::123456789012:role/r", Containers=stages)
    world.endpoint(name, {"ModelName": name})
    assert world.invoke(name, b"quiet") == b"QUIET"
    with pytest.raises(world.runtime.exceptions.ModelError, match=r"client error \(418\) from container_1"):
        world.invoke(name, "status 418")


def test_containers_in_direct_mode_are_invoked_by_their_host_name(world: Any, name: str) -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/parrot:1"
    world.sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn="arn:aws:iam::123456789012:role/r",
        Containers=[
            {"Image": image, "ContainerHostname": "first"},
            {"Image": image, "ContainerHostname": "second", "Environment": {"UPPER": "1"}},
        ],
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    world.endpoint(name, {"ModelName": name})
    assert world.invoke(name, b"x", TargetContainerHostname="first") == b"x"
    assert world.invoke(name, b"x", TargetContainerHostname="second") == b"X"
    with pytest.raises(ClientError, match="give one of first, second"):
        world.invoke(name, b"x", TargetContainerHostname="third")


def test_what_cannot_be_served_is_refused_at_create(world: Any, name: str) -> None:
    world.config(f"{name}-config", {"ModelName": world.model(name, Mode="MultiModel", ModelDataUrl="s3://bucket/m/")})
    with pytest.raises(ClientError, match="multi-model container"):
        world.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-config")
