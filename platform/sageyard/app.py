"""The composition root: the only module that knows all others.

A request's way through the server is `Sageyard.__call__`, in the order in which it is tried.
"""

import asyncio
import logging
import os
import socket
import sqlite3
import sys
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sageyard.admin import Admin
from sageyard.automl.job import AutoMLJobHooks
from sageyard.aws import open_cloud
from sageyard.clock import ShiftedClock
from sageyard.coverage import Tables
from sageyard.events.event_bridge import EventBridge
from sageyard.featurestore.feature_store import FeatureStore
from sageyard.functions.destinations import Destinations
from sageyard.functions.lambda_service import LambdaService
from sageyard.jobs.processing import ProcessingJobHooks
from sageyard.jobs.slots import Slots
from sageyard.jobs.training import TrainingJobHooks
from sageyard.monitoring.schedules import MonitoringScheduleHooks
from sageyard.pipelines.hooks import PipelineExecutionHooks
from sageyard.resources.derive import derive
from sageyard.resources.engine import Engine
from sageyard.resources.family import install
from sageyard.resources.operations import Operations
from sageyard.resources.runtime import RuntimeOperations
from sageyard.runners.base import Runner, StartError
from sageyard.runners.choice import Runners
from sageyard.runners.process import ProcessRunner
from sageyard.sagemaker import (
    ai_job,
    automl_job,
    catalogs,
    cluster,
    cluster_extension,
    cluster_quota,
    compilation_job,
    edge,
    endpoint,
    endpoint_policy,
    experiments,
    feature_group,
    hub,
    human_loop,
    hyper_parameter_tuning_job,
    image,
    inference_component,
    inference_experiment,
    inference_router,
    job,
    job_definitions,
    job_parts,
    lineage,
    lineage_group,
    metrics,
    mlflow,
    model_card,
    model_registry,
    monitoring_schedule,
    notebook_instance,
    partner_app,
    pipeline,
    pipeline_execution,
    processing_job,
    search,
    service_catalog,
    studio,
    tags,
    training_job,
    training_plan,
    training_session,
    transform_job,
    workforce,
)
from sageyard.sagemaker.automatic_lineage import AutomaticLineage
from sageyard.sagemaker.presigned import Pages
from sageyard.serving.component import ComponentHooks
from sageyard.serving.endpoint import EndpointHooks
from sageyard.serving.front import InvocationProtocol
from sageyard.serving.router import INVOCATIONS
from sageyard.serving.transform.job import TransformJobHooks
from sageyard.settings import Settings
from sageyard.store.full_disk import kept_up
from sageyard.store.function_queue import FunctionQueue
from sageyard.store.resources import Resources
from sageyard.tuning.tuner import TuningJobHooks
from sageyard.wire import control, model, rest_json
from sageyard.wire.asgi import Receive, Scope, Send, header
from sageyard.wire.rest_json import Routes
from sageyard.wire.signature import credential_scope

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 1.0
START_FAILED = 3
"""Exit status of a server that could not start, as uvicorn's own."""
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
IP_FREEBIND = 15
"""Linux's ip(7): bind to an address that the machine does not have yet. Python has no name for it."""


