"""Transform jobs: instances of a model are started, objects pass through them record by record, outputs are written.

Contract: developer guide, Use Your Own Inference Code with Batch Transform; API reference: CreateTransformJob.
"""

import asyncio
import json
import shutil
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from sageyard.cloud import ObjectNotFoundError, split_s3_uri
from sageyard.errors import AwsError, ResourceInUseError, ValidationError
from sageyard.resources.spec import Api, Context, Document, Hooks, Resource
from sageyard.serving.connection import Answer, BrokenConnectionError
from sageyard.serving.deployment import VariantPlan, plan_variant
from sageyard.serving.fleet import DeploymentError, Owner, Variant, Yard
from sageyard.serving.instance import ContainerTimeoutError, Instance
from sageyard.serving.log_stream import LogStream
from sageyard.serving.model_package import definitions
from sageyard.serving.transform.capture import BatchCapture, check_capture
from sageyard.serving.transform.data_processing import DataProcessing, JoinError, answers
from sageyard.serving.transform.inputs import Input, inputs
from sageyard.serving.transform.json_path import PathError
from sageyard.serving.transform.records import MIB, RecordError, payloads, records, separator

LOG_GROUP = "/aws/sagemaker/TransformJobs"
DEFAULT_PAYLOAD = 6
DEFAULT_TIMEOUT = 600
LARGEST_TOTAL = 100
"""MB that all concurrent payloads may have together."""
STRATEGIES = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD", "SINGLE_RECORD": "SingleRecord",
              "MULTI_RECORD": "MultiRecord"}  # fmt: skip
REASON_LIMIT = 1024
RESTARTED = "InternalServerError: The server was restarted while the job was running; its containers were ended with it"


class ObjectFailedError(Exception):
    """One object could not be transformed; the others still are."""


