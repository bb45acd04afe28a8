"""The composition root: the only module that knows all others.

A request's way through the server is `Sageyard.__call__`, in the order in which it is tried.
"""

import asyncio
import logging
import os
from collections.abc import Coroutine
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sageyard.admin import Admin
from sageyard.aws import open_cloud
from sageyard.clock import ShiftedClock
from sageyard.coverage import Tables
from sageyard.environment import client_environment
from sageyard.jobs.processing import ProcessingJobHooks
from sageyard.jobs.slots import Slots
from sageyard.jobs.training import TrainingJobHooks
from sageyard.monitoring.schedules import MonitoringScheduleHooks
from sageyard.resources.derive import derive
from sageyard.resources.engine import Engine
from sageyard.resources.family import install
from sageyard.resources.operations import Operations
from sageyard.resources.runtime import RuntimeOperations
from sageyard.runners.process import ProcessRunner
from sageyard.sagemaker import (
    endpoint,
    experiments,
    job_definitions,
    lineage,
    model_registry,
    monitoring_schedule,
    processing_job,
    search,
    tags,
    training_job,
)
from sageyard.serving.endpoint import EndpointHooks
from sageyard.serving.front import InvocationProtocol
from sageyard.serving.router import INVOCATIONS
from sageyard.settings import Settings
from sageyard.store.resources import Resources
from sageyard.wire import control, model, rest_json
from sageyard.wire.asgi import Receive, Scope, Send, header
from sageyard.wire.rest_json import Routes
from sageyard.wire.signature import credential_scope

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 1.0


class Sageyard:
    """One server: an ASGI application with everything behind it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        self.store = Resources(settings.database)
        self.clock = ShiftedClock(float(self.store.fact("clock offset") or 0))
        self.mount, self.cloud = open_cloud(settings, self.clock)
        self.runner = ProcessRunner(settings)
        service = model.load("sagemaker")
        self.target = f"{service.target_prefix}.".encode()
        self.engine = Engine(self.store, self.clock, derive(service), settings.account_id, settings.quotas)

        jobs = (self.cloud, self.runner, settings, self.clock, Slots(settings.parallel_jobs), self.job_environment)
        self.endpoints = EndpointHooks(
            self.cloud, self.runner, settings, self.clock, self.job_environment, lambda: self.operations
        )
        self.schedules = MonitoringScheduleHooks(
            self.engine, self.cloud, self.clock, lambda: self.operations, self.endpoints.flush
        )
        families = install(
            self.engine,
            [
                training_job.family(TrainingJobHooks(*jobs)),
                processing_job.family(ProcessingJobHooks(*jobs)),
                endpoint.family(
                    endpoint.ModelHooks(self.cloud.objects),
                    self.endpoints,
                    self.endpoints.update_weights_and_capacities,
                ),
                job_definitions.family(),
                monitoring_schedule.family(self.schedules, self.engine),
                model_registry.family(self.engine),
                lineage.family(self.engine),
                experiments.family(self.engine),
                search.family(self.engine, service),
                tags.family(self.engine),
            ],
        )
        self.operations: Operations = Operations(service, self.engine, families.functions, families.refused)
        self.runtime = RuntimeOperations(self.operations, families.runtime, families.refused)
        self.routes = Routes(self.runtime.models.values())
        self.admin = Admin(self)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        path: str = scope["path"]
        target = header(scope, b"x-amz-target")
        credential = credential_scope(header(scope, b"authorization"), scope["query_string"])
        region = credential.region or self.settings.region
        if target is not None and target.startswith(self.target):
            operation = target.decode("latin-1").partition(".")[2]
            return await control.answer(self.operations, operation, region, scope, receive, send)
        if path.startswith("/endpoints/") and credential.service in {"sagemaker", ""}:
            return await self.endpoints.router(scope, receive, send, region)
        if credential.service == "sagemaker" and (route := self.routes.match(scope["method"], scope["raw_path"])):
            return await rest_json.answer(self.runtime, route, region, scope, receive, send)
        if path.startswith("/_sageyard/") or path == "/moto-api/reset":
            return await self.admin(scope, receive, send)
        return await self.mount(scope, receive, send)

    @property
    def tables(self) -> Tables:
        """Every operation of every service of SageMaker's, and what stands behind it."""
        dispatched = {"sagemaker": self.operations.table, **self.runtime.tables}
        return {"sagemaker-runtime": INVOCATIONS} | {
            service: {name: (operation.grade, operation.behind) for name, operation in table.items()}
            for service, table in dispatched.items()
        }

    def job_environment(self, region: str) -> dict[str, str]:
        """What points AWS clients inside a job at this server."""
        return client_environment(self.settings.endpoint_url, region, self.settings.state_dir, base={})

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run background work that ends with the server."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        """Take up what the last server left: captured data, jobs, endpoints, schedules."""
        await self.endpoints.start()
        self.engine.recover()
        for row in self.store.in_statuses("Endpoint", ["InService"]):
            if (resource := self.engine.resource(row.kind, row.region, row.name)) is not None:
                self.spawn(self.endpoints.resume(resource))
        self.spawn(self.schedules.run_ticker())
        self.spawn(self._checkpoint())

    async def _checkpoint(self) -> None:
        """Keep the database's log short, off the event loop."""
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            await asyncio.to_thread(self.store.database.checkpoint)

    async def close(self) -> None:
        """Stop all work; what was acknowledged is durable already."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.engine.close()
        await self.endpoints.close()
        await asyncio.to_thread(self.mount.close)
        self.store.database.close()

    async def reset(self) -> None:
        """Back to an empty account: running work is stopped, every resource and object forgotten."""
        await self.engine.close()
        await self.endpoints.close()
        self.store.clear()
        await asyncio.to_thread(self.mount.reset)
        await self.endpoints.start()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; the state directory admits one server at a time."""
    logging.basicConfig(level=os.environ.get("SAGEYARD_LOG_LEVEL", "INFO"), format="%(levelname)s %(name)s %(message)s")
    app = Sageyard(settings)
    control_plane = partial(control.ControlProtocol, app.operations, app.target, settings.region, HttpToolsProtocol)
    protocol = partial(InvocationProtocol, app.endpoints.router, settings.region, control_plane)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol,  # type: ignore[arg-type]  # uvicorn calls it as it would call a protocol class
        loop="auto",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
