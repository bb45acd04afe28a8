"""Processing jobs (build-your-own-processing-container): a script between S3 and S3."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from sageyard.cloud import split_s3_uri
from sageyard.errors import ValidationError
from sageyard.jobs import container_metrics, layout
from sageyard.jobs.channels import check_processing_path, processing_source
from sageyard.jobs.cluster import End, Outcome, run_cluster
from sageyard.jobs.failure import JobFailedError, describe_exit
from sageyard.jobs.job import Job, JobHooks, Services
from sageyard.jobs.log_stream import LogStream
from sageyard.jobs.mirror import Mirror
from sageyard.jobs.staging import NoObjectsError, place, resolve, share
from sageyard.resources.spec import Context, Document, Resource
from sageyard.runners.base import RunRequest
from sageyard.runners.limits import capping, cpu_limit, has_gpu, memory_limit

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
MESSAGE_LIMIT = 1024
DEFAULT_SECONDS = 86400


class ProcessingJob(Job):
    """One processing job."""

    def __init__(self, services: Services, resource: Resource) -> None:
        super().__init__(services, resource)
        self.application: Document = self.request["AppSpecification"]
        self.resources: Document = self.request["ProcessingResources"]["ClusterConfig"]
        self.hosts = layout.host_names(self.resources["InstanceCount"])

    @property
    def image_uri(self) -> str:
        """The processing image."""
        uri: str = self.application["ImageUri"]
        return uri

    async def work(self, slot: int) -> None:
        """Stage the inputs, run, upload the outputs, and the end."""
        self.resource.save(ProcessingStartTime=self.services.clock.now())
        await asyncio.to_thread(self._download)
        if self.stopping.is_set():
            self.save_stopped()
            return
        self.resource.save(private={"started": True})
        continuous = self._mirrors("Continuous")
        outcome, logs = await self._process(slot, continuous)
        for mirror in continuous:
            await asyncio.to_thread(mirror.scan, ended=True)
        if outcome.end is End.COMPLETED:
            for mirror in self._mirrors("EndOfJob"):
                await asyncio.to_thread(mirror.scan, ended=True)
        await asyncio.to_thread(self._publish_metrics)
        message = self._exit_message()
        if outcome.failed is not None:
            reason = describe_exit(outcome.exits[outcome.failed], None, logs[outcome.failed].last_lines)
            self._end("Failed", FailureReason=reason, ExitMessage=message)
        elif outcome.end is End.OUT_OF_TIME:
            reason = f"ClientError: The job was stopped: it exceeded its MaxRuntimeInSeconds of {self._seconds()}"
            self._end("Stopped", FailureReason=reason, ExitMessage=message)
        else:
            stopped = outcome.end is End.STOPPED or self.stopping.is_set()
            self._end("Stopped" if stopped else "Completed", ExitMessage=message)

    def save_pending(self) -> None:
        """Processing jobs have no status for it."""

    def save_stopping(self) -> None:
        """The engine has saved it."""

    def save_stopped(self) -> None:
        """Stopped, without outputs."""
        self._end("Stopped")

    def save_failed(self, reason: str) -> None:
        """Failed, with the reason."""
        self._end("Failed", FailureReason=reason)

    def _end(self, status: str, **members: Any) -> None:
        self.resource.save(status=status, ProcessingEndTime=self.services.clock.now(), **members)

    def _seconds(self) -> int:
        seconds: int = (self.request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DEFAULT_SECONDS)
        return seconds

    def _download(self) -> None:
        """Configuration and inputs of every host."""
        objects, request = self.services.cloud.objects, self.request
        inputs = []
        for entry in request.get("ProcessingInputs") or []:
            if (staged := processing_source(entry)) is not None:
                source, path = staged
                found = resolve(objects, source, self.resource.region, request.get("RoleArn", ""))
                inputs.append((source, path, found))
        for number, host in enumerate(self.hosts):
            root = self.host_root(host)
            layout.write_processing_files(root, request, self.resource.arn, host, self.hosts)
            for source, path, found in inputs:
                place(
                    objects,
                    share(found, source, number, len(self.hosts)),
                    layout.host_path(root, path),
                    self.services.settings.largest_unpacked if source.compressed else None,
                )
            for output in _s3_outputs(request):
                layout.host_path(root, output["LocalPath"]).mkdir(parents=True, exist_ok=True)
        for output in _s3_outputs(request):
            objects.list(*split_s3_uri(output["S3Uri"]))  # a missing bucket is better found out before than after

    def _mirrors(self, mode: str) -> list[Mirror]:
        mirrors = []
        for output in _s3_outputs(self.request):
            if output["S3UploadMode"] == mode:
                bucket, prefix = split_s3_uri(output["S3Uri"])
                for host in self.hosts:
                    folder = layout.host_path(self.host_root(host), output["LocalPath"])
                    mirrors.append(Mirror(self.services.cloud.objects, folder, bucket, prefix, self.folder))
        return mirrors

    async def _process(self, slot: int, continuous: list[Mirror]) -> tuple[Outcome, list[LogStream]]:
        services = self.services
        logs = self.log_streams(LOG_GROUP, self.hosts)
        if (line := capping(self.resources["InstanceType"])) is not None:
            for log in logs:
                log.note(line)
        environment = self.environment()
        async with AsyncExitStack() as ending:
            for log in logs:
                ending.push_async_callback(log.close)
            followers = [asyncio.create_task(mirror.follow()) for mirror in continuous]
            for follower in followers:
                ending.callback(follower.cancel)
            outcome = await run_cluster(
                self.runner,
                [
                    (self._run_request(host, environment, slot), log.write)
                    for host, log in zip(self.hosts, logs, strict=True)
                ],
                self.stopping,
                seconds=self._seconds(),
                grace=services.settings.stop_grace,
            )
        return outcome, logs

    def _run_request(self, host: str, environment: dict[str, str], slot: int) -> RunRequest:
        entrypoint = self.application.get("ContainerEntrypoint")
        arguments = self.application.get("ContainerArguments")
        isolated = (self.request.get("NetworkConfig") or {}).get("EnableNetworkIsolation", False)
        return RunRequest(
            name=self.run_name(host),
            image_uri=self.image_uri,
            root=self.host_root(host),
            arguments=tuple(arguments) if arguments else None,
            entrypoint=tuple(entrypoint) if entrypoint else None,
            environment=environment,
            hostname=host,
            hosts=layout.host_addresses(self.hosts, slot),
            memory=memory_limit(self.resources["InstanceType"]),
            cpus=cpu_limit(self.resources["InstanceType"]),
            gpus=has_gpu(self.resources["InstanceType"]),
            network=not isolated,
        )

    def _publish_metrics(self) -> None:
        environment = self.request.get("Environment") or {}
        for host in self.hosts:
            container_metrics.publish(
                self.host_root(host),
                self.services.cloud.metrics,
                self.resource.region,
                environment,
                self.services.clock.now(),
            )

    def _exit_message(self) -> str | None:
        """The first kilobyte of every host's /opt/ml/output/message, one after the other."""
        message = b""
        for host in self.hosts:
            path = self.host_root(host) / "output" / "message"
            if path.is_file():
                with path.open("rb") as file:
                    message += file.read(MESSAGE_LIMIT)
        try:
            return message.decode()[:MESSAGE_LIMIT] or None
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data" and len(message) >= MESSAGE_LIMIT:
                return message.decode(errors="ignore")[:MESSAGE_LIMIT]  # cut within a character
            raise JobFailedError("ClientError: /opt/ml/output/message is not valid UTF-8") from None