class TransformJob:
    """One transform job."""

    def __init__(self, yard: Yard, api: Api, resource: Resource, folder: Path) -> None:
        self.yard = yard
        self.api = api
        self.resource = resource
        self.request: Document = resource.document
        self.folder = folder
        self.stopping = asyncio.Event()
        self.input: Document = self.request["TransformInput"]
        self.output: Document = self.request["TransformOutput"]
        self.client: Document = self.request.get("ModelClientConfig", {})
        self.data_log = self._log("data-log")
        config = self.request.get("DataCaptureConfig")
        started = self.request["TransformStartTime"]
        self.capture = BatchCapture(config, resource.name, started) if config else None

    async def run(self) -> tuple[str, str | None]:
        """The job's last status and, where it failed, the reason."""
        try:
            found = await asyncio.to_thread(inputs, self.yard.cloud.objects, self.input["DataSource"]["S3DataSource"])
            await asyncio.to_thread(self.yard.cloud.objects.list, *split_s3_uri(self.output["S3OutputPath"]))
            if self.capture is not None:
                await self._check_destination(self.capture)
            plan = await self._plan()
            async with self._instances(plan) as instances:
                shares = [
                    self._share(instance, found[number :: len(instances)]) for number, instance in enumerate(instances)
                ]
                failures = [failure for share in await asyncio.gather(*shares) for failure in share]
            if self.capture is not None and not failures and not self.stopping.is_set():
                target = self.output["S3OutputPath"]
                await asyncio.to_thread(self.capture.write, self.yard.cloud.objects, found, target)
        except ObjectNotFoundError as error:
            return "Failed", f'ClientError: No S3 objects found under S3 URL "{error}" given in input data source.'
        except (DeploymentError, AwsError, ValueError) as error:
            return "Failed", f"ClientError: {error}"
        finally:
            await self.data_log.flush()
        if self.stopping.is_set():
            return "Stopped", None
        return ("Failed", failures[0]) if failures else ("Completed", None)

    async def _check_destination(self, capture: BatchCapture) -> None:
        """Before the work: a bucket that is missing raises ValueError."""
        try:
            await asyncio.to_thread(self.yard.cloud.objects.list, capture.bucket, capture.prefix)
        except ObjectNotFoundError:
            raise ValueError(
                f"DataCaptureConfig.DestinationS3Uri names bucket {capture.bucket}, which does not exist: create it."
            ) from None

    async def _plan(self) -> VariantPlan:
        """The model's containers with the variables of batch transform."""
        region, name = self.resource.region, self.request["ModelName"]
        model = await self.api.call("DescribeModel", {"ModelName": name}, region=region)
        model["Containers"] = await definitions(self.api, model, region)
        count = self.request["TransformResources"]["InstanceCount"]
        variant = {"VariantName": "transform", "InitialInstanceCount": count}
        variant["InstanceType"] = self.request["TransformResources"]["InstanceType"]
        plan = plan_variant(variant, model)
        variables = {"SAGEMAKER_BATCH": "true"}
        if "MaxPayloadInMB" in self.request:
            variables["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(self.request["MaxPayloadInMB"])
        if "BatchStrategy" in self.request:
            variables["SAGEMAKER_BATCH_STRATEGY"] = STRATEGIES[self.request["BatchStrategy"]]
        if self.request.get("MaxConcurrentTransforms"):
            variables["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(self.request["MaxConcurrentTransforms"])
        own = variables | self.request.get("Environment", {})
        containers = tuple(replace(one, environment=one.environment | own) for one in plan.containers)
        return replace(plan, containers=containers)

    @asynccontextmanager
    async def _instances(self, plan: VariantPlan) -> AsyncIterator[list[Instance]]:
        epoch = int(self.yard.clock.now())
        owner = Owner(
            run=f"TransformJob/{self.resource.region}/{self.resource.name}",
            shown=f"transform job {self.resource.name}",
            noun="job",
            log_group=LOG_GROUP,
            log_stream=f"{self.resource.name}/{{}}-{epoch}",
        )
        timeout = float(self.client.get("InvocationsTimeoutInSeconds", DEFAULT_TIMEOUT))
        yard = replace(await self.yard.chosen(plan, self.resource.tags), invocation_timeout=timeout)
        variant = Variant(yard, plan, self.resource.name, self.resource.region, self.folder / "instances", None, owner)
        try:
            await self._unless_stopped(variant.start())
            yield variant.instances
        finally:
            await asyncio.gather(*(instance.stop() for instance in variant.instances))

    async def _unless_stopped(self, work: Any) -> None:
        """Wait for the instances, no longer than until the job is stopped."""
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
            await asyncio.gather(task, return_exceptions=self.stopping.is_set())
        finally:
            stop.cancel()

    # -- one instance's share -------------------------------------------------------------------------------------

    async def _share(self, instance: Instance, found: list[Input]) -> list[str]:
        """Transform these objects one after the other; answers why some failed."""
        how = await self._execution_parameters(instance) if found and not self.stopping.is_set() else {}
        failures = []
        for one in found:
            if self.stopping.is_set():
                break
            try:
                await self._transform(instance, one, how)
            except ObjectFailedError as error:
                reason = f"s3://{one.bucket}/{one.key}: {error}"
                self.data_log.write([f"[sagemaker logs]: {reason}"])
                failures.append(f"AlgorithmError: {reason}"[:REASON_LIMIT])
        return failures

    async def _execution_parameters(self, instance: Instance) -> Document:
        """What the container says of itself at /execution-parameters; nothing where it does not."""
        head = b"GET /execution-parameters HTTP/1.1\r\nHost: localhost\r\n\r\n"
        try:
            answer = await instance.containers[0].exchange(head, b"", 10.0)
            told = json.loads(answer.body) if answer.status == 200 else {}
        except (BrokenConnectionError, TimeoutError, ValueError):
            told = {}
        return told if isinstance(told, dict) else {}

    async def _transform(self, instance: Instance, one: Input, how: Document) -> None:
        """One object to its `.out`, which appears complete or not at all."""
        objects = self.yard.cloud.objects
        at_once = int(self.request.get("MaxConcurrentTransforms") or how.get("MaxConcurrentTransforms") or 1)
        target = self.folder / f"{uuid4().hex}.out"
        waiting: deque[asyncio.Task[bytes]] = deque()
        try:
            with await asyncio.to_thread(target.open, "wb") as file:
                batches = self._batches(objects.path(one.bucket, one.key), how)
                more = True
                while more or waiting:
                    while more and len(waiting) < at_once and not self.stopping.is_set():
                        batch = await asyncio.to_thread(next, batches, None)
                        more = batch is not None
                        if batch is not None:
                            waiting.append(asyncio.create_task(self._infer(instance, batch)))
                    if self.stopping.is_set():
                        return
                    if waiting:
                        file.write(await waiting.popleft())
            bucket, prefix = split_s3_uri(self.output["S3OutputPath"])
            key = f"{prefix.rstrip('/')}/{one.relative}.out".lstrip("/")
            await asyncio.to_thread(objects.put, bucket, key, target)
        except (RecordError, JoinError, PathError) as error:
            raise ObjectFailedError(str(error)) from None
        except ObjectNotFoundError as error:
            raise ObjectFailedError(f"No such object: {error}") from None
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            target.unlink(missing_ok=True)

    def _batches(self, path: Path, how: Document) -> Iterator[list[bytes]]:
        split = self.input.get("SplitType", "None")
        strategy = self.request.get("BatchStrategy") or STRATEGIES.get(how.get("BatchStrategy", ""), "MultiRecord")
        limit = self.request.get("MaxPayloadInMB", how.get("MaxPayloadInMB", DEFAULT_PAYLOAD))
        found = records(path, split, self.input.get("CompressionType", "None"))
        return payloads(found, split, strategy, int(limit or 0) * MIB)

    async def _infer(self, instance: Instance, batch: list[bytes]) -> bytes:
        """What is written for a batch of records; ObjectFailedError."""
        split = separator(self.input.get("SplitType", "None"))
        content_type = self.input.get("ContentType", "")
        processing = DataProcessing(self.request.get("DataProcessing", {}), content_type)
        body = split.join(processing.seen(record) for record in batch)
        answer = await self._invoke(instance, content_type, body)
        assemble = b"\n" if self.output.get("AssembleWith") == "Line" else b""
        if self.capture is not None and self.capture.identifies:
            return self._identified(self.capture, processing, batch, answer)
        if not processing.by_record:
            return answer.body.rstrip(b"\n") + assemble if assemble else answer.body
        return b"".join(one + (assemble or split) for one in _kept(processing, batch, answer.body))

    def _identified(
        self, capture: BatchCapture, processing: DataProcessing, batch: list[bytes], answer: Answer
    ) -> bytes:
        """What is written where each record gets an inference id: a record a line, whatever AssembleWith says."""
        told = next((value.decode("latin-1") for name, value in answer.headers if name == b"content-type"), "")
        if processing.by_record:
            kind = self.input.get("ContentType", "")
            found = [one for kept in _kept(processing, batch, answer.body) for one in capture.identified(kept, kind)]
        else:
            found = capture.identified(answer.body, told or self.output.get("Accept", ""))
        return b"".join(one + b"\n" for one in found)

    async def _invoke(self, instance: Instance, content_type: str, body: bytes) -> Answer:
        headers = f"Accept: {self.output['Accept']}\r\n".encode() if "Accept" in self.output else b""
        kind = content_type.encode() or None
        reason = ""
        for _ in range(1 + int(self.client.get("InvocationsMaxRetries", 0))):
            try:
                answer, _container = await instance.invoke(kind, headers, body, None, fresh=False)
            except ContainerTimeoutError:
                reason = f"the model did not answer within {instance.timeout:g} s"
                continue
            except BrokenConnectionError as error:
                reason = f"the connection to the model broke: {error}"
                continue
            if 200 <= answer.status < 300:
                return answer
            reason = f"the model answered {answer.status}: {answer.body[:200].decode(errors='replace')}"
            if answer.status < 500:
                break
        raise ObjectFailedError(reason)

    def _log(self, name: str) -> LogStream:
        stream = f"{self.resource.name}/{name}"
        return LogStream(self.yard.cloud.logs, self.yard.clock, self.resource.region, LOG_GROUP, stream)


def _kept(processing: DataProcessing, batch: list[bytes], answer: bytes) -> list[bytes]:
    return [processing.kept(*pair) for pair in zip(batch, answers(answer, len(batch)), strict=True)]


class TransformJobHooks(Hooks):
    """Runs transform jobs; `api` answers SageMaker's operations once they exist."""

    def __init__(self, yard: Yard, api: Callable[[], Api], work_dir: Path) -> None:
        self.yard = yard
        self.api = api
        self.work_dir = work_dir
        self._running: dict[str, TransformJob] = {}

    async def prepare(self, request: Document, context: Context) -> Document:
        self.yard.check_runner(request.get("Environment", {}), context.tags)
        payload, at_once = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD), request.get("MaxConcurrentTransforms") or 1
        if payload * at_once > LARGEST_TOTAL:
            raise ValidationError(
                f"MaxConcurrentTransforms {at_once} times MaxPayloadInMB {payload} is more than {LARGEST_TOTAL} MB: "
                "lower one of them."
            )
        config = request.get("DataProcessing", {})
        content_type = request["TransformInput"].get("ContentType", "")
        try:
            DataProcessing(config, content_type)
        except PathError as error:
            raise ValidationError(f"DataProcessing: {error}.") from None
        if config.get("JoinSource") == "Input" and not content_type.startswith(("text/csv", "application/json")):
            raise ValidationError(
                f"JoinSource Input needs ContentType text/csv, application/json or application/jsonlines, not "
                f"{content_type!r}."
            )
        check_capture(request)
        return request

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        if resource.private.get("started"):
            self._end(resource, "Failed", RESTARTED)
            return
        if resource.status == "Stopping":
            self._end(resource, "Stopped", None)
            return
        folder = self.work_dir / resource.kind / resource.region / resource.name
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        resource.save(private={"started": True}, TransformStartTime=self.yard.clock.now())
        job = self._running[resource.arn] = TransformJob(self.yard, self.api(), resource, folder)
        try:
            status, reason = await job.run()
        finally:
            del self._running[resource.arn]
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        self._end(resource, status, reason)

    async def stop(self, resource: Resource) -> None:
        if (job := self._running.get(resource.arn)) is not None:
            job.stopping.set()

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        if resource.status in {"InProgress", "Stopping"}:
            raise ResourceInUseError(f"{resource.arn} is {resource.status}. Stop it, and delete it when it has ended")

    def _end(self, resource: Resource, status: str, reason: str | None) -> None:
        reason = reason[:REASON_LIMIT] if reason else None
        resource.save(status=status, FailureReason=reason, TransformEndTime=self.yard.clock.now())
