"""Which runner a job or an endpoint has: what it says itself, else the server's.

It says so by a variable of its Environment, else by a tag. Both are names of our own, as AWS knows no runners.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from sageyard.runners.base import Runner

TAG = "sageyard:runner"
VARIABLE = "SAGEYARD_RUNNER"
Opened = Callable[[Runner], Awaitable[None]]


class UnknownRunnerError(ValueError):
    """No runner has this name; the message says which there are."""


async def nothing_to_do(runner: Runner) -> None:
    """For a server to which nobody needs to be let in."""


class Runners:
    """Runners by name, each made and opened when it is first asked for. Belongs to the event loop's thread."""

    def __init__(self, default: str, makers: Mapping[str, Callable[[], Runner]]) -> None:
        self.opened: Opened = nothing_to_do
        """Called with a runner that has been opened while the server runs: its containers must reach the server."""
        self.default = makers[default]()
        """The server's own; its user opens it."""
        self._makers = makers
        self._ready: dict[str, Runner] = {default: self.default}
        self._opening = asyncio.Lock()

    def named(self, environment: Mapping[str, str], tags: Mapping[str, str]) -> str | None:
        """What a job asks for; None where it leaves that to the server. UnknownRunnerError."""
        for said, name in ((f"Environment {VARIABLE}", environment.get(VARIABLE)), (f"Tag {TAG}", tags.get(TAG))):
            if name is not None and name not in self._makers:
                known = " or ".join(repr(known) for known in self._makers)
                raise UnknownRunnerError(
                    f"{said} is {name!r}, which is no runner: it must be {known}. Correct it, or leave it out for the "
                    "runner that the server was started with"
                )
            if name is not None:
                return name
        return None

    async def get(self, name: str | None) -> Runner:
        """The runner of that name, ready; StartError where it cannot be had."""
        if name is None:
            return self.default
        async with self._opening:
            if name not in self._ready:
                runner = self._makers[name]()
                await asyncio.to_thread(runner.open)
                try:
                    await self.opened(runner)
                except BaseException:
                    await asyncio.to_thread(runner.close)
                    raise
                self._ready[name] = runner
            return self._ready[name]

    def close(self) -> None:
        """End what is left of every runner. Blocks."""
        for runner in self._ready.values():
            runner.close()
