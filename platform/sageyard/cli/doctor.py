"""`sageyard doctor`: look for whatever could keep this machine from running jobs."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from sageyard.cli.options import resolve_state_dir, server_options
from sageyard.cli.server import find_running, listens
from sageyard.environment import client_environment
from sageyard.runners.images import containers_root
from sageyard.settings import Settings

FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One line of the report; `way_out` is set where something is in the way."""

    text: str
    way_out: str = ""


def python_version(settings: Settings) -> Finding:
    """Python 3.11 or newer."""
    text = f"Python {sys.version.split()[0]} at {sys.executable}"
    return Finding(text, "" if sys.version_info >= (3, 11) else "install Sageyard with Python 3.11 or newer")


def port(settings: Settings) -> Finding:
    """The port is free, or our server's."""
    if (server := find_running(settings)) is not None:
        return Finding(f"Sageyard runs at {server.url} (pid {server.pid})")
    if listens(settings.endpoint_url):
        return Finding(f"port {settings.port} is taken by another program", "choose another one with --port")
    return Finding(f"port {settings.port} is free")


def state_directory(settings: Settings) -> Finding:
    """The state directory can be written."""
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.state_dir):
            return Finding(f"state directory {settings.state_dir} can be written")
    except OSError as error:
        way_out = "choose another one with --state-dir or SAGEYARD_STATE_DIR"
        return Finding(f"state directory {settings.state_dir} cannot be written: {error.strerror}", way_out)


def disk_space(settings: Settings) -> Finding:
    """Room for objects, models and logs."""
    existing = next(path for path in (settings.state_dir, *settings.state_dir.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / 1024**3:.1f} GB free for the state directory"
    return Finding(text, "" if free >= FREE_BYTES else "free some space, or move it with --state-dir")


def mount_namespaces(settings: Settings) -> Finding:
    """Whether a job can have an /opt/ml of its own."""
    flags = "-m" if os.geteuid() == 0 else "-Urm"
    try:
        tried = subprocess.run(["unshare", flags, "true"], capture_output=True, timeout=10, check=False)
        possible = tried.returncode == 0
    except OSError:
        possible = False
    if possible:
        return Finding("mount namespaces: each job gets its own /opt/ml")
    return Finding(
        "mount namespaces: not available, so scripts that name /opt/ml literally will not find it",
        "read paths from the SM_* variables, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)",
    )


def containers(settings: Settings) -> Finding:
    """The built-in containers' code."""
    root = containers_root()
    if names := sorted(image.parent.name for image in root.glob("*/image.toml")):
        return Finding(f"containers: {', '.join(names)}")
    return Finding(f"containers: none in {root}", "reinstall Sageyard: its wheel brings them along")


def docker(settings: Settings) -> Finding:
    """Docker, which the process runner does without."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    present = not address.startswith("unix://") or Path(address.removeprefix("unix://")).is_socket()
    if present:
        return Finding(f"Docker at {address}")
    return Finding("Docker: not found", "only images from outside need it; the built-in containers run as processes")


def botocore_plugin(settings: Settings) -> Finding:
    """Whether botocore loads the plugin that brings the SDKs' STS requests home."""
    program = "import boto3, sys; boto3.client('sts'); print(boto3.__version__, 'sageyard_client' in sys.modules)"
    with tempfile.TemporaryDirectory() as directory:
        variables = client_environment(settings.endpoint_url, settings.region, Path(directory), base=os.environ)
        command = [sys.executable, "-c", program]
        tried = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    version, _, loaded = tried.stdout.strip().rpartition(" ")
    if loaded == "True":
        return Finding(f"boto3 {version} loads the client plugin")
    way_out = "upgrade boto3 to 1.40 or newer wherever the SageMaker SDK runs: get_execution_role() needs it"
    return Finding(f"boto3 {version} does not load the client plugin", way_out)


CHECKS: tuple[Callable[[Settings], Finding], ...] = (
    python_version,
    port,
    state_directory,
    disk_space,
    mount_namespaces,
    containers,
    docker,
    botocore_plugin,
)


@click.command()
@server_options
def doctor(host: str, port: int, state_dir: Path | None) -> None:
    """Check this machine; each warning says what to do about it."""
    settings = Settings(host=host, port=port, state_dir=resolve_state_dir(state_dir))
    for check in CHECKS:
        finding = check(settings)
        label = click.style("warn", fg="yellow") if finding.way_out else click.style("ok  ", fg="green")
        click.echo(f"{label} {finding.text}" + (f": {finding.way_out}" if finding.way_out else ""))
