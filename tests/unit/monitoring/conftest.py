"""Scenarios run in an event loop of their own, over a new server."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from .server import Server, at

Scenario = Callable[[Server], Coroutine[Any, Any, None]]


@pytest.fixture
def drive(tmp_path: Path) -> Callable[..., None]:
    """Runs a scenario on a server that has the endpoint `churn` and the definition `quality`, at 08:20."""

    def run(scenario: Scenario, *, now: str = "2026-11-21 08:20") -> None:
        async def main() -> None:
            async with Server(tmp_path, at(now)) as server:
                await server.endpoint()
                await server.definition()
                await scenario(server)

        asyncio.run(main())

    return run
