"""Steps that make one resource with nothing to wait for: Model, RegisterModel, EndpointConfig."""

from sageyard.errors import AwsError
from sageyard.pipelines.steps.base import StepRun, StepType
from sageyard.resources.spec import Document


class Model(StepType):
    """CreateModel."""

    type = "Model"

    async def start(self, run: StepRun) -> None:
        name = run.job_name(run.arguments.get("ModelName"))
        if run.engine.resource("Model", run.region, name) is None:
            await run.call("CreateModel", {"ExecutionRoleArn": run.role_arn, **run.arguments, "ModelName": name})
        run.remember({"name": name})

    async def finish(self, run: StepRun) -> Document:
        described = await run.call("DescribeModel", {"ModelName": run.notes["name"]})
        run.save_metadata({"Model": {"Arn": described["ModelArn"]}})
        return described


class RegisterModel(StepType):
    """CreateModelPackage; a group that does not exist yet is made."""

    type = "RegisterModel"

    async def start(self, run: StepRun) -> None:
        request = dict(run.arguments)
        if group := request.get("ModelPackageGroupName"):
            try:
                await run.api.call("DescribeModelPackageGroup", {"ModelPackageGroupName": group}, region=run.region)
            except AwsError:
                await run.call("CreateModelPackageGroup", {"ModelPackageGroupName": group})
        request.setdefault("ClientToken", run.job_name()[-36:])  # a repeated request finds the version that it made
        answer = await run.call("CreateModelPackage", request)
        run.remember({"arn": answer["ModelPackageArn"]})

    async def finish(self, run: StepRun) -> Document:
        run.save_metadata({"RegisterModel": {"Arn": run.notes["arn"]}})
        return await run.call("DescribeModelPackage", {"ModelPackageName": run.notes["arn"]})


class EndpointConfig(StepType):
    """CreateEndpointConfig."""

    type = "EndpointConfig"

    async def start(self, run: StepRun) -> None:
        name = run.arguments.get("EndpointConfigName") or run.job_name()
        await run.made("EndpointConfig", name, {**run.arguments, "EndpointConfigName": name})
        run.remember({"name": name})

    async def finish(self, run: StepRun) -> Document:
        described = await run.call("DescribeEndpointConfig", {"EndpointConfigName": run.notes["name"]})
        run.save_metadata({"EndpointConfig": {"Arn": described["EndpointConfigArn"]}})
        return described
