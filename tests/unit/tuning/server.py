"""A server of tuning jobs over a real database; training jobs are stand-ins whose metric follows from their
hyperparameters.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sageyard.clock import ShiftedClock
from sageyard.resources.derive import derive
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family, install
from sageyard.resources.operations import Operations
from sageyard.resources.spec import Document, Hooks, Resource
from sageyard.sagemaker import hyper_parameter_tuning_job
from sageyard.store.resources import Resources, Selection
from sageyard.tuning.tuner import TuningJobHooks
from sageyard.wire import model

ROLE = "arn:aws:iam::123456789012:role/r"
RANGES = {
    "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}],
    "IntegerParameterRanges": [{"Name": "n", "MinValue": "1", "MaxValue": "9"}],
    "CategoricalParameterRanges": [{"Name": "kind", "Values": ["good", "bad"]}],
}


def loss(values: dict[str, str]) -> float:
    """Least at x = 0.3, n = 4 and the good kind."""
    return (float(values["x"]) - 0.3) ** 2 + abs(int(values["n"]) - 4) / 10 + (values["kind"] == "bad")


class Jobs(Hooks):
    """Training jobs that report a loss, fail, or wait until they are stopped."""

    def __init__(self) -> None:
        self.running = self.most = 0
        self.hold = asyncio.Event()
        self.hold.set()
        self.metric: Callable[[dict[str, str]], float | None] = loss
        self.curve: Callable[[dict[str, str]], list[float]] | None = None
        """What a job's metric is after each epoch, where it reports epochs."""

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.001)
        await self.hold.wait()
        shown: list[float] = []
        for value in self.curve(resource.document["HyperParameters"]) if self.curve else ():
            if resource.status == "Stopping":
                break
            shown.append(value)
            resource.save(private={"objectives": list(shown)})
            await asyncio.sleep(0.002)
        self.running -= 1
        final = shown[-1] if shown else self.metric(resource.document["HyperParameters"])
        metrics = {"FinalMetricDataList": [{"MetricName": "loss", "Value": final, "Timestamp": 1}]}
        if resource.status == "Stopping":
            resource.save(status="Stopped", **(metrics if shown else {}))
        elif final is None:
            resource.save(status="Failed", FailureReason="AlgorithmError: it broke")
        else:
            resource.save(status="Completed", **metrics)

    async def stop(self, resource: Resource) -> None:
        self.hold.set()


class Server:
    def __init__(self, path: Path) -> None:
        service = model.load("sagemaker")
        self.jobs = Jobs()
        self.store = Resources(path / "sageyard.db")
        self.engine = Engine(self.store, ShiftedClock(), derive(service), "123456789012")
        hooks = TuningJobHooks(self.engine, self.engine.clock, lambda: self.operations)
        work = Family(overrides={"TrainingJob": {"hooks": self.jobs, "grade": "runs"}})
        installed = install(self.engine, [work, hyper_parameter_tuning_job.family(hooks, self.engine)])
        self.operations = Operations(service, self.engine, installed.functions, installed.refused)

    async def call(self, operation: str, **request: Any) -> Document:
        return await self.operations.call(operation, request, region="us-east-1")

    async def create(
        self,
        strategy: str = "Random",
        jobs: int | None = 6,
        at_once: int = 2,
        name: str = "tune",
        static: dict[str, str] | None = None,
        parents: tuple[str, ...] = (),
        start: str = "IdenticalDataAndAlgorithm",
        data: str = "s3://bucket/data",
        **config: Any,
    ) -> None:
        limits: dict[str, Any] = {"MaxParallelTrainingJobs": at_once}
        if jobs is not None:
            limits["MaxNumberOfTrainingJobs"] = jobs
        warm: Document = {}
        if parents:
            named = [{"HyperParameterTuningJobName": parent} for parent in parents]
            warm = {"WarmStartConfig": {"ParentHyperParameterTuningJobs": named, "WarmStartType": start}}
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}}
        await self.call(
            "CreateHyperParameterTuningJob",
            **warm,
            HyperParameterTuningJobName=name,
            Tags=[{"Key": "team", "Value": "growth"}],
            HyperParameterTuningJobConfig={
                "Strategy": strategy,
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
                "ResourceLimits": limits,
                "ParameterRanges": RANGES,
                **config,
            },
            TrainingJobDefinition={
                "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
                "RoleArn": ROLE,
                "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
                "InputDataConfig": [{"ChannelName": "train", "DataSource": source}],
                "StaticHyperParameters": {"fixed": "yes"} if static is None else static,
            },
        )

    async def describe(self, name: str = "tune") -> Document:
        return await self.call("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)

    async def ended(self, status: str = "Completed", name: str = "tune") -> Document:
        deadline = time.monotonic() + 20
        while (described := await self.describe(name))["HyperParameterTuningJobStatus"] in {"InProgress", "Stopping"}:
            assert time.monotonic() < deadline, described
            await asyncio.sleep(0.005)
        assert described["HyperParameterTuningJobStatus"] == status, described
        return described

    def epochs(self) -> dict[str, int]:
        """How many epochs each training job has had."""
        rows = self.store.select(Selection("TrainingJob", "us-east-1", limit=-1))
        return {row.name: len(row.private.get("objectives", [])) for row in rows}

    async def list(self, name: str = "tune", **request: Any) -> list[Document]:
        answer = await self.call(
            "ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName=name, MaxResults=100, **request
        )
        found: list[Document] = answer["TrainingJobSummaries"]
        return found


def drive(path: Path, scenario: Callable[[Server], Any]) -> None:
    async def main() -> None:
        server = Server(path)
        await scenario(server)
        await server.engine.close()

    asyncio.run(main())
