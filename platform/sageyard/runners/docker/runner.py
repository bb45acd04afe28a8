"""Runs each request in a container of the Docker Engine.

A container is started as `docker run --init` would: exec form, the image's own user, its own network address. What is
added: stderr joins stdout in the container, as the engine hands on two streams whose order is lost; and files that are
links to stored objects are mounted read-only.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any, TypeVar

from docker.types import DeviceRequest, Mount

from sageyard import environment
from sageyard.runners.base import SHARED_CORES, OutputSink, RunRequest, StartError
from sageyard.runners.docker import lease, watchdog
from sageyard.runners.docker.container import ContainerHandle, Started, discard
from sageyard.runners.docker.engine import FAILURES, connect, explained, reason
from sageyard.runners.docker.images import ENV, SHELL, EngineImage, EngineImages
from sageyard.runners.docker.namespace import NetworkNamespace
from sageyard.runners.docker.networks import NONE, Networks
from sageyard.runners.docker.ownership import open_up, take_back
from sageyard.runners.docker.standby import WAIT, DockerStandby, make_gate, take_gate
from sageyard.runners.images import Images, command_line
from sageyard.settings import Settings

logger = logging.getLogger(__name__)

ML = "/opt/ml"
CLIENT = "/opt/sageyard/client"
"""The botocore plugin, in a container."""
CONFIG = "/opt/sageyard/config"
"""The SDKs' configuration, in a container."""
PLUGINS = "BOTOCORE_EXPERIMENTAL__PLUGINS"
MERGED = ("-c", 'exec "$@" 2>&1', "sh")
INFERENCE_PORT = 8080
LOOPBACK = "127.0.0.1"
CALLS = 8
"""Calls of the engine at the same time."""
T = TypeVar("T")


