"""The seams under jobs, in memory: a cloud that remembers, a resource that is a dictionary, real processes."""

import asyncio
import hashlib
import io
import tarfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from sageyard.clock import ShiftedClock
from sageyard.cloud import Cloud, ObjectInfo, ObjectNotFoundError
from sageyard.jobs.job import JobHooks
from sageyard.jobs.processing import ProcessingJobHooks
from sageyard.jobs.slots import Slots
from sageyard.jobs.training import TrainingJobHooks
from sageyard.resources.spec import Context
from sageyard.runners.choice import Runners
from sageyard.runners.images import Images
from sageyard.runners.process import ProcessRunner
from sageyard.settings import Settings

REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/Tester"
STATUS = {"TrainingJob": "TrainingJobStatus", "ProcessingJob": "ProcessingJobStatus"}
RUN_HYPERPARAMETER = "import json; exec(json.load(open('/opt/ml/input/config/hyperparameters.json'))['script'])"


class MemoryObjects:
    """One bucket, `bucket`, in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}

    def list(self, bucket: str, prefix: str = "") -> list[ObjectInfo]:
        self._check(bucket, prefix)
        return [
            ObjectInfo(key, path.stat().st_size, "etag", 0.0)
            for key, path in sorted(self.files.items())
            if key.startswith(prefix)
        ]

    def path(self, bucket: str, key: str) -> Path:
        self._check(bucket, key)
        if key not in self.files:
            raise ObjectNotFoundError(f"s3://{bucket}/{key}")
        return self.files[key]

    def read(self, bucket: str, key: str) -> bytes:
        return self.path(bucket, key).read_bytes()

    def put(self, bucket: str, key: str, body: bytes | Path, content_type: str = "") -> None:
        self._check(bucket, key)
        blob = self.folder / hashlib.sha256(f"{key}{time.monotonic_ns()}".encode()).hexdigest()
        if isinstance(body, Path):
            blob.hardlink_to(body)
        else:
            blob.write_bytes(body)
        self.files[key] = blob

    def delete(self, bucket: str, key: str) -> None:
        self.files.pop(key, None)

    def _check(self, bucket: str, key: str) -> None:
        if bucket != "bucket":
            raise ObjectNotFoundError(f"s3://{bucket}/{key}")


class MemoryLogs:
    def __init__(self) -> None:
        self.streams: dict[tuple[str, str, str], list[tuple[int, str]]] = {}

    def create_stream(self, region: str, group: str, stream: str) -> None:
        self.streams.setdefault((region, group, stream), [])

    def append(self, region: str, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        self.create_stream(region, group, stream)
        self.streams[region, group, stream] += events

    def tail(self, region: str, group: str, stream: str, lines: int = 20) -> list[str]:
        return [message for _, message in self.streams.get((region, group, stream), [])[-lines:]]


class MemoryMetrics:
    def __init__(self) -> None:
        self.data: dict[str, list[dict[str, Any]]] = {}

    def put(self, region: str, namespace: str, data: Sequence[dict[str, Any]]) -> None:
        self.data.setdefault(namespace, []).extend(data)


class MemoryEvents:
    def put(self, region: str, detail_type: str, detail: dict[str, Any], resources: Sequence[str]) -> None:
        raise AssertionError("jobs put no events")


class MemoryResource:
    """A row; `secondaries` are the secondary statuses in the order in which they were saved."""

    def __init__(self, kind: str, name: str, document: dict[str, Any]) -> None:
        noun = "training-job" if kind == "TrainingJob" else "processing-job"
        self.kind, self.region, self.name = kind, REGION, name
        self.arn = f"arn:aws:sagemaker:{REGION}:123456789012:{noun}/{name}"
        self.row = document | {f"{kind}Arn": self.arn}
        self.notes: dict[str, Any] = {}
        self.secondaries: list[str] = []

    @property
    def status(self) -> str:
        return str(self.row[STATUS[self.kind]])

    @property
    def document(self) -> dict[str, Any]:
        return dict(self.row)

    @property
    def private(self) -> dict[str, Any]:
        return dict(self.notes)

    @property
    def tags(self) -> dict[str, str]:
        return {}

    @property
    def exists(self) -> bool:
        return True

    def save(self, *, status: str | None = None, private: dict[str, Any] | None = None, **members: Any) -> None:
        self.row = {name: value for name, value in (self.row | members).items() if value is not None}
        self.notes |= private or {}
        if status is not None:
            self.row[STATUS[self.kind]] = status
        if "SecondaryStatus" in members:
            self.secondaries.append(members["SecondaryStatus"])

    def remove(self) -> None:
        raise AssertionError("jobs do not remove themselves")


class World:
    """Hooks of both kinds on one cloud and the process runner."""

    def __init__(self, folder: Path, parallel_jobs: int = 2) -> None:
        self.folder = folder
        self.settings = Settings(port=1, state_dir=folder / "state", stop_grace=5.0, parallel_jobs=parallel_jobs)
        (folder / "objects").mkdir()
        self.objects = MemoryObjects(folder / "objects")
        self.logs, self.metrics = MemoryLogs(), MemoryMetrics()
        self.clock = ShiftedClock()
        cloud = Cloud(self.objects, self.logs, self.metrics, MemoryEvents(), "http://127.0.0.1:1", None, None, None)
        image = folder / "containers" / "exam"
        image.mkdir(parents=True)
        (image / "image.toml").write_text(
            'name = "exam"\nrepositories = ["exam"]\nentrypoint = ["python", "main.py"]\ncommand = ["train"]\n'
        )
        (image / "main.py").write_text(RUN_HYPERPARAMETER)
        runner = ProcessRunner(self.settings, Images(folder / "containers"))
        runners = Runners("process", {"process": lambda: runner})
        services = (cloud, runners, self.settings, self.clock, Slots(parallel_jobs))
        self.training = TrainingJobHooks(*services)
        self.processing = ProcessingJobHooks(*services)

    def training_request(self, script: str, name: str = "job", **members: Any) -> dict[str, Any]:
        """A CreateTrainingJob that runs a Python script."""
        return {
            "TrainingJobName": name,
            "RoleArn": ROLE,
            "AlgorithmSpecification": {
                "TrainingImage": "1.dkr.ecr.eu-west-1.amazonaws.com/exam:1",
                "TrainingInputMode": "File",
            },
            "HyperParameters": {"script": script},
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            **members,
        }

    def processing_request(self, script: str, name: str = "job", **members: Any) -> dict[str, Any]:
        """A CreateProcessingJob that runs a Python script, from S3 as ScriptProcessor does."""
        self.objects.put("bucket", f"{name}/code/script.py", script.encode())
        code = processing_input("code", f"s3://bucket/{name}/code/script.py", "/opt/ml/processing/input/code")
        given = members.pop("ProcessingInputs", [])
        return {
            "ProcessingJobName": name,
            "RoleArn": ROLE,
            "AppSpecification": {
                "ImageUri": "exam",
                "ContainerEntrypoint": ["python", "/opt/ml/processing/input/code/script.py"],
            },
            "ProcessingInputs": [code, *given],
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
            **members,
        }

    async def create(self, kind: str, request: dict[str, Any]) -> MemoryResource:
        """What the engine does at Create."""
        hooks = self.hooks(kind)
        context = Context(REGION, "123456789012", self.clock.now(), NO_API)
        return MemoryResource(kind, request[f"{kind}Name"], await hooks.prepare(request, context))

    def hooks(self, kind: str) -> JobHooks:
        return self.training if kind == "TrainingJob" else self.processing

    def run(
        self,
        kind: str,
        request: dict[str, Any],
        meanwhile: Callable[[MemoryResource], Coroutine[Any, Any, None]] | None = None,
    ) -> MemoryResource:
        """Create a job and run it to its end; `meanwhile` runs beside it."""

        async def main() -> MemoryResource:
            resource = await self.create(kind, request)
            work = asyncio.create_task(self.hooks(kind).run(resource))
            if meanwhile is not None:
                await meanwhile(resource)
            await work
            return resource

        return asyncio.run(main())

    def train(self, script: str, **members: Any) -> MemoryResource:
        return self.run("TrainingJob", self.training_request(script, **members))

    def process(self, script: str, **members: Any) -> MemoryResource:
        return self.run("ProcessingJob", self.processing_request(script, **members))

    def lines(self, kind: str = "TrainingJob") -> dict[str, list[str]]:
        """Log lines by host; asserts the names that the SDKs look for."""
        found = {}
        for (region, group, stream), events in self.logs.streams.items():
            assert (region, group) == (REGION, f"/aws/sagemaker/{kind}s")
            host = stream.partition("/")[2].rpartition("-")[0]
            found[host] = [message for _, message in events]
        return found

    def archive(self, key: str) -> dict[str, bytes]:
        """Files of a tar.gz object."""
        with tarfile.open(fileobj=io.BytesIO(self.objects.read("bucket", key))) as tar:
            return {member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None}


def channel(
    name: str, uri: str, data_type: str = "S3Prefix", distribution: str = "FullyReplicated", **members: Any
) -> dict[str, Any]:
    """One entry of InputDataConfig."""
    source = {"S3DataType": data_type, "S3Uri": uri, "S3DataDistributionType": distribution}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}


def processing_input(name: str, uri: str, path: str, **members: Any) -> dict[str, Any]:
    """One entry of ProcessingInputs."""
    return {
        "InputName": name,
        "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File", **members},
    }


class _NoApi:
    async def call(self, operation: str, request: dict[str, Any], *, region: str) -> dict[str, Any]:
        raise AssertionError("jobs call no operations")


NO_API = _NoApi()


async def until(condition: Callable[[], Any], seconds: float = 15.0) -> None:
    """Wait for a condition; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.01)