class Sageyard:
    """One server: an ASGI application with everything behind it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        self.store = Resources(settings.database)
        self.clock = ShiftedClock(float(self.store.fact("clock offset") or 0))
        self.mount, self.cloud = open_cloud(settings, self.clock)
        self.runners = Runners(
            settings.runner, {"process": partial(ProcessRunner, settings), "docker": partial(docker_runner, settings)}
        )
        self.runner = self.runners.default
        self.runner.open()
        service = model.load("sagemaker")
        self.target = f"{service.target_prefix}.".encode()
        self.engine = Engine(self.store, self.clock, derive(service), settings.account_id, settings.quotas)

        jobs = (self.cloud, self.runners, settings, self.clock, Slots(settings.parallel_jobs))
        queue = FunctionQueue(self.store.database)
        self.functions = LambdaService(
            self.mount.functions.find,
            queue,
            Destinations(self.cloud.services, queue, self.clock),
            self.runner,
            self.cloud.logs,
            self.clock,
            settings.work_dir / "functions",
        )
        self.mount.functions.invoker = self.functions
        self.endpoints = EndpointHooks(self.cloud, self.runners, settings, self.clock, lambda: self.operations)
        self.components = ComponentHooks(self.endpoints, self.cloud, settings, self.clock, lambda: self.operations)
        self.schedules = MonitoringScheduleHooks(
            self.engine, self.cloud, self.clock, lambda: self.operations, self.endpoints.flush
        )
        pages = Pages(settings.endpoint_url)
        self.features = FeatureStore(self.engine, self.cloud, self.clock, settings.state_dir / "features.db")
        families = install(
            self.engine,
            [
                training_job.family(TrainingJobHooks(*jobs), self.engine),
                processing_job.family(ProcessingJobHooks(*jobs)),
                endpoint.family(
                    endpoint.ModelHooks(self.cloud.objects),
                    self.endpoints,
                    self.endpoints.update_weights_and_capacities,
                ),
                transform_job.family(
                    TransformJobHooks(self.endpoints.yard, lambda: self.operations, settings.work_dir)
                ),
                job_definitions.family(),
                monitoring_schedule.family(self.schedules, self.engine),
                model_registry.family(self.engine),
                model_card.family(self.engine, self.cloud),
                image.family(self.engine),
                hub.family(self.engine, self.cloud),
                pipeline.family(self.engine, self.cloud),
                pipeline_execution.family(
                    PipelineExecutionHooks(self.engine, self.cloud, self.clock, lambda: self.operations), self.engine
                ),
                lineage.family(self.engine),
                lineage_group.family(self.engine),
                metrics.family(self.engine),
                experiments.family(self.engine),
                feature_group.family(self.engine, self.features),
                studio.family(self.engine, pages),
                notebook_instance.family(self.engine, pages),
                mlflow.family(self.engine, pages),
                partner_app.family(self.engine, pages),
                edge.family(self.engine),
                cluster.family(self.engine),
                cluster_extension.family(self.engine),
                cluster_quota.family(),
                workforce.family(self.engine),
                human_loop.family(self.engine),
                training_plan.family(self.engine),
                service_catalog.family(self.engine),
                job_parts.family(self.engine),
                hyper_parameter_tuning_job.family(
                    TuningJobHooks(self.engine, self.clock, lambda: self.operations), self.engine
                ),
                inference_component.family(self.engine, self.components),
                inference_experiment.family(self.engine),
                endpoint_policy.family(self.engine),
                automl_job.family(
                    self.engine,
                    AutoMLJobHooks(self.engine, self.clock, self.cloud.objects, lambda: self.operations),
                ),
                ai_job.family(self.engine),
                compilation_job.family(self.engine),
                inference_router.family(),
                job.family(self.engine),
                training_session.family(self.engine),
                catalogs.family(),
                search.family(self.engine, service),
                tags.family(self.engine),
            ],
        )
        self.operations: Operations = Operations(service, self.engine, families.functions, families.refused)
        self.runtime = RuntimeOperations(self.operations, families.runtime, families.refused)
        self.routes = Routes(self.runtime.models.values())
        self.lineage = AutomaticLineage(self.engine, self.cloud.metrics)
        self.events = EventBridge(self.engine, self.cloud, self.clock, lambda: self.operations)
        self.mount.rules.deliver = self.events.deliveries.add
        self.mount.rules.changed = self.events.timers.refresh
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
        graded = {
            service: {name: (operation.grade, operation.behind) for name, operation in table.items()}
            for service, table in dispatched.items()
        }
        return {"sagemaker": graded.pop("sagemaker"), "sagemaker-runtime": INVOCATIONS, **graded}

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run background work that ends with the server."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        """Take up what the last server left: captured data, jobs, endpoints, schedules."""
        await self.endpoints.start()
        self.engine.recover()
        for row in self.store.in_statuses("Endpoint", ["InService", "UpdateRollbackFailed"]):
            if (resource := self.engine.resource(row.kind, row.region, row.name)) is not None:
                self.spawn(self.endpoints.resume(resource))
        for row in self.store.in_statuses("InferenceComponent", ["InService"]):
            if (resource := self.engine.resource(row.kind, row.region, row.name)) is not None:
                self.spawn(self.components.resume(resource))
        for row in self.store.with_member("TrainingJob", "$.WarmPoolStatus.Status", "Available"):
            if (resource := self.engine.resource(row.kind, row.region, row.name)) is not None:
                resource.save(WarmPoolStatus={"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 0})
        self.spawn(self.schedules.run_ticker())
        self.spawn(self.features.run())
        self.spawn(self.features.offline.run())
        self.spawn(kept_up(self.lineage.run))
        self.spawn(self.functions.run())
        self.spawn(self.events.run())
        self.spawn(self._checkpoint())

    async def _checkpoint(self) -> None:
        """Keep the database's log short, off the event loop."""
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            try:
                await asyncio.to_thread(self.store.database.checkpoint)
            except sqlite3.Error as error:
                logger.error("%s stays long: %s", self.store.database.path, error)

    async def close(self) -> None:
        """Stop all work; what was acknowledged is durable already."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.engine.close()
        await self.endpoints.close()
        await self.events.close()
        await self.functions.close()
        await asyncio.to_thread(self.runners.close)
        await self.features.close()
        await asyncio.to_thread(self.mount.close)
        self.store.database.close()

    async def reset(self) -> None:
        """Back to an empty account: running work is stopped, every resource and object forgotten."""
        await self.engine.close()
        await self.endpoints.close()
        await self.functions.reset()
        self.store.clear()
        await self.events.reset()
        await self.features.clear()
        await asyncio.to_thread(self.mount.reset)
        await self.endpoints.start()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})


def docker_runner(settings: Settings) -> Runner:
    """A Docker runner; StartError where its library is not installed."""
    try:
        from sageyard.runners.docker.runner import DockerRunner
    except ImportError as error:
        raise StartError(f"the Docker runner needs the docker SDK ({error}): pip install 'sageyard[docker]'") from error
    return DockerRunner(settings)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; the state directory admits one server at a time. StartError."""
    logging.basicConfig(level=os.environ.get("SAGEYARD_LOG_LEVEL", "INFO"), format="%(levelname)s %(name)s %(message)s")
    app = Sageyard(settings)
    control_plane = partial(control.ControlProtocol, app.operations, app.target, settings.region, HttpToolsProtocol)
    protocol = partial(InvocationProtocol, app.endpoints.router, settings.region, control_plane)
    config = uvicorn.Config(
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
    server = uvicorn.Server(config)

    def connection() -> asyncio.Protocol:
        return protocol(config=config, server_state=server.server_state, app_state=server.lifespan.state)

    async def let_in(runner: Runner) -> None:
        for listener in listen(settings, runner.server_addresses, more=True) or ():
            server.servers.append(await asyncio.get_running_loop().create_server(connection, sock=listener))

    app.runners.opened = let_in
    with suppress(KeyboardInterrupt):
        server.run(listen(settings, app.runner.server_addresses))
    if not server.started:
        sys.exit(START_FAILED)


def listen(settings: Settings, addresses: Sequence[str], *, more: bool = False) -> list[socket.socket] | None:
    """Where to listen besides the settings' address; None where that is all, and uvicorn opens it. `more` of a server
    that listens there already."""
    if not addresses or settings.host in EVERYWHERE:
        return None
    try:
        return [_listener(address, settings.port) for address in (*(() if more else (settings.host,)), *addresses)]
    except OSError as error:
        raise StartError(
            f"cannot listen on port {settings.port} of {settings.host} and, for containers, of {', '.join(addresses)}: "
            f"{error}. Choose another one with --port"
        ) from error


def _listener(address: str, port: int) -> socket.socket:
    """A listening socket, also where the address is still to come: Podman gives a network's gateway its address when
    the first container starts."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with suppress(OSError):
        listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)  # of Linux only
    try:
        listener.bind((address, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