class DockerRunner:
    """Implements `base.Runner` with containers. `open` before the first use, `close` at the end."""

    network_interface = "eth0"

    def __init__(self, settings: Settings, images: Images | None = None) -> None:
        self.settings = settings
        self._folders = images or Images(mapping=settings.image_map)
        self._lease = lease.own_lease()
        self._labels = lease.labels(settings.state_dir, self._lease)
        self.executor = ThreadPoolExecutor(CALLS, thread_name_prefix="docker")
        self._opening = threading.Lock()
        self._api: Any = None
        self._watchdog: watchdog.Watchdog | None = None
        self._images: EngineImages
        self._networks: Networks
        self._cpus = 0.0
        self._gpus = False
        self._rootless = False

    def open(self) -> None:
        """Connect, remove what a server that died left behind, make the server's network. Blocks; StartError."""
        with self._opening:
            if self._api is not None:
                return
            api = connect()
            with explained("the Docker Engine could not be made ready"):
                for name in lease.remove(api, lease.STATE_DIR, str(self.settings.state_dir), but_alive=True):
                    logger.warning("removed %s, left behind by a server that died", name)
                about = api.info()
                self._cpus = float(about["NCPU"])
                self._gpus = "nvidia" in (about.get("Runtimes") or {})
                self._rootless = any("rootless" in option for option in about.get("SecurityOptions") or ())
                self._watchdog = watchdog.start(self._lease)
                self._networks = Networks(api, self._lease, self._labels)
            self._images = EngineImages(api, self._folders, self._labels)
            # The engine sees the state directory, and may not see this program: it may run in a container itself.
            copytree(environment.PLUGIN_DIR, self._plugin_folder, ignore=ignore_patterns("__*"), dirs_exist_ok=True)
            self.settings.work_dir.mkdir(parents=True, exist_ok=True)
            self.settings.work_dir.chmod(0o700)  # folders below are open to the users of containers, not of the machine
            self._api = api

    def close(self) -> None:
        """Remove everything that is left; where the engine is gone, the next server does. Blocks."""
        if self._api is None:
            return
        try:
            lease.remove(self._api, lease.SERVER, self._lease)
        except FAILURES as error:
            logger.warning("containers may be left in the Docker Engine: %s", reason(error))
        self.executor.shutdown()
        if self._watchdog is not None:
            watchdog.end(self._watchdog)
        self._api = None

    @property
    def server_addresses(self) -> tuple[str, ...]:
        """Containers reach this machine, and so the server, at their network's gateway."""
        return (self._networks.gateway,)

    def client_environment(self, region: str) -> dict[str, str]:
        """Variables of AWS clients in a container; the files that they name are mounted there."""
        url = f"http://{self._networks.gateway}:{self.settings.port}"
        variables = environment.client_environment(url, region, self._config_folder, base={})
        config = Path(variables["SAGEMAKER_USER_CONFIG_OVERRIDE"]).name
        return variables | {"SAGEMAKER_USER_CONFIG_OVERRIDE": f"{CONFIG}/{config}", "PYTHONPATH": CLIENT}

    def check(self, image_uri: str) -> None:
        """Raise ImageNotFoundError if the engine has no image for this URI; StartError. Blocks."""
        self.open()
        with explained(f"image {image_uri!r} could not be looked up"):
            self._images.find(image_uri)

    def bind_port(self) -> int:
        """8080: each container has an address of its own."""
        return INFERENCE_PORT

    async def start(self, request: RunRequest, output: OutputSink) -> ContainerHandle:
        """Start a container; 0.3 s. ImageNotFoundError, StartError."""
        container, stream = await self._unless_cancelled(
            partial(self._start, request), lambda started: self.remove(started[0])
        )
        return self.handle(request, container, output, stream)

    async def prepare(self, request: RunRequest) -> DockerStandby | None:
        """Start a container that waits for its program; None where its image has no shell to wait in."""
        return await self._unless_cancelled(
            partial(self._prepare, request), lambda standby: standby.remove() if standby else None
        )

    async def _unless_cancelled(self, work: Callable[[], T], undo: Callable[[T], None]) -> T:
        """The result of blocking work; nobody may wait any more for a container that has just come up."""

        def undone(working: "asyncio.Future[T]") -> None:
            if not working.cancelled() and working.exception() is None:
                threading.Thread(target=undo, args=(working.result(),)).start()

        working = asyncio.get_running_loop().run_in_executor(self.executor, work)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            working.add_done_callback(undone)
            raise

    def handle(
        self, request: RunRequest, container: Started, output: OutputSink, stream: Iterator[bytes]
    ) -> ContainerHandle:
        """The handle on a container that runs, its output on the way to the sink."""
        handle = ContainerHandle(self._api, self.executor, container, output)
        handle.follow(
            stream,
            partial(take_back, request.root, partial(self._chown, request.root, request.image_uri)),
            partial(self.remove, container),
        )
        return handle

    def _start(self, request: RunRequest) -> tuple[Started, Iterator[bytes]]:
        self.open()
        with explained(f"{request.name} could not be started"):
            image = self.image(request.image_uri)
            command, variables = self.program(request, image)
            merged = self._images.has(image, SHELL)
            return self._create(
                request,
                image,
                [SHELL, *MERGED, *command] if merged else command,
                variables,
                self._mounts(request, image),
            )

    def _prepare(self, request: RunRequest) -> DockerStandby | None:
        self.open()
        with explained(f"{request.name} could not be prepared"):
            image = self.image(request.image_uri)
            if not (self._images.has(image, SHELL) and self._images.has(image, ENV)):
                return None
            request.root.mkdir(parents=True, exist_ok=True)
            mounts = [*self._mounts(request, image), make_gate(request.root)]
            container, _ = self._create(request, image, [SHELL, "-c", WAIT], {}, mounts, attached=False)
            try:
                gate = take_gate(request.root, lambda: self._api.inspect_container(container.id)["State"]["Running"])
            except BaseException:
                self.remove(container)
                raise
        return DockerStandby(self, request, image, container, gate)

    def image(self, image_uri: str) -> EngineImage:
        """The image behind a URI; ImageNotFoundError. Blocks."""
        return self._images.find(image_uri)

    def program(self, request: RunRequest, image: EngineImage) -> tuple[list[str], dict[str, str]]:
        """Command line and variables of a request; StartError where nothing says what to run."""
        command = command_line(image.entrypoint, image.command, request.entrypoint, request.arguments)
        if not command:
            raise StartError(f"{request.name}: neither the request nor image {image.reference!r} says what to run")
        return command, _variables(request.environment, image.environment)

    def attach(self, identity: str) -> Iterator[bytes]:
        """The output of a container from now on. Blocks."""
        stream: Iterator[bytes] = self._api.attach(identity, stream=True)
        return stream

    def _create(
        self,
        request: RunRequest,
        image: EngineImage,
        command: Sequence[str],
        variables: Mapping[str, str],
        mounts: list[Mount],
        *,
        attached: bool = True,
    ) -> tuple[Started, Iterator[bytes]]:
        network = self._networks.join(request)
        identity = None
        try:
            identity = self._api.create_container(
                image.id,
                entrypoint=list(command[:1]),
                command=list(command[1:]),
                hostname=request.hostname,
                environment=dict(variables),
                labels=self._labels | {lease.RUN: request.name},
                host_config=self._host_config(request, network, mounts),
                networking_config={"EndpointsConfig": {network: {"Aliases": [request.hostname]}}}
                if len(request.hosts) > 1
                else None,
            )["Id"]
            stream = self.attach(identity) if attached else iter(())
            self._api.start(identity)
            state = self._api.inspect_container(identity)
            pid = state["State"]["Pid"] or None
            namespace = NetworkNamespace(pid) if pid and request.serves and network == NONE else None
        except BaseException:
            if identity is not None:
                discard(self._api, identity)
            self._networks.leave(network)
            raise
        address = state["NetworkSettings"]["Networks"].get(network, {}).get("IPAddress", "")
        return Started(identity, address or LOOPBACK, pid, network, namespace), stream

    def _host_config(self, request: RunRequest, network: str, mounts: list[Mount]) -> dict[str, Any]:
        config: dict[str, Any] = self._api.create_host_config(
            init=True,
            mounts=mounts,
            network_mode=network,
            extra_hosts={request.hostname: "127.0.0.1"} if network == NONE else None,
            log_config={"Type": "none"},  # the job's log stream has it
        )
        if request.memory is not None:
            # Without swap, so that the limit is one; half of it for /dev/shm, as on any Linux machine.
            config |= {"Memory": request.memory, "MemorySwap": request.memory, "ShmSize": request.memory // 2}
        if request.cpus is not None and request.cpus < self._cpus:
            config["NanoCpus"] = int(request.cpus * 1e9)
        if request.gpus and self._gpus:
            config["DeviceRequests"] = [DeviceRequest(count=-1, capabilities=[["gpu"]])]  # docker run --gpus all
        return config

    def _mounts(self, request: RunRequest, image: EngineImage) -> list[Mount]:
        root = request.root.resolve()
        folders = [root / name for name in request.read_only if (root / name).is_dir()]
        linked = open_up(root, folders, to_all=not image.runs_as_root)
        mounts = [Mount(ML, str(root), "bind")]
        mounts += [
            Mount(f"{ML}/{path.relative_to(root)}", str(path), "bind", read_only=True) for path in (*folders, *linked)
        ]
        if PLUGINS in request.environment:
            mounts.append(Mount(CLIENT, str(self._plugin_folder), "bind", read_only=True))
            mounts.append(Mount(CONFIG, str(self._config_folder), "bind", read_only=True))
        return mounts

    def remove(self, container: Started) -> None:
        """Remove a container, running or not; what the engine does not let go of is logged. Blocks."""
        if container.namespace is not None:
            container.namespace.close()
        try:
            with explained(f"container {container.id[:12]} could not be removed"):
                discard(self._api, container.id)
                self._networks.leave(container.network)
        except StartError as error:
            logger.warning("%s", error)

    def _chown(self, root: Path, image_uri: str) -> None:
        """Have root in a container of the same image give the files to the server's user, who may not do so."""
        owner = "0:0" if self._rootless else f"{os.geteuid()}:{os.getegid()}"
        identity = self._api.create_container(
            self._images.find(image_uri).id,
            entrypoint=["chown"],
            command=["-hR", owner, ML],
            user="0",
            labels=self._labels,
            host_config=self._api.create_host_config(mounts=[Mount(ML, str(root), "bind")], network_mode="none"),
        )["Id"]
        try:
            self._api.start(identity)
            self._api.wait(identity)
        finally:
            discard(self._api, identity)

    @property
    def _plugin_folder(self) -> Path:
        return self.settings.state_dir / "plugin"

    @property
    def _config_folder(self) -> Path:
        return self.settings.state_dir / "client"


def _variables(given: Mapping[str, str], image: Mapping[str, str]) -> dict[str, str]:
    """The request's variables and those of every container; the plugin's place on PYTHONPATH is put before the
    request's or the image's entries."""
    variables = {name: value for name, value in SHARED_CORES.items() if name not in image} | dict(given)
    if PLUGINS in variables:
        paths = variables.get("PYTHONPATH", CLIENT)
        rest = image.get("PYTHONPATH", "") if paths == CLIENT else paths
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [CLIENT, rest]))
    return variables
