"""Finding and calling the server of a state directory.

A server that was started by `sageyard up` is recorded in `<state dir>/server.json` as `{"pid": ..., "url": ...}`. The
record may outlive its server (kill -9), so it counts only while the process lives, and a process is signalled only
once the server itself, or the process's command line, says that it is Sageyard.
"""

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from sageyard.settings import Settings


@dataclass(frozen=True)
class ServerRecord:
    """A server's process id and its URL."""

    pid: int
    url: str


def record_path(state_dir: Path) -> Path:
    """Where the server of a state directory is recorded."""
    return state_dir / "server.json"


def log_path(state_dir: Path) -> Path:
    """Where a detached server writes its output."""
    return state_dir / "server.log"


def write_record(state_dir: Path, record: ServerRecord) -> None:
    """Record a server as the one of this state directory, which is created where it is missing."""
    state_dir.mkdir(parents=True, exist_ok=True)
    record_path(state_dir).write_text(json.dumps(asdict(record)) + "\n")


def read_record(state_dir: Path) -> ServerRecord | None:
    """The recorded server, if its process lives."""
    try:
        record = ServerRecord(**json.loads(record_path(state_dir).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return record if is_alive(record.pid) else None


def remove_record(state_dir: Path, pid: int) -> None:
    """Remove the record of a server that has ended; that of another one is left."""
    try:
        recorded = json.loads(record_path(state_dir).read_text())["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if recorded == pid:
        record_path(state_dir).unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not collected by its parent does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True  # no /proc on this system


def is_sageyard(record: ServerRecord) -> bool:
    """Whether the recorded process is a Sageyard server and not one that inherited its number."""
    if (answer := health(record.url)) is not None:
        return bool(answer.get("pid") == record.pid)
    import subprocess

    shown = subprocess.run(["ps", "-p", str(record.pid), "-o", "command="], capture_output=True, text=True, check=False)
    return "sageyard" in shown.stdout


def find_running(settings: Settings) -> ServerRecord | None:
    """The server of this state directory: the recorded one, else one that answers at the settings' URL and says
    that the state is its own."""
    if (record := read_record(settings.state_dir)) is not None and is_sageyard(record):
        return record
    answer = health(settings.endpoint_url) if listens(settings.endpoint_url) else None
    if answer is not None and answer.get("state_dir") == str(settings.state_dir):
        return ServerRecord(pid=answer["pid"], url=settings.endpoint_url)
    return None


def locate(settings: Settings) -> str:
    """The URL of this state directory's server where one runs, else the one the settings name."""
    record = read_record(settings.state_dir)
    return record.url if record else settings.endpoint_url


def listens(url: str) -> bool:
    """Whether anything accepts connections at a URL."""
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname or "", address.port or 80), timeout=1):
            return True
    except OSError:
        return False


def health(url: str) -> dict[str, Any] | None:
    """The server's answer to GET /_sageyard/health, or None where no Sageyard answers."""
    try:
        answer = _request(url, "GET", "/_sageyard/health", None, timeout=2)
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) and "pid" in answer else None


def call(settings: Settings, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call one of the server's own endpoints; a ClickException says what to do where that fails."""
    import urllib.error

    url = locate(settings)
    try:
        answer = _request(url, method, path, body, timeout=60)
    except urllib.error.HTTPError as error:
        raise click.ClickException(f"{method} {path} was refused: {_message(error.read(), error.reason)}") from error
    except (OSError, ValueError) as error:
        raise not_running(settings) from error
    return dict(answer)


def not_running(settings: Settings) -> click.ClickException:
    """What to say where a command needs a server and finds none."""
    return click.ClickException(
        f"no Sageyard answers at {locate(settings)}. Start one with `sageyard up --detach`, or name the one you mean "
        f"with --state-dir or --port (state directory now: {settings.state_dir})."
    )


def _request(url: str, method: str, path: str, body: dict[str, Any] | None, timeout: float) -> Any:
    import urllib.request

    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - the URL is the server's own
        url + path, content, {"Content-Type": "application/json"}, method=method
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy does not know this loopback
    with direct.open(request, timeout=timeout) as response:
        return json.load(response)


def _message(content: bytes, otherwise: str) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return otherwise