class ProcessingJobHooks(JobHooks):
    """Behaviour of ProcessingJob."""

    job = ProcessingJob

    async def prepare(self, request: Document, context: Context) -> Document:
        """Refuse what cannot be run here and add what DescribeProcessingJob shows besides the request."""
        self.check_runner(request, context)
        inputs = request.get("ProcessingInputs") or []
        outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
        _check_names("ProcessingInputs", [entry["InputName"] for entry in inputs])
        _check_names("ProcessingOutputConfig.Outputs", [entry["OutputName"] for entry in outputs])
        sources = [staged[0] for entry in inputs if (staged := processing_source(entry)) is not None]
        for entry in outputs:
            _check_output(entry)
        objects = self.services.cloud.objects
        for source in sources:
            if source.manifest:
                continue  # a bad one fails the job
            try:
                await asyncio.to_thread(resolve, objects, source, context.region, request.get("RoleArn", ""))
            except NoObjectsError as error:
                raise ValidationError(str(error)) from None
        return {
            "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_SECONDS},
            **request,
            "ProcessingResources": {"ClusterConfig": _cluster(request["ProcessingResources"]["ClusterConfig"])},
            "ProcessingJobStatus": "InProgress",
        }


def _cluster(config: Document) -> Document:
    """With the count that the API reference takes for granted, and with the first of the preferred instance types:
    it always has capacity here."""
    preferences = config.get("InstancePreferences")
    if ("InstanceType" in config) == bool(preferences):
        raise ValidationError("ProcessingResources.ClusterConfig needs either InstanceType or InstancePreferences")
    if not preferences:
        return {"InstanceCount": 1, **config}
    counts = [preference["InstanceCount"] for preference in preferences if "InstanceCount" in preference]
    if len(counts) + len(preferences) * ("InstanceCount" in config) != len(preferences):
        raise ValidationError(
            "ProcessingResources.ClusterConfig needs InstanceCount either once or in every item of InstancePreferences"
        )
    count = config.get("InstanceCount") or counts[0]
    selected = {"SelectedInstanceType": preferences[0]["InstanceType"], "SelectedInstanceCount": count}
    return {**config, **selected, "InstanceCount": count}


def _s3_outputs(request: Document) -> list[Document]:
    """The S3Output of every output that is not the application's own business."""
    outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    return [entry["S3Output"] for entry in outputs if "S3Output" in entry and not entry.get("AppManaged")]


def _check_names(member: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValidationError(f"{member}: the name {name!r} is used {names.count(name)} times; names must differ")


def _check_output(entry: Document) -> None:
    what = f"Processing output {entry['OutputName']!r}"
    if entry.get("AppManaged"):
        return
    if "S3Output" not in entry:
        raise ValidationError(f"{what}: FeatureStoreOutput is not supported here. Write to S3Output instead")
    check_processing_path(what, entry["S3Output"].get("LocalPath") or "")
    try:
        split_s3_uri(entry["S3Output"]["S3Uri"])
    except ValueError as error:
        raise ValidationError(f"{what}: {error}") from None
