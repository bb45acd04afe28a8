"""Training jobs (your-algorithms-training-algo): channels in, a model out."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sageyard.cloud import split_s3_uri
from sageyard.errors import ResourceInUseError, ValidationError
from sageyard.jobs import layout, transitions
from sageyard.jobs.artifacts import has_files, pack
from sageyard.jobs.channels import training_source
from sageyard.jobs.cluster import End, Outcome, run_cluster
from sageyard.jobs.failure import JobFailedError, describe_exit
from sageyard.jobs.job import Job, JobHooks, Services
from sageyard.jobs.log_stream import Event, LogStream
from sageyard.jobs.metrics import JobMetrics, built_in_definitions
from sageyard.jobs.mirror import Mirror
from sageyard.jobs.staging import NoObjectsError, StagedObject, place, resolve, share
from sageyard.jobs.warm_pool import CACHE, WarmPool, matching, period
from sageyard.resources.spec import Context, Document, Resource
from sageyard.runners.base import RunRequest, Standby
from sageyard.runners.limits import capping, cpu_limit, has_gpu, memory_limit

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
CHECKPOINTS = "/opt/ml/checkpoints"
DEFAULT_SECONDS = 86400
TUNED = "_tuning_objective_metric"
"""The hyperparameter by which a tuning job names the metric that it follows."""
ENDS = {End.COMPLETED: "Completed", End.STOPPED: "Stopped", End.OUT_OF_TIME: "MaxRuntimeExceeded"}


class TrainingJob(Job):
    """One training job."""

    def __init__(self, services: Services, resource: Resource) -> None:
        super().__init__(services, resource)
        self.algorithm: Document = self.request["AlgorithmSpecification"]
        self.groups = layout.instance_groups(self.request["ResourceConfig"])
        self.hosts = [host for group in self.groups for host in group["hosts"]]
        objective = (self.request.get("HyperParameters") or {}).get(TUNED)
        self.metrics = JobMetrics(self.algorithm.get("MetricDefinitions") or [], objective)
        self.started_at: float | None = None
        self.slot = 0
        self.standbys: dict[str, Standby] = {}
        self.pool: WarmPool | None = None

    @property
    def image_uri(self) -> str:
        """The training image."""
        uri: str = self.algorithm["TrainingImage"]
        return uri

    async def work(self, slot: int) -> None:
        """Downloading, Training, Uploading, and the end; in a warm pool, if there is one."""
        self.slot = slot
        try:
            await self._work(await self._take_pool())
        finally:
            for standby in self.standbys.values():
                await standby.discard()

    async def run(self) -> None:
        """Take the job to its end, and keep its warm pool until another job takes it or its time is over."""
        try:
            await super().run()
        except asyncio.CancelledError:
            if self.pool is not None:
                await self.pool.end()
            raise
        if self.pool is not None:
            await self.pool.keep()

    async def _take_pool(self) -> Document:
        """Be the one that uses the resources of an ended job; the WarmPoolStatus, if there is to be one."""
        pool = self.services.pools.take(self._pool_key, self.image_uri, self.resource.name)
        if pool is not None:
            self.folder = pool.folder
            self.standbys = await pool.standbys()
        return {"WarmPoolStatus": {"Status": "InUse"}} if pool is not None or period(self.request) else {}

    @property
    def _pool_key(self) -> str:
        return matching(self.request, self.resource.region, type(self.runner).__name__)

    def _leave_pool(self, reason: str) -> Document:
        """The WarmPoolStatus of an ended job. What the algorithm or the request did wrong harms no pool
        (train-warm-pools-creation)."""
        if self.pool is not None:
            return {"WarmPoolStatus": {"Status": "Available"}}
        document = self.resource.document
        if "WarmPoolStatus" not in document and not (period(document) and self.started_at):
            return {}
        if not period(document) or not self.started_at or reason.startswith("InternalServerError"):
            return {"WarmPoolStatus": {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 0}}
        pool = self.pool = WarmPool(self.services.pools, self.resource, self._pool_key, self.image_uri)
        environment = self.runner.client_environment(self.resource.region)
        alike = {host: self._run_request(host, environment, self.slot) for host in self.hosts}
        requests = [
            replace(request, name=f"{pool.name}/{host}", root=pool.folder / host) for host, request in alike.items()
        ]
        pool.prepare(self.runner, requests, [self.host_root(host) for host in self.hosts])
        self.services.pools.add(pool)
        return {"WarmPoolStatus": {"Status": "Available"}}

    async def _work(self, members: Document) -> None:
        self.started_at = self.services.clock.now()
        self._enter("Downloading", TrainingStartTime=self.started_at, **members)
        await asyncio.to_thread(self._download)
        if self.stopping.is_set():
            self.save_stopped()
            return
        self._enter("Training", private={"started": True})
        outcome, logs = await self._train()
        finished: dict[str, Any] = {"FinalMetricDataList": self.metrics.final() or None}
        if outcome.failed is not None:
            self._end("Failed", "Failed", FailureReason=self._failure(outcome, logs), **finished)
            return
        if not self.stopping.is_set():
            self._enter("Uploading")
        uri = await asyncio.to_thread(self._upload)
        end = outcome.end if not self.stopping.is_set() else End.STOPPED
        status = "Completed" if end is End.COMPLETED else "Stopped"
        self._end(status, ENDS[end], ModelArtifacts={"S3ModelArtifacts": uri}, **finished)

    def save_pending(self) -> None:
        """SecondaryStatus Pending."""
        self._enter("Pending")

    def save_stopping(self) -> None:
        """SecondaryStatus Stopping."""
        self._enter("Stopping")

    def save_stopped(self) -> None:
        """Stopped, without artifacts."""
        self._end("Stopped", "Stopped")

    def save_failed(self, reason: str) -> None:
        """Failed, with the reason."""
        self._end("Failed", "Failed", FailureReason=reason)

    def _enter(
        self, secondary: str, status: str | None = None, private: Document | None = None, **members: Any
    ) -> None:
        before = self.resource.document.get("SecondaryStatusTransitions") or []
        after = transitions.enter(before, secondary, self.services.clock.now())
        self.resource.save(
            status=status, private=private, SecondaryStatus=secondary, SecondaryStatusTransitions=after, **members
        )

    def _end(self, status: str, secondary: str, **members: Any) -> None:
        members |= self._leave_pool(members.get("FailureReason", ""))
        now = self.services.clock.now()
        start = self.started_at or self.resource.document.get("TrainingStartTime")
        if start is not None:
            seconds = max(1, round(now - start))
            members |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds * len(self.hosts)}
        self._enter(secondary, status, TrainingEndTime=now, **members)

    def _download(self) -> None:
        """Configuration, channels and checkpoints of every host."""
        objects, request = self.services.cloud.objects, self.request
        default_mode = self.algorithm["TrainingInputMode"]
        channels = []
        for channel in request.get("InputDataConfig") or []:
            source = training_source(channel, default_mode)
            found = resolve(objects, source, self.resource.region, request.get("RoleArn", ""))
            channels.append((channel["ChannelName"], source, found))
        checkpoints = self._checkpoint_objects()
        for number, host in enumerate(self.hosts):
            root = self.host_root(host)
            if period(request):
                (root / CACHE).mkdir(parents=True, exist_ok=True)
            layout.write_training_files(root, request, host, self.groups, self.runner.network_interface)
            for name, source, found in channels:
                place(
                    objects,
                    share(found, source, number, len(self.hosts)),
                    root / "input" / "data" / name,
                    self.services.settings.largest_unpacked if source.compressed else None,
                )
            place(objects, checkpoints, self._checkpoint_folder(host))
        output, _ = self._artifact_place()
        objects.list(*output)  # a missing bucket is better found out before training than after

    async def _train(self) -> tuple[Outcome, list[LogStream]]:
        services, request = self.services, self.request
        loop = asyncio.get_running_loop()

        def scan(events: Sequence[Event]) -> None:
            """In a log stream's thread."""
            known = len(self.metrics.series)
            self.metrics.scan(events)
            if len(self.metrics.series) > known:
                loop.call_soon_threadsafe(self._show_objectives, list(self.metrics.series))

        logs = self.log_streams(LOG_GROUP, self.hosts, scan)
        for host, log in zip(self.hosts, logs, strict=True):
            if (line := capping(self._group(host)["instance_type"])) is not None:
                log.note(line)
        environment = self.environment() | {
            "TRAINING_JOB_NAME": self.resource.name,
            "TRAINING_JOB_ARN": self.resource.arn,
        }
        async with AsyncExitStack() as ending:
            ending.push_async_callback(self._publish_metrics)
            for log in logs:
                ending.push_async_callback(log.close)
            mirrors = [mirror for host in self.hosts if (mirror := self._checkpoint_mirror(host)) is not None]
            followers = [asyncio.create_task(mirror.follow()) for mirror in mirrors]
            try:
                outcome = await run_cluster(
                    self.runner,
                    [
                        (self._run_request(host, environment, self.slot), log.write)
                        for host, log in zip(self.hosts, logs, strict=True)
                    ],
                    self.stopping,
                    seconds=(request.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", DEFAULT_SECONDS),
                    grace=services.settings.stop_grace,
                    standbys=self.standbys,
                )
            finally:
                for follower in followers:
                    follower.cancel()
            for mirror in mirrors:
                await asyncio.to_thread(mirror.scan, ended=True)
        return outcome, logs

    def _show_objectives(self, values: list[float]) -> None:
        """Let the tuning job see its metric while the job runs."""
        if self.resource.exists:
            self.resource.save(private={"objectives": values})

    def _run_request(self, host: str, environment: dict[str, str], slot: int) -> RunRequest:
        entrypoint = self.algorithm.get("ContainerEntrypoint")
        arguments = self.algorithm.get("ContainerArguments")
        instance_type = self._group(host)["instance_type"]
        return RunRequest(
            name=self.run_name(host),
            image_uri=self.image_uri,
            root=self.host_root(host),
            arguments=tuple(arguments) if arguments else None if entrypoint else ("train",),
            entrypoint=tuple(entrypoint) if entrypoint else None,
            environment=environment,
            hostname=host,
            hosts=layout.host_addresses(self.hosts, slot),
            memory=memory_limit(instance_type),
            cpus=cpu_limit(instance_type),
            gpus=has_gpu(instance_type),
            network=not self.request.get("EnableNetworkIsolation", False),
        )

    def _group(self, host: str) -> Document:
        return next(group for group in self.groups if host in group["hosts"])

    async def _publish_metrics(self) -> None:
        cloud = self.services.cloud
        await asyncio.to_thread(self.metrics.publish, cloud.metrics, self.resource.region, self.resource.name)

    def _failure(self, outcome: Outcome, logs: list[LogStream]) -> str:
        number = outcome.failed or 0
        failure = self.host_root(self.hosts[number]) / "output" / "failure"
        return describe_exit(outcome.exits[number], failure, logs[number].last_lines)

    def _artifact_place(self) -> tuple[tuple[str, str], str]:
        """(bucket, key prefix) and URI of `<S3OutputPath>/<job>/output`."""
        path = self.request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        uri = f"{path}/{self.resource.name}/output"
        return split_s3_uri(uri), uri

    def _upload(self) -> str:
        """Upload the artifacts and return the model's URI."""
        objects = self.services.cloud.objects
        (bucket, prefix), uri = self._artifact_place()
        for folder, name in (("output/data", "output"), ("model", "model")):
            folders = [self.host_root(host) / folder for host in self.hosts]
            if name == "output" and not has_files(folders):
                continue
            if self.request["OutputDataConfig"].get("CompressionType") == "NONE":
                for each in reversed(folders):  # where two hosts wrote the same name the first has it
                    Mirror(objects, each, bucket, f"{prefix}/{name}", self.folder).scan(ended=True)
                continue
            archive = self.folder / f"{name}.tar.gz"
            pack(folders, archive)
            objects.put(bucket, f"{prefix}/{name}.tar.gz", archive, "application/x-tar")
        compressed = self.request["OutputDataConfig"].get("CompressionType") != "NONE"
        return f"{uri}/model.tar.gz" if compressed else f"{uri}/model/"

    def _checkpoint_folder(self, host: str) -> Path:
        path = (self.request.get("CheckpointConfig") or {}).get("LocalPath") or CHECKPOINTS
        return layout.host_path(self.host_root(host), path)

    def _checkpoint_objects(self) -> list[StagedObject]:
        if not (config := self.request.get("CheckpointConfig")):
            return []
        bucket, prefix = split_s3_uri(config["S3Uri"])
        prefix = f"{prefix.rstrip('/')}/" if prefix else ""
        found = self.services.cloud.objects.list(bucket, prefix)
        return [StagedObject(bucket, each.key, each.key[len(prefix) :]) for each in found if each.key[-1] != "/"]

    def _checkpoint_mirror(self, host: str) -> Mirror | None:
        if not (config := self.request.get("CheckpointConfig")):
            return None
        bucket, prefix = split_s3_uri(config["S3Uri"])
        mirror = Mirror(
            self.services.cloud.objects, self._checkpoint_folder(host), bucket, prefix, self.folder, deletes=True
        )
        mirror.keep()
        return mirror


class TrainingJobHooks(JobHooks):
    """Behaviour of TrainingJob."""

    job = TrainingJob

    async def prepare(self, request: Document, context: Context) -> Document:
        """Refuse what cannot be trained here and add what DescribeTrainingJob shows besides the request."""
        self.check_runner(request, context)
        algorithm = request.get("AlgorithmSpecification") or {}
        if not algorithm.get("TrainingImage"):
            raise ValidationError(
                "AlgorithmSpecification.TrainingImage is required here: algorithm resources and serverless jobs "
                "cannot be run. Name the image that the algorithm consists of"
            )
        resources = request.get("ResourceConfig") or {}
        if "InstanceGroups" not in resources and not {"InstanceType", "InstanceCount"} <= resources.keys():
            raise ValidationError("ResourceConfig needs InstanceType and InstanceCount, or InstanceGroups")
        definitions = [*built_in_definitions(algorithm["TrainingImage"]), *(algorithm.get("MetricDefinitions") or [])]
        JobMetrics(definitions)  # refuses a pattern that is none
        _check_paths(request)
        sources = [
            training_source(channel, algorithm["TrainingInputMode"]) for channel in request.get("InputDataConfig") or []
        ]
        objects = self.services.cloud.objects
        for source in sources:
            with suppress(JobFailedError):  # a bad manifest fails the job, as it does on AWS
                try:
                    await asyncio.to_thread(resolve, objects, source, context.region, request.get("RoleArn", ""))
                except NoObjectsError as error:
                    raise ValidationError(str(error)) from None
        switches = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")
        return {
            **dict.fromkeys(switches, False),
            "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_SECONDS},
            **request,
            "AlgorithmSpecification": algorithm | ({"MetricDefinitions": definitions} if definitions else {}),
            "OutputDataConfig": {"KmsKeyId": "", "CompressionType": "GZIP", **request["OutputDataConfig"]},
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "SecondaryStatusTransitions": transitions.enter([], "Starting", context.now),
        }

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        """Only ended jobs without a warm pool can be deleted."""
        await super().prepare_delete(resource, context)
        if (resource.document.get("WarmPoolStatus") or {}).get("Status") == "Available":
            raise ResourceInUseError(
                f"{resource.arn} retains a warm pool. End it with UpdateTrainingJob and "
                "ResourceConfig.KeepAlivePeriodInSeconds 0, and delete the job when WarmPoolStatus is Terminated"
            )


def _check_paths(request: Document) -> None:
    checkpoints = request.get("CheckpointConfig") or {}
    for name, uri in (
        ("OutputDataConfig.S3OutputPath", (request.get("OutputDataConfig") or {}).get("S3OutputPath", "")),
        *([("CheckpointConfig.S3Uri", checkpoints["S3Uri"])] if checkpoints else []),
    ):
        try:
            split_s3_uri(uri)
        except ValueError as error:
            raise ValidationError(f"{name}: {error}") from None
    path = checkpoints.get("LocalPath") or CHECKPOINTS
    if not path.startswith("/opt/ml/") or ".." in path.split("/"):
        raise ValidationError(f"CheckpointConfig.LocalPath {path!r} must lie below '/opt/ml/'")
