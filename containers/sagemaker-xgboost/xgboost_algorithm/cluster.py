"""Several hosts: XGBoost's own tracker on the first host and its collective between those that have data.

Source: aws/sagemaker-xgboost-container: the hosts meet to say who has data; if some have none, the others meet again
without them, on a port of its own.
"""

import json
import os
import socket
import time
import zlib
from types import TracebackType
from typing import Any

from sagemaker_toolkit.errors import ClientError

HEAD_START = 0.5
"""Seconds for the tracker to be there first: one attempt too early costs 2 s, and looking would count as joining."""
PATIENCE = 60
"""Seconds in which all hosts must have come."""


class Cluster:
    """A context in which xgboost.train works together with the other hosts. With one host it does nothing."""

    def __init__(self, xgboost: Any, hosts: list[str], current: str, *, has_data: bool) -> None:
        self.xgboost, self.hosts, self.current, self.has_data = xgboost, sorted(hosts), current, has_data
        self._link: _Link | None = None

    @property
    def master(self) -> bool:
        """True on the host that saves the model: the first one with data."""
        return self.current == self.hosts[0]

    def __enter__(self) -> "Cluster":
        if len(self.hosts) == 1:
            return self
        self._link = self._meet(_port())
        shared = [
            json.loads(str(self.xgboost.collective.broadcast(json.dumps([host, self.has_data]), rank)))
            for rank, host in enumerate(self._by_rank())
        ]
        with_data = [host for host, has_data in shared if has_data]
        if not with_data:
            raise ClientError("No data in the train channel of any host")
        if with_data != self.hosts:
            self._link.__exit__(None, None, None)
            self.hosts = with_data
            self._link = self._meet(_port() + 1) if self.has_data and len(with_data) > 1 else None
        return self

    def _meet(self, port: int) -> "_Link":
        link = _Link(self.xgboost, self.hosts, self.current, port)
        link.__enter__()
        return link

    def _by_rank(self) -> list[str]:
        """Host names in the order of ranks; only the own one is known, and only it is sent."""
        names = ["" for _ in self.hosts]
        names[self.xgboost.collective.get_rank()] = self.current
        return names

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._link:
            self._link.__exit__(kind, error, trace)


class _Link:
    """The tracker (on the first of `hosts`) and this host's membership."""

    def __init__(self, xgboost: Any, hosts: list[str], current: str, port: int) -> None:
        self.xgboost, self.hosts, self.current, self.port = xgboost, hosts, current, port
        self.tracker: Any = None

    def __enter__(self) -> None:
        address = _resolve(self.hosts[0])
        if self.current == self.hosts[0]:
            self.tracker = self.xgboost.tracker.RabitTracker(len(self.hosts), address, self.port, sortby="task")
            self.tracker.start()
        else:
            time.sleep(HEAD_START)
        member = {
            "dmlc_communicator": "rabit",
            "dmlc_tracker_uri": address,
            "dmlc_tracker_port": self.port,
            "dmlc_task_id": f"{self.hosts.index(self.current):05d}",
            "dmlc_timeout": PATIENCE,
            "dmlc_retry": PATIENCE,
        }
        try:
            self.xgboost.collective.init(**member)
        except self.xgboost.core.XGBoostError as error:
            raise ClientError(f"host {self.current} did not reach the others within {PATIENCE} s: {error}") from error

    def __exit__(self, kind: type[BaseException] | None, _error: Any, _trace: Any) -> None:
        if kind is None:
            self.xgboost.collective.finalize()
            if self.tracker:
                self.tracker.wait_for(PATIENCE)


def _port() -> int:
    """Of the job's name, as the hosts of several jobs may share one machine's addresses."""
    return 10000 + 2 * (zlib.crc32(os.environ.get("TRAINING_JOB_NAME", "").encode()) % 10000)


def _resolve(host: str) -> str:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.gethostbyname(host)
        except OSError as error:
            if time.monotonic() > end:
                raise ClientError(f"host name {host} does not resolve: {error}") from error
            time.sleep(0.2)
