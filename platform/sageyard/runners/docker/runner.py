"""Runs each request in a container of the Docker Engine.

A container is started as `docker run --init` would: exec form, the image's own user, its own network address. What is
added: stderr joins stdout in the container, as the engine hands on two streams whose order is lost; and files that are
links to stored objects are mounted read-only.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

from docker.types import DeviceRequest, Mount

from sageyard import environment
from sageyard.runners.base import SHARED_CORES, OutputSink, RunRequest, StartError
from sageyard.runners.docker import lease, watchdog
from sageyard.runners.docker.container import ContainerHandle, discard
from sageyard.runners.docker.engine import FAILURES, connect, explained, reason
from sageyard.runners.docker.images import SHELL, EngineImage, EngineImages
from sageyard.runners.docker.networks import NONE, Networks
from sageyard.runners.docker.ownership import open_up, take_back
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
CALLS = 8
"""Calls of the engine at the same time."""


class DockerRunner:
    """Implements `base.Runner` with containers. `open` before the first use, `close` at the end."""

    network_interface = "eth0"

    def __init__(self, settings: Settings, images: Images | None = None) -> None:
        self.settings = settings
        self._folders = images or Images(mapping=settings.image_map)
        self._lease = lease.own_lease()
        self._labels = lease.labels(settings.state_dir, self._lease)
        self._executor = ThreadPoolExecutor(CALLS, thread_name_prefix="docker")
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
        self._executor.shutdown()
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
        loop = asyncio.get_running_loop()
        starting = loop.run_in_executor(self._executor, self._start, request)
        try:
            identity, address, pid, stream, network = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(self._discard_started)
            raise
        handle = ContainerHandle(self._api, self._executor, identity, address, pid, output)
        handle.follow(
            stream,
            partial(take_back, request.root, partial(self._chown, request.root, request.image_uri)),
            partial(self._remove, identity, network),
        )
        return handle

    def _start(self, request: RunRequest) -> tuple[str, str, int | None, Iterator[bytes], str]:
        self.open()
        with explained(f"{request.name} could not be started"):
            image = self._images.find(request.image_uri)
            command = command_line(image.entrypoint, image.command, request.entrypoint, request.arguments)
            if not command:
                raise StartError(f"{request.name}: neither the request nor image {image.reference!r} says what to run")
            merged = self._images.has_shell(image)
            mounts = self._mounts(request, image)
            network = self._networks.join(request)
            identity = None
            try:
                identity = self._api.create_container(
                    image.id,
                    entrypoint=[SHELL, *MERGED] if merged else command[:1],
                    command=command if merged else command[1:],
                    hostname=request.hostname,
                    environment=_variables(request.environment, image.environment),
                    labels=self._labels | {lease.RUN: request.name},
                    host_config=self._host_config(request, network, mounts),
                    networking_config={"EndpointsConfig": {network: {"Aliases": [request.hostname]}}}
                    if len(request.hosts) > 1
                    else None,
                )["Id"]
                stream = self._api.attach(identity, stream=True)
                self._api.start(identity)
                state = self._api.inspect_container(identity)
            except BaseException:
                if identity is not None:
                    discard(self._api, identity)
                self._networks.leave(network)
                raise
        address = state["NetworkSettings"]["Networks"].get(network, {}).get("IPAddress", "")
        return identity, address, state["State"]["Pid"] or None, stream, network

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

    def _remove(self, identity: str, network: str) -> None:
        try:
            with explained(f"container {identity[:12]} could not be removed"):
                discard(self._api, identity)
                self._networks.leave(network)
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

    def _discard_started(self, starting: "asyncio.Future[Any]") -> None:
        """Nobody waits any more for a container that has just come up."""
        if not starting.cancelled() and starting.exception() is None:
            identity, *_, network = starting.result()
            threading.Thread(target=self._remove, args=(identity, network)).start()

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
