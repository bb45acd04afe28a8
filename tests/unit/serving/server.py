"""A server with endpoints and nothing else, run as a process of its own by the tests of serving.

S3, Logs and CloudWatch are folders and files under the state directory, so that tests see from outside what is durable.
Usage: server.py STATE_DIR PORT IMAGES_DIR [INVOCATION_TIMEOUT]
"""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import uvicorn
from sageyard.clock import ShiftedClock
from sageyard.cloud import Cloud, ObjectInfo, ObjectNotFoundError
from sageyard.resources.derive import derive
from sageyard.resources.engine import Engine
from sageyard.resources.family import install
from sageyard.resources.operations import Operations
from sageyard.resources.spec import Hooks
from sageyard.runners.choice import Runners
from sageyard.runners.images import Images
from sageyard.runners.process import ProcessRunner
from sageyard.sagemaker import endpoint, inference_component, tags, transform_job
from sageyard.serving.component import ComponentHooks
from sageyard.serving.endpoint import EndpointHooks
from sageyard.serving.front import InvocationProtocol
from sageyard.serving.transform.job import TransformJobHooks
from sageyard.settings import Settings
from sageyard.store.resources import Resources
from sageyard.wire import control, model
from sageyard.wire.asgi import respond
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class FolderObjects:
    """S3 as files: `<folder>/<bucket>/<key>`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list(self, bucket: str, prefix: str = "") -> list[ObjectInfo]:
        root = self._bucket(bucket)
        keys = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
        return [ObjectInfo(key, (root / key).stat().st_size, "", 0) for key in keys if key.startswith(prefix)]

    def path(self, bucket: str, key: str) -> Path:
        path = self._bucket(bucket) / key
        if not path.is_file():
            raise ObjectNotFoundError(f"s3://{bucket}/{key}")
        return path

    def read(self, bucket: str, key: str) -> bytes:
        return self.path(bucket, key).read_bytes()

    def put(self, bucket: str, key: str, body: bytes | Path, content_type: str = "") -> None:
        path = self._bucket(bucket) / key
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + "~")
        partial.write_bytes(body if isinstance(body, bytes) else body.read_bytes())
        partial.rename(path)

    def delete(self, bucket: str, key: str) -> None:
        (self._bucket(bucket) / key).unlink(missing_ok=True)

    def _bucket(self, bucket: str) -> Path:
        if not (self.folder / bucket).is_dir():
            raise ObjectNotFoundError(f"s3://{bucket}")
        return self.folder / bucket


class FolderLogs:
    """Logs as files: `<folder>/<group>/<stream>`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create_stream(self, region: str, group: str, stream: str) -> None:
        path = self.folder / group.strip("/") / stream
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def append(self, region: str, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        with (self.folder / group.strip("/") / stream).open("a") as file:
            file.writelines(f"{message}\n" for _, message in events)

    def tail(self, region: str, group: str, stream: str, lines: int = 20) -> list[str]:
        return (self.folder / group.strip("/") / stream).read_text().splitlines()[-lines:]


class FileMetrics:
    """CloudWatch metrics as JSON lines."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def put(self, region: str, namespace: str, data: Sequence[dict[str, Any]]) -> None:
        with self.file.open("a") as file:
            file.writelines(json.dumps({"Namespace": namespace, **datum}) + "\n" for datum in data)


class FileAlarms:
    """CloudWatch alarms as files: `<folder>/<name>` holds the state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def missing(self, region: str, names: Sequence[str]) -> list[str]:
        return [name for name in names if not (self.folder / name).exists()]

    def ringing(self, region: str, names: Sequence[str], since: float | None, until: float) -> list[str]:
        return [name for name in names if (self.folder / name).read_text() == "ALARM"]


class NoEvents:
    """Nobody listens."""

    def put(self, region: str, detail_type: str, detail: dict[str, Any], resources: Sequence[str]) -> None:
        pass


class App:
    """The part of Sageyard that serves endpoints."""

    def __init__(self, state: Path, images: Path, timeout: float = 60.0) -> None:
        self.state = state
        settings = Settings(state_dir=state)
        self.clock = clock = ShiftedClock(_offset(state))
        cloud = Cloud(
            FolderObjects(state / "s3"),
            FolderLogs(state / "logs"),
            FileMetrics(state / "metrics"),
            NoEvents(),
            "",
            None,
            None,
            FileAlarms(state / "alarms"),
        )
        service = model.load("sagemaker")
        self.engine = Engine(Resources(state / "sageyard.db"), clock, derive(service), settings.account_id)
        self.hooks = EndpointHooks(
            cloud,
            Runners("process", {"process": lambda: ProcessRunner(settings, Images(images))}),
            settings,
            clock,
            lambda: self.operations,
            Random(7),
            invocation_timeout=timeout,
        )
        self.components = ComponentHooks(self.hooks, cloud, settings, clock, lambda: self.operations)
        family = endpoint.family(Hooks(), self.hooks, self.hooks.update_weights_and_capacities)
        components = inference_component.family(self.engine, self.components)
        jobs = TransformJobHooks(self.hooks.yard, lambda: self.operations, settings.work_dir)
        installed = install(self.engine, [family, components, transform_job.family(jobs), tags.family(self.engine)])
        self.operations = Operations(service, self.engine, installed.functions, installed.refused)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await self.hooks.start()
            self.engine.recover()
            for row in self.engine.store.in_statuses("Endpoint", ["InService", "UpdateRollbackFailed"]):
                resource = self.engine.resource("Endpoint", row.region, row.name)
                assert resource is not None
                await self.hooks.resume(resource)
            for row in self.engine.store.in_statuses("InferenceComponent", ["InService"]):
                resource = self.engine.resource("InferenceComponent", row.region, row.name)
                assert resource is not None
                await self.components.resume(resource)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.engine.close()
            await self.hooks.close()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["path"].startswith("/clock/"):
            self.clock.advance(float(scope["path"].rpartition("/")[2]))
            (self.state / "clock").write_text(str(self.clock.offset))
            await respond(send, 200, [], b"")
        elif scope["path"].startswith("/endpoints/"):
            await self.hooks.router(scope, receive, send, "us-east-1")
        else:
            target = dict(scope["headers"])[b"x-amz-target"].decode().partition(".")[2]
            await control.answer(self.operations, target, "us-east-1", scope, receive, send)


def _offset(state: Path) -> float:
    """How far the clock was moved, before a restart."""
    noted = state / "clock"
    return float(noted.read_text()) if noted.exists() else 0.0


if __name__ == "__main__":
    state, port, images, *timeout = sys.argv[1:]
    app = App(Path(state), Path(images), *map(float, timeout))
    uvicorn.run(
        app,
        http=partial(InvocationProtocol, app.hooks.router, "us-east-1", HttpToolsProtocol),
        port=int(port),
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
    )
