"""Who can talk to whom.

Containers that are a job by themselves, and those of endpoints, are in the server's network: it reaches each at its
own address, they reach the server at the network's gateway, and not each other. Hosts of one job that has several
share a network of their own, in which their names resolve.
"""

import hashlib
import threading
from collections import Counter
from typing import Any

from sageyard.runners.base import RunRequest

NONE = "none"
"""The engine's network that has nothing but a loopback."""
NO_TALK = {"com.docker.network.bridge.enable_icc": "false"}
NO_HOST = {"com.docker.network.bridge.inhibit_ipv4": "true"}
"""An internal network alone keeps this machine's own services in reach, at the network's gateway."""


class Networks:
    """The networks of one server. Methods block and may be called by any thread."""

    def __init__(self, api: Any, lease: str, labels: dict[str, str]) -> None:
        self._api = api
        self._labels = labels
        self._lock = threading.Lock()
        self._users: Counter[str] = Counter()
        self.server = f"sageyard-{lease}"
        api.create_network(self.server, driver="bridge", labels=labels, options=NO_TALK)
        self.gateway: str = api.inspect_network(self.server)["IPAM"]["Config"][0]["Gateway"]
        """This machine's address in the server's network."""

    def join(self, request: RunRequest) -> str:
        """The network for a container, made where it is the first of its job; pair with `leave`."""
        if len(request.hosts) < 2:
            return self.server if request.network else NONE
        name = self._of_job(request)
        with self._lock:
            if not self._users[name]:
                isolated = not request.network
                options = NO_HOST if isolated else {}
                self._api.create_network(name, driver="bridge", labels=self._labels, internal=isolated, options=options)
            self._users[name] += 1
        return name

    def leave(self, name: str) -> None:
        """The container is gone; a job's network goes with its last one."""
        with self._lock:
            if name not in self._users:
                return
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name]
                self._api.remove_network(name)

    def _of_job(self, request: RunRequest) -> str:
        job = f"{request.name.rpartition('/')[0]} {request.network}"
        return f"{self.server}-{hashlib.sha256(job.encode()).hexdigest()[:12]}"
