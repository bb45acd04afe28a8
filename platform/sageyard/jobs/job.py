"""What training and processing jobs have in common: waiting for a slot, stopping, ending truthfully.

A job whose containers had started when the server ended is Failed, with a reason that says so: its work is lost. One
that had not started is simply run when the server is back.
"""

import asyncio
import logging
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sageyard.clock import Clock
from sageyard.cloud import Cloud, ObjectNotFoundError
from sageyard.errors import ResourceInUseError, ValidationError, is_storage_full
from sageyard.jobs.failure import REASON_LIMIT, JobFailedError
from sageyard.jobs.log_stream import Event, LogStream
from sageyard.jobs.slots import Slots
from sageyard.jobs.staging import NoObjectsError
from sageyard.jobs.warm_pool import WarmPools
from sageyard.resources.spec import Context, Document, Hooks, Resource
from sageyard.runners.base import ImageNotFoundError, Runner, StartError
from sageyard.runners.choice import Runners, UnknownRunnerError
from sageyard.settings import Settings
from sageyard.store.full_disk import saved

logger = logging.getLogger(__name__)

RESTARTED = "InternalServerError: The server was restarted while the job was running; its containers were ended with it"
SHUT_DOWN = "InternalServerError: The server was shut down while the job was running; its containers were ended first"


@dataclass(frozen=True, slots=True)
class Services:
    """What jobs work with."""

    cloud: Cloud
    runners: Runners
    settings: Settings
    clock: Clock
    slots: Slots
    pools: WarmPools


class Job(ABC):
    """One job, from its row to its end."""

    def __init__(self, services: Services, resource: Resource) -> None:
        self.services = services
        self.resource = resource
        self.request: Document = resource.document
        self.runner: Runner = services.runners.default
        self.runner_name: str | None = None
        self.stopping = asyncio.Event()
        self.folder = services.settings.work_dir / resource.kind / resource.region / resource.name

    @property
    @abstractmethod
    def image_uri(self) -> str:
        """The image that it runs."""

    @abstractmethod
    async def work(self, slot: int) -> None:
        """Stage, run, collect, and save the end; JobFailedError."""

    @abstractmethod
    def save_pending(self) -> None:
        """Other jobs take the whole machine."""

    @abstractmethod
    def save_stopping(self) -> None:
        """Stop was asked for."""

    @abstractmethod
    def save_stopped(self) -> None:
        """It ended because it was asked to, before its containers started."""

    @abstractmethod
    def save_failed(self, reason: str) -> None:
        """It failed; the reason has at most 1024 characters."""

    async def run(self) -> None:
        """Take the job to its end and leave nothing but its row, its logs and its objects."""
        if self.resource.private.get("started"):
            self.save_failed(RESTARTED)
        elif self.resource.status == "Stopping":
            self.save_stopped()
        else:
            try:
                await self._run()
            except JobFailedError as error:
                await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)  # it may be what fills the disk
                await saved(partial(self.save_failed, str(error)[:REASON_LIMIT]))
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    async def _run(self) -> None:
        try:
            runners = self.services.runners
            self.runner_name = runners.named(self.request.get("Environment") or {}, self.resource.tags)
            self.runner = await runners.get(self.runner_name)
            await asyncio.to_thread(self.runner.check, self.image_uri)
            async with self.services.slots.take(self.stopping, self.save_pending) as slot:
                if slot is None or self.stopping.is_set():
                    self.save_stopped()
                    return
                await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
                await self.work(slot)
        except asyncio.CancelledError:
            with suppress(LookupError):  # forgotten by a reset
                if self.resource.private.get("started"):
                    self.save_failed(SHUT_DOWN)
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        except (ImageNotFoundError, NoObjectsError, UnknownRunnerError) as error:
            raise JobFailedError(f"ClientError: {error}") from None
        except ObjectNotFoundError as error:
            raise JobFailedError(f"ClientError: No such bucket or object: {error}") from None
        except StartError as error:
            raise JobFailedError(f"InternalServerError: {error}") from None
        except OSError as error:
            logger.exception("%s failed", self.resource.arn)
            full = f"the disk of {self.services.settings.state_dir} is full: " if is_storage_full(error) else ""
            raise JobFailedError(f"InternalServerError: {full}{error}") from None

    def host_root(self, host: str) -> Path:
        """What the container of a host sees as /opt/ml."""
        return self.folder / host

    def run_name(self, host: str) -> str:
        """`TrainingJob/us-east-1/churn/algo-1`."""
        return f"{self.resource.kind}/{self.resource.region}/{self.resource.name}/{host}"

    def log_streams(
        self, group: str, hosts: Sequence[str], seen: Callable[[Sequence[Event]], None] | None = None
    ) -> list[LogStream]:
        """One stream a host, `<job>/<host>-<epoch>`; `seen` is shown the events, too."""
        services, epoch = self.services, int(self.services.clock.now())
        return [
            LogStream(
                services.cloud.logs,
                services.clock,
                self.resource.region,
                group,
                f"{self.resource.name}/{host}-{epoch}",
                seen,
            )
            for host in hosts
        ]

    def environment(self) -> dict[str, str]:
        """Variables for AWS clients and those of the request, which win."""
        given: dict[str, str] = self.request.get("Environment") or {}
        return self.runner.client_environment(self.resource.region) | given


class JobHooks(Hooks):
    """Hooks that keep a `Job` for every job that is not settled."""

    job: Callable[[Services, Resource], Job]

    def __init__(
        self,
        cloud: Cloud,
        runners: Runners,
        settings: Settings,
        clock: Clock,
        slots: Slots,
    ) -> None:
        self.services = Services(cloud, runners, settings, clock, slots, WarmPools(clock, settings.work_dir))
        self._running: dict[str, Job] = {}

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        """Run the job; one that a restart interrupted ends as Failed."""
        job = self._running[resource.arn] = type(self).job(self.services, resource)
        try:
            await job.run()
        finally:
            del self._running[resource.arn]

    async def stop(self, resource: Resource) -> None:
        """Make the containers end: SIGTERM, and SIGKILL after the settings' grace."""
        if (job := self._running.get(resource.arn)) is not None:
            job.save_stopping()
            job.stopping.set()

    def check_runner(self, request: Document, context: Context) -> None:
        """Refuse a request that names a runner which is none."""
        try:
            self.services.runners.named(request.get("Environment") or {}, context.tags)
        except UnknownRunnerError as error:
            raise ValidationError(f"{error}.") from None

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        """Only ended jobs can be deleted."""
        if resource.status in {"InProgress", "Stopping"}:
            raise ResourceInUseError(f"{resource.arn} is {resource.status}. Stop it, and delete it when it has ended")
