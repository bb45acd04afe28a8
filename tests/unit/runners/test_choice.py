"""Which runner a job has."""

import asyncio
from pathlib import Path

import pytest
from sageyard.runners.base import Runner, StartError
from sageyard.runners.choice import TAG, VARIABLE, Runners, UnknownRunnerError
from sageyard.runners.process import ProcessRunner
from sageyard.settings import Settings


@pytest.fixture
def runners(tmp_path: Path) -> Runners:
    settings = Settings(state_dir=tmp_path)
    return Runners("process", {"process": lambda: ProcessRunner(settings), "other": lambda: ProcessRunner(settings)})


@pytest.mark.parametrize(
    ("environment", "tags", "name"),
    [
        ({}, {}, None),
        ({VARIABLE: "other"}, {}, "other"),
        ({}, {TAG: "other"}, "other"),
        ({VARIABLE: "process"}, {TAG: "other"}, "process"),
    ],
)
def test_the_variable_counts_before_the_tag(
    runners: Runners, environment: dict[str, str], tags: dict[str, str], name: str | None
) -> None:
    assert runners.named(environment, tags) == name


def test_an_unknown_name_is_refused_with_those_that_there_are(runners: Runners) -> None:
    with pytest.raises(UnknownRunnerError, match=r"Tag sageyard:runner is 'cloud'.*'process' or 'other'"):
        runners.named({}, {TAG: "cloud"})


def test_a_runner_is_made_once_and_when_it_is_asked_for(runners: Runners) -> None:
    opened: list[Runner] = []

    async def let_in(runner: Runner) -> None:
        opened.append(runner)

    async def main() -> None:
        runners.opened = let_in
        assert await runners.get(None) is await runners.get("process") is runners.default
        assert opened == []
        first, second = await asyncio.gather(runners.get("other"), runners.get("other"))
        assert first is second is not runners.default
        assert opened == [first]

    asyncio.run(main())


def test_a_runner_that_cannot_be_had_is_asked_for_again(tmp_path: Path) -> None:
    attempts: list[int] = []

    def fail() -> Runner:
        attempts.append(1)
        raise StartError("no engine")

    runners = Runners("process", {"process": lambda: ProcessRunner(Settings(state_dir=tmp_path)), "docker": fail})
    for _ in range(2):
        with pytest.raises(StartError, match="no engine"):
            asyncio.run(runners.get("docker"))
    assert len(attempts) == 2
