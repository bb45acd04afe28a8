"""One instance of a variant: the containers of its model, invoked in series or one by one."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from sageyard.serving.connection import Answer, BrokenConnectionError
from sageyard.serving.container import STOP_GRACE, Container
from sageyard.serving.log_stream import LogStream

INVOCATION_TIMEOUT = 60.0
"""Seconds for one `/invocations` (developer guide, `your-algorithms-inference-code`)."""


class ContainerTimeoutError(TimeoutError):
    """A container did not answer in time; `label` names it."""

    def __init__(self, label: str) -> None:
        super().__init__(f"{label} did not answer in time")
        self.label = label


class Instance:
    """Containers that share an instance. `busy` counts the invocations it holds."""

    __slots__ = ("busy", "containers", "hostnames", "id", "log", "timeout")

    def __init__(
        self,
        id: str,  # noqa: A002 - SageMaker's instance id
        containers: list[Container],
        hostnames: list[str | None],
        log: LogStream,
        timeout: float,
    ) -> None:
        self.id = id
        self.containers = containers
        self.hostnames = hostnames
        self.log = log
        self.timeout = timeout
        self.busy = 0

    @property
    def healthy(self) -> bool:
        """Whether every container answers."""
        return all(container.healthy for container in self.containers)

    @property
    def trouble(self) -> str | None:
        """What is wrong with it, while it is being mended."""
        return next((container.trouble for container in self.containers if container.trouble), None)

    async def start(self) -> None:
        """Start all containers; UnhealthyError carries the first failure, with nothing left running."""
        await run_all([container.start() for container in self.containers])

    async def stop(self, grace: float = STOP_GRACE) -> None:
        """Stop all containers and write out their last output."""
        await asyncio.gather(*(container.stop(grace) for container in self.containers))
        await self.log.flush()

    async def invoke(
        self, content_type: bytes | None, headers: bytes, body: bytes, hostname: str | None, *, fresh: bool
    ) -> tuple[Answer, Container]:
        """Pass a request through the containers, or to the one called `hostname`.

        `headers` are complete header lines. The answer is the last container's, or the first that is not 2xx, with
        the container that gave it. BrokenConnectionError (`answered` once any container has answered),
        ContainerTimeoutError.
        """
        containers = self.containers
        if hostname is not None:
            containers = [self.containers[self.hostnames.index(hostname)]]
        answer = None
        container = containers[0]
        try:
            for container in containers:
                if answer is not None:
                    body = answer.body
                    content_type = next((v for k, v in answer.headers if k == b"content-type"), content_type)
                head = b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s%s\r\n" % (
                    len(body),
                    b"Content-Type: %s\r\n" % content_type if content_type is not None else b"",
                    headers,
                )
                answer = await container.exchange(head, body, self.timeout, fresh=fresh)
                if not 200 <= answer.status < 300:
                    break
        except TimeoutError as error:
            raise ContainerTimeoutError(container.label) from error
        except BrokenConnectionError as error:
            error.answered = error.answered or answer is not None
            raise
        assert answer is not None  # a model has at least one container
        return answer, container


async def run_all(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run coroutines together; the first failure cancels the rest, waits for them and is raised as it is."""
    tasks = [asyncio.create_task(item) for item in work]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
