"""Inference components on the live server by boto3: served beside a variant, and deployed by a pipeline's step."""

import io
import json
import tarfile
from typing import Any

import pytest

from tests.conftest import ROLE, Server, eventually

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
COMPUTE = {"MinMemoryRequiredInMb": 256}
WORK = """
import os


def model_fn(folder):
    return float(os.environ["FACTOR"])


def predict_fn(rows, model):
    return rows[:, 0] * model
"""


def container(bucket: str, factor: int) -> dict[str, Any]:
    """One whose prediction is the first number that it is sent, times `factor`."""
    variables = {"SAGEMAKER_PROGRAM": "work.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    artifact = f"s3://{bucket}/model.tar.gz"
    return {"Image": SKLEARN, "ArtifactUrl": artifact, "Environment": variables | {"FACTOR": str(factor)}}


@pytest.fixture
def host(server: Server, sagemaker: Any, unique: str) -> str:
    """An endpoint without a model; its name is also that of a bucket with a model archive."""
    name = unique.replace("_", "-")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo("code/work.py")
        info.size = len(WORK)
        tar.addfile(info, io.BytesIO(WORK.encode()))
    s3 = server.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="model.tar.gz", Body=buffer.getvalue())
    variant = {"VariantName": "AllTraffic", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ExecutionRoleArn=ROLE, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    return name


def test_a_component_serves_beside_another_one_that_a_pipeline_deploys_and_updates(
    server: Server, sagemaker: Any, host: str
) -> None:
    runtime = server.client("sagemaker-runtime")

    def predict(component: str) -> float:
        answer = runtime.invoke_endpoint(
            EndpointName=host, InferenceComponentName=component, ContentType="text/csv", Accept="text/csv", Body="3,1"
        )
        return float(answer["Body"].read())

    def run(factor: int) -> dict[str, Any]:
        """The step of a pipeline that deploys the component."""
        specification = {"Container": container(host, factor), "ComputeResourceRequirements": COMPUTE}
        names = {"InferenceComponentName": f"{host}-step", "EndpointName": host, "VariantName": "AllTraffic"}
        arguments = names | {"Specification": specification, "RuntimeConfig": {"CopyCount": 1}}
        step = {"Name": "Deploy", "Type": "InferenceComponent", "Arguments": arguments}
        text = json.dumps({"Version": "2020-12-01", "Steps": [step]})
        name = f"{host}-{factor}"
        sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=text, RoleArn=ROLE)
        arn = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]

        def ended() -> Any:
            described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            return described["PipelineExecutionStatus"] != "Executing"

        eventually(ended, 60, "the execution's end")
        (found,) = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
        return dict(found)

    sagemaker.create_inference_component(
        InferenceComponentName=f"{host}-own",
        EndpointName=host,
        VariantName="AllTraffic",
        Specification={"Container": container(host, 2), "ComputeResourceRequirements": COMPUTE},
        RuntimeConfig={"CopyCount": 1},
    )
    step = run(5)
    assert step["StepStatus"] == "Succeeded", step
    assert step["Metadata"]["InferenceComponent"]["Arn"].endswith(f":inference-component/{host}-step")

    def described() -> dict[str, Any]:
        return dict(sagemaker.describe_inference_component(InferenceComponentName=f"{host}-own"))

    eventually(lambda: described()["InferenceComponentStatus"] == "InService", 60, "the component is in service")
    assert described()["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 1}
    assert (predict(f"{host}-own"), predict(f"{host}-step")) == (6.0, 15.0)
    assert run(7)["StepStatus"] == "Succeeded"
    assert (predict(f"{host}-own"), predict(f"{host}-step")) == (6.0, 21.0)
    for name in (f"{host}-own", f"{host}-step"):
        sagemaker.delete_inference_component(InferenceComponentName=name)
    eventually(lambda: not sagemaker.list_inference_components(EndpointNameEquals=host)["InferenceComponents"])
    sagemaker.delete_endpoint(EndpointName=host)
