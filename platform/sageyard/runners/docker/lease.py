"""Whose containers and networks these are, and how those of a server that has died are found and removed."""

import logging
import os
import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound

logger = logging.getLogger(__name__)

STATE_DIR = "com.sageyard.state-dir"
SERVER = "com.sageyard.server"
RUN = "com.sageyard.run"
LEAVING_SECONDS = 20.0


def own_lease() -> str:
    """`<process number>-<its start>-<a few letters>`: tells a server from a later one with the same number, and from
    another one in the same process."""
    return f"{os.getpid()}-{_start(os.getpid())}-{secrets.token_hex(3)}"


def labels(state_dir: Path, lease: str) -> dict[str, str]:
    """What everything made for the server is marked with."""
    return {STATE_DIR: str(state_dir), SERVER: lease}


def remove(api: Any, label: str, value: str, *, but_alive: bool = False) -> list[str]:
    """Remove every container and network with this label; their names. `but_alive` spares those of a server that
    still runs. Blocks until they are gone; what the engine does not let go of is logged."""
    chosen = {"label": f"{label}={value}"}
    removed = []
    for container in api.containers(all=True, filters=chosen):
        if not (but_alive and is_alive(container["Labels"].get(SERVER, ""))):
            name = container["Labels"].get(RUN, container["Id"])
            _until_gone(partial(api.remove_container, container["Id"], v=True, force=True), name)
            removed.append(name)
    for network in api.networks(filters=chosen):
        if not (but_alive and is_alive((network["Labels"] or {}).get(SERVER, ""))):
            _until_gone(partial(api.remove_network, network["Id"]), network["Name"])
            removed.append(network["Name"])
    return removed


def _until_gone(removal: Callable[[], None], name: str) -> None:
    """The engine refuses while a removal is under way, and a network for as long as a container is leaving it."""
    deadline = time.monotonic() + LEAVING_SECONDS
    while True:
        try:
            removal()
        except NotFound:
            return
        except APIError as error:
            if time.monotonic() > deadline:
                logger.warning("the Docker Engine does not remove %s: %s", name, error.explanation)
                return
            time.sleep(0.1)
        else:
            return


def is_alive(lease: str) -> bool:
    """Whether the server that holds this lease runs."""
    number, start, *_ = (*lease.split("-"), "")
    return number.isdecimal() and _start(int(number)) == start != ""


def _start(pid: int) -> str:
    """When a process started, in ticks since boot; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
