"""Every waiter that boto3 and the AWS CLI have for SageMaker: it returns at once when the state is there."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import WaiterError
from botocore.loaders import Loader

from tests.conformance.resource_maker import ResourceMaker
from tests.conftest import REGION, Server, eventually

WAITERS: dict[str, Any] = Loader().load_service_model("sagemaker", "waiters-2")["waiters"]
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
INFERENCE = "def model_fn(folder): return 1\ndef predict_fn(data, model): return data\n"
MISTAKEN = "ResourceNotFoundException"
"""What older botocore takes for a deleted image; AWS answers ResourceNotFound, as modelled (boto/botocore #3782)."""
AN_HOUR = {"MaxRuntimeInSeconds": 3600}
AT_ONCE = 5.0
"""Seconds; a second poll would come after 30 or more."""
Identity = dict[str, Any]


def echoing_model(maker: ResourceMaker) -> str:
    """The name of a model that answers what it is asked."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("code/inference.py")
        entry.size = len(INFERENCE)
        tar.addfile(entry, io.BytesIO(INFERENCE.encode()))
    maker.s3.put_object(Bucket=maker.bucket, Key="model.tar.gz", Body=buffer.getvalue())
    variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    container = {"Image": SKLEARN, "ModelDataUrl": f"s3://{maker.bucket}/model.tar.gz", "Environment": variables}
    return maker.make("Model", PrimaryContainer=container).name


def endpoint_in_service(maker: ResourceMaker) -> Identity:
    variant = {"VariantName": "v", "ModelName": echoing_model(maker), "InstanceType": "ml.m5.large"}
    configuration = maker.make("EndpointConfig", ProductionVariants=[variant | {"InitialInstanceCount": 1}])
    return maker.make("Endpoint", EndpointConfigName=configuration.name).identity


def completed_transform_job(maker: ResourceMaker) -> Identity:
    maker.s3.put_object(Bucket=maker.bucket, Key="rows/one.csv", Body=b"1,2\n")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{maker.bucket}/rows"}}
    made = maker.make(
        "TransformJob",
        ModelName=echoing_model(maker),
        TransformInput={"DataSource": source, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": f"s3://{maker.bucket}/transformed"},
    )
    job = maker.settle(made)
    assert job["TransformJobStatus"] == "Completed", job
    return made.identity


def processing_job(maker: ResourceMaker, command: str, status: str) -> Identity:
    application = {"ImageUri": SKLEARN, "ContainerEntrypoint": ["python3", "-c", command]}
    made = maker.make("ProcessingJob", AppSpecification=application, StoppingCondition=AN_HOUR)
    job = maker.settle(made)
    assert job["ProcessingJobStatus"] == status, job
    return made.identity


def _with_status(maker: ResourceMaker, kind: str, name: str, status: str) -> dict[str, Any] | None:
    found = maker.call(f"Describe{kind}", {f"{kind}Name": name})
    return found if found[f"{kind}Status"] == status else None


def completed_training_job(maker: ResourceMaker) -> Identity:
    algorithm = {"TrainingImage": SKLEARN, "TrainingInputMode": "File"}
    algorithm["ContainerEntrypoint"] = ["python3", "-c", "print(1)"]  # type: ignore[assignment]
    output = {"S3OutputPath": f"s3://{maker.bucket}/out"}
    members = {"AlgorithmSpecification": algorithm, "OutputDataConfig": output, "StoppingCondition": AN_HOUR}
    made = maker.make("TrainingJob", **members)
    assert maker.settle(made)["TrainingJobStatus"] == "Completed"
    return made.identity


def updated_image(maker: ResourceMaker) -> Identity:
    made = maker.make("Image")
    maker.call("UpdateImage", {**made.identity, "Description": "another"})
    assert maker.settle(made)["ImageStatus"] == "CREATED"
    return made.identity


def stopped_notebook(maker: ResourceMaker) -> Identity:
    made = maker.make("NotebookInstance")
    maker.call("StopNotebookInstance", made.identity)
    eventually(lambda: _with_status(maker, "NotebookInstance", made.name, "Stopped"), what="the stopped instance")
    return made.identity


def made(kind: str) -> Callable[[ResourceMaker], Identity]:
    return lambda maker: maker.make(kind).identity


def never_made(member: str) -> Callable[[ResourceMaker], Identity]:
    return lambda maker: {member: "never-made"}


REACHED: dict[str, Callable[[ResourceMaker], Identity]] = {
    "EndpointDeleted": never_made("EndpointName"),
    "EndpointInService": endpoint_in_service,
    "ImageCreated": made("Image"),
    "ImageDeleted": never_made("ImageName"),
    "ImageUpdated": updated_image,
    "ImageVersionCreated": made("ImageVersion"),
    "ImageVersionDeleted": never_made("ImageName"),
    "NotebookInstanceDeleted": never_made("NotebookInstanceName"),
    "NotebookInstanceInService": made("NotebookInstance"),
    "NotebookInstanceStopped": stopped_notebook,
    "ProcessingJobCompletedOrStopped": lambda maker: processing_job(maker, "print(1)", "Completed"),
    "TrainingJobCompletedOrStopped": completed_training_job,
    "TransformJobCompletedOrStopped": completed_transform_job,
}
FAILED: dict[str, Callable[[ResourceMaker], Identity]] = {
    "EndpointDeleted": made("Endpoint"),  # nobody knows its image
    "EndpointInService": made("Endpoint"),
    "ProcessingJobCompletedOrStopped": lambda maker: processing_job(maker, "raise SystemExit(1)", "Failed"),
    "TrainingJobCompletedOrStopped": made("TrainingJob"),
    "TransformJobCompletedOrStopped": made("TransformJob"),
}
ABSENT = {
    "EndpointInService": never_made("EndpointName"),
    "ProcessingJobCompletedOrStopped": never_made("ProcessingJobName"),
    "TrainingJobCompletedOrStopped": never_made("TrainingJobName"),
    "TransformJobCompletedOrStopped": never_made("TransformJobName"),
}


def test_every_waiter_of_the_model_is_here() -> None:
    assert set(REACHED) == set(WAITERS)


@pytest.mark.parametrize("waiter", sorted(WAITERS))
def test_a_waiter_of_boto3_returns_at_once_when_the_state_is_there(maker: ResourceMaker, waiter: str) -> None:
    identity = REACHED[waiter](maker)
    started = time.monotonic()
    if any(acceptor.get("expected") == MISTAKEN for acceptor in WAITERS[waiter]["acceptors"]):
        with pytest.raises(WaiterError, match=r"\(ResourceNotFound\).* does not exist"):
            maker.client.get_waiter(xform_name(waiter)).wait(**identity)
    else:
        maker.client.get_waiter(xform_name(waiter)).wait(**identity)
    assert time.monotonic() - started < AT_ONCE


@pytest.mark.parametrize("waiter", sorted(FAILED))
def test_a_waiter_of_boto3_fails_at_once_for_what_has_failed(maker: ResourceMaker, waiter: str) -> None:
    identity = FAILED[waiter](maker)
    started = time.monotonic()
    with pytest.raises(WaiterError, match="terminal failure state"):
        maker.client.get_waiter(xform_name(waiter)).wait(**identity)
    assert time.monotonic() - started < AT_ONCE


@pytest.mark.parametrize("waiter", sorted(ABSENT))
def test_a_waiter_of_boto3_fails_at_once_for_what_never_was(maker: ResourceMaker, waiter: str) -> None:
    started = time.monotonic()
    with pytest.raises(WaiterError, match="terminal failure state"):
        maker.client.get_waiter(xform_name(waiter)).wait(**ABSENT[waiter](maker))
    assert time.monotonic() - started < AT_ONCE


@pytest.mark.parametrize("waiter", sorted(WAITERS))
def test_aws_sagemaker_wait_returns_at_once_when_the_state_is_there(
    server: Server, maker: ResourceMaker, waiter: str, tmp_path: Path
) -> None:
    aws = shutil.which("aws", path=os.fspath(Path(sys.executable).parent))
    if aws is None:
        pytest.skip("the AWS CLI is not installed")
    identity = REACHED[waiter](maker)
    options = [text for name, value in identity.items() for text in (f"--{xform_name(name, '-')}", str(value))]
    environment = {
        "PATH": os.environ["PATH"], "HOME": os.fspath(tmp_path), "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION,
    }  # fmt: skip
    started = time.monotonic()
    done = subprocess.run(
        [aws, "sagemaker", "wait", xform_name(waiter, "-"), *options],
        env=environment, capture_output=True, text=True, timeout=25, check=False,
    )  # fmt: skip
    assert time.monotonic() - started < AT_ONCE * 3
    mistaken = waiter.startswith("Image") and "(ResourceNotFound)" in done.stderr  # the CLI brings its own botocore
    assert done.returncode == 0 or mistaken, done.stderr
