"""A server of pipelines over a real database; the jobs of steps are stand-ins that do as they are told."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from sageyard.clock import ShiftedClock
from sageyard.cloud import Cloud, ObjectNotFoundError
from sageyard.pipelines.hooks import PipelineExecutionHooks
from sageyard.resources.derive import derive
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family, install
from sageyard.resources.operations import Operations
from sageyard.resources.spec import Document, Hooks, Resource
from sageyard.sagemaker import experiments, lineage, model_registry, pipeline, pipeline_execution
from sageyard.store.resources import Resources
from sageyard.wire import model

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/pipelines"


async def until(condition: Callable[[], Any], seconds: float = 5) -> Any:
    """The condition's first true answer; fails after some seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "nothing happened"
        await asyncio.sleep(0.002)
    return answer


class Jobs(Hooks):
    """Jobs that end as `ends` says of a step's name, else Completed; those of `held` wait until they are released."""

    def __init__(self) -> None:
        self.requests: list[Document] = []
        self.ends: dict[str, list[Document]] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.running = 0
        self.most = 0

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        if not recovered:
            self.requests.append(resource.document)
        self.running += 1
        self.most = max(self.most, self.running)
        step = resource.name.split("-")[2]
        try:
            await asyncio.sleep(0)
            if step in self.held:
                await self.held[step].wait()
        finally:
            self.running -= 1
        if resource.status == "Stopping":
            resource.save(status="Stopped")
            return
        ends = self.ends.get(step, [])
        resource.save(**(ends.pop(0) if ends else {"status": "Completed"}))

    async def stop(self, resource: Resource) -> None:
        self.held[resource.name.split("-")[2]].set()

    def of(self, step: str) -> list[Document]:
        """The requests that a step has made."""
        names = ("TrainingJobName", "ProcessingJobName", "TransformJobName")
        return [request for request in self.requests if any(f"-{step}-" in request.get(name, "") for name in names)]


class Bucket:
    """Objects by URI."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def read(self, bucket: str, key: str) -> bytes:
        try:
            return self.texts[f"s3://{bucket}/{key}"].encode()
        except KeyError:
            raise ObjectNotFoundError(f"s3://{bucket}/{key}") from None

    def delete(self, bucket: str, key: str) -> None:
        self.texts.pop(f"s3://{bucket}/{key}", None)


class Queues:
    """Other services of AWS: what was sent to them."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Document]] = []

    def call(self, region: str, service: str, operation: str, parameters: Document) -> Document:
        self.sent.append((service, operation, parameters))
        return {}


class Server:
    """Engine, operations and executions over one database file."""

    def __init__(self, path: Path, jobs: Jobs | None = None) -> None:
        service = model.load("sagemaker")
        self.clock = ShiftedClock(0)
        self.bucket, self.queues, self.jobs = Bucket(), Queues(), jobs or Jobs()
        unused = cast("Any", None)
        cloud = Cloud(cast("Any", self.bucket), unused, unused, unused, "", cast("Any", self.queues), unused, unused)
        self.store = Resources(path / "sageyard.db")
        self.engine = Engine(self.store, self.clock, derive(service), "123456789012")
        hooks = PipelineExecutionHooks(self.engine, cloud, self.clock, lambda: self.operations)
        job: dict[str, Any] = {"hooks": self.jobs, "grade": "runs", "references": ()}
        work = Family(
            overrides={
                **dict.fromkeys(("TrainingJob", "ProcessingJob", "TransformJob"), job),
                "Model": {"grade": "runs"},
                "EndpointConfig": {"grade": "runs"},
            }
        )
        families = [
            work,
            model_registry.family(self.engine),
            experiments.family(self.engine),
            lineage.family(self.engine),
            pipeline.family(self.engine, cloud),
            pipeline_execution.family(hooks, self.engine),
        ]
        installed = install(self.engine, families)
        self.operations = Operations(service, self.engine, installed.functions, installed.refused)

    async def call(self, operation: str, **request: Any) -> Document:
        return await self.operations.call(operation, request, region=REGION)

    async def create(self, steps: list[Document], name: str = "p", **definition: Any) -> None:
        """A pipeline of these steps."""
        text = json.dumps({"Version": "2020-12-01", "Steps": steps, **definition})
        await self.call(
            "CreatePipeline", PipelineName=name, PipelineDefinition=text, RoleArn=ROLE, ClientRequestToken="t" * 32
        )

    async def start(self, name: str = "p", **request: Any) -> str:
        """The ARN of a new execution."""
        token = {"ClientRequestToken": f"{time.monotonic_ns():032d}"}
        answer = await self.call("StartPipelineExecution", **{"PipelineName": name, **token, **request})
        return str(answer["PipelineExecutionArn"])

    async def run(self, name: str = "p", **request: Any) -> tuple[Document, dict[str, Document]]:
        """A new execution at its end, and its steps by name."""
        return await self.ended(await self.start(name, **request))

    async def ended(self, arn: str) -> tuple[Document, dict[str, Document]]:
        """An execution once it has ended, and its steps by name."""
        settled = self.engine.specs["PipelineExecution"].settled

        def over() -> bool:
            row = self.store.by_arn(arn, "PipelineExecution")
            return row is not None and row.status in settled

        await until(over)
        described = await self.call("DescribePipelineExecution", PipelineExecutionArn=arn)
        return described, await self.steps(arn)

    async def steps(self, arn: str) -> dict[str, Document]:
        listed = await self.call("ListPipelineExecutionSteps", PipelineExecutionArn=arn)
        return {step["StepName"]: step for step in listed["PipelineExecutionSteps"]}


def drive(path: Path, scenario: Callable[[Server], Any]) -> None:
    """Run a scenario in an event loop of its own, over a new server."""

    async def main() -> None:
        server = Server(path)
        await scenario(server)
        await server.engine.close()

    asyncio.run(main())


def training(name: str, **more: Any) -> Document:
    """A Training step."""
    return {"Name": name, "Type": "Training", "Arguments": training_arguments(), **more}


def training_arguments(**members: Any) -> Document:
    return {
        "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "RoleArn": ROLE,
        **members,
    }


def processing(name: str, **more: Any) -> Document:
    """A Processing step with one output, `report`."""
    arguments = {
        "AppSpecification": {"ImageUri": "image"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "report",
                    "S3Output": {"S3Uri": "s3://bucket/report", "LocalPath": "/opt/ml/x", "S3UploadMode": "EndOfJob"},
                }
            ]
        },
        "RoleArn": ROLE,
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **more}
