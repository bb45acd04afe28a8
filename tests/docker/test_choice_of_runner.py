"""A server whose runner is the processes' runs what asks for it in containers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sageyard.runners.docker.engine import connect

from tests.conftest import ROLE, Server, eventually, start_server
from tests.docker.conftest import Work, containers_of

pytestmark = pytest.mark.docker

DOCKER = [{"Key": "sageyard:runner", "Value": "docker"}]
SEEN = (
    "import os, urllib.request; "
    "urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'] + '/_sageyard/health', timeout=5); "
    "print('in a container:', os.path.exists('/.dockerenv'))"
)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the process runner, and an engine beside it."""
    server = start_server(tmp_path_factory.mktemp("mixed"))
    yield server
    server.stop()
    assert containers_of(server) == []


def test_jobs_choose_by_tag_or_variable_and_reach_the_server(mixed: Server, own_image: str, unique: str) -> None:
    work = Work(mixed)
    for name, members in (
        (f"{unique}-tag", {"Tags": DOCKER}),
        (f"{unique}-variable", {"Environment": {"SAGEYARD_RUNNER": "docker"}}),
    ):
        ended = work.train(name, own_image, SEEN, **members)
        assert ended["TrainingJobStatus"] == "Completed", ended
        assert "in a container: True" in work.log("/aws/sagemaker/TrainingJobs", name)
    work.sagemaker.create_processing_job(
        ProcessingJobName=unique,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": own_image, "ContainerEntrypoint": ["python3", "-c", SEEN]},
        ProcessingResources={
            "ClusterConfig": {"InstanceType": "ml.m5.24xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        Tags=DOCKER,
    )
    ended = work.ended(lambda: work.sagemaker.describe_processing_job(ProcessingJobName=unique), "ProcessingJobStatus")
    assert ended["ProcessingJobStatus"] == "Completed", ended
    first, said = work.log("/aws/sagemaker/ProcessingJobs", unique)
    assert first.startswith("[sageyard] ml.m5.24xlarge has 96 vCPUs and 384 GiB of memory; this machine gives ")
    assert said == "in a container: True"


def test_an_unknown_runner_is_refused(mixed: Server, own_image: str, unique: str) -> None:
    work = Work(mixed)
    with pytest.raises(work.sagemaker.exceptions.ClientError, match="'podman', which is no runner: it must be 'pro"):
        work.train(unique, own_image, Environment={"SAGEYARD_RUNNER": "podman"})


def test_an_endpoint_and_a_transform_job_choose_by_the_models_variable(
    mixed: Server, own_image: str, unique: str
) -> None:
    """Isolated, they answer all the same. The container has what the instance type has."""
    work = Work(mixed)
    work.s3.put_object(Bucket="jobs", Key=f"{unique}/in.csv", Body=b"a,b\n")
    container = {"Image": own_image, "Environment": {"SAGEYARD_RUNNER": "docker"}}
    work.sagemaker.create_model(
        ModelName=unique, PrimaryContainer=container, ExecutionRoleArn=ROLE, EnableNetworkIsolation=True
    )
    variant = {"VariantName": "all", "ModelName": unique, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
    work.sagemaker.create_endpoint_config(EndpointConfigName=unique, ProductionVariants=[variant])
    work.sagemaker.create_endpoint(EndpointName=unique, EndpointConfigName=unique)
    ended = work.ended(lambda: work.sagemaker.describe_endpoint(EndpointName=unique), "EndpointStatus")
    assert ended["EndpointStatus"] == "InService", ended
    (found,) = containers_of(mixed)
    assert limits(found) == {"memory": 4 << 30, "network": "none"}
    answer = mixed.client("sagemaker-runtime").invoke_endpoint(EndpointName=unique, Body=b"hello")
    assert answer["Body"].read() == b"HELLO"
    work.sagemaker.delete_endpoint(EndpointName=unique)

    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://jobs/{unique}"}}
    work.sagemaker.create_transform_job(
        TransformJobName=unique,
        ModelName=unique,
        TransformInput={"DataSource": source, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": f"s3://jobs/{unique}-out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    ended = work.ended(lambda: work.sagemaker.describe_transform_job(TransformJobName=unique), "TransformJobStatus")
    assert ended["TransformJobStatus"] == "Completed", ended
    assert work.s3.get_object(Bucket="jobs", Key=f"{unique}-out/in.csv.out")["Body"].read() == b"A,B\n"


def test_an_endpoints_configuration_chooses_by_its_tag(mixed: Server, own_image: str, unique: str) -> None:
    work = Work(mixed)
    work.sagemaker.create_model(ModelName=unique, PrimaryContainer={"Image": own_image}, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "all", "ModelName": unique, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    work.sagemaker.create_endpoint_config(EndpointConfigName=unique, ProductionVariants=[variant], Tags=DOCKER)
    work.sagemaker.create_endpoint(EndpointName=unique, EndpointConfigName=unique)
    ended = work.ended(lambda: work.sagemaker.describe_endpoint(EndpointName=unique), "EndpointStatus")
    assert ended["EndpointStatus"] == "InService", ended
    work.sagemaker.delete_endpoint(EndpointName=unique)


def test_an_inference_component_chooses_by_its_tag_and_has_the_memory_that_it_asks_for(
    mixed: Server, own_image: str, unique: str
) -> None:
    work = Work(mixed)
    variant = {"VariantName": "all", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    work.sagemaker.create_endpoint_config(
        EndpointConfigName=unique, ExecutionRoleArn=ROLE, ProductionVariants=[variant]
    )
    work.sagemaker.create_endpoint(EndpointName=unique, EndpointConfigName=unique)
    compute = {"MinMemoryRequiredInMb": 128, "MaxMemoryRequiredInMb": 512}
    work.sagemaker.create_inference_component(
        InferenceComponentName=unique,
        EndpointName=unique,
        Specification={"Container": {"Image": own_image}, "ComputeResourceRequirements": compute},
        Tags=DOCKER,
    )
    ended = work.ended(
        lambda: work.sagemaker.describe_inference_component(InferenceComponentName=unique), "InferenceComponentStatus"
    )
    assert ended["InferenceComponentStatus"] == "InService", ended
    (found,) = containers_of(mixed)
    assert limits(found)["memory"] == 512 << 20
    answer = mixed.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=unique, InferenceComponentName=unique, Body=b"hello"
    )
    assert answer["Body"].read() == b"HELLO"
    work.sagemaker.delete_inference_component(InferenceComponentName=unique)
    eventually(lambda: not containers_of(mixed), 60, "the copy's end")


def test_without_an_engine_the_job_says_so(own_image: str, tmp_path: Path, unique: str) -> None:
    server = start_server(tmp_path, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    try:
        ended = Work(server).train(unique, own_image, Tags=DOCKER)
    finally:
        server.stop()
    assert ended["TrainingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("InternalServerError: no Docker Engine answers at unix://")


def limits(container: str) -> dict[str, object]:
    """Of a container."""
    config = connect().inspect_container(container)["HostConfig"]
    return {"memory": config["Memory"], "network": config["NetworkMode"]}
