"""Warm pools of training jobs: who keeps one, who gets it, and how it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sageyard.errors import ResourceInUseError
from sageyard.resources.spec import Context

from tests.unit.jobs.world import NO_API, REGION, MemoryResource, World, until

KEPT = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1, "KeepAlivePeriodInSeconds": 600}


class Pools:
    """Jobs whose hooks run on after their end, as those of a job with a pool do."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tasks: list[asyncio.Task[None]] = []

    async def train(self, name: str, script: str = "", **members: Any) -> MemoryResource:
        """Run a job to its end."""
        request = self.world.training_request(script, name, **{"ResourceConfig": KEPT, **members})
        job = await self.world.create("TrainingJob", request)
        self.tasks.append(asyncio.create_task(self.world.training.run(job)))
        await until(lambda: job.status != "InProgress")
        return job


@asynccontextmanager
async def pools(world: World) -> AsyncIterator[Pools]:
    """Jobs that are shut down at the end."""
    jobs = Pools(world)
    try:
        yield jobs
    finally:
        for task in jobs.tasks:
            task.cancel()
        await asyncio.gather(*jobs.tasks, return_exceptions=True)


def pool(job: MemoryResource) -> str | None:
    """The status of its warm pool."""
    status: str | None = (job.row.get("WarmPoolStatus") or {}).get("Status")
    return status


def test_a_pool_goes_from_job_to_job_and_ends_with_its_period(world: World) -> None:
    async def main() -> None:
        async with pools(world) as jobs:
            first = await jobs.train("first")
            assert first.row["WarmPoolStatus"] == {"Status": "Available"}
            world.clock.advance(300)
            second = await jobs.train("second")
            reused = first.row["WarmPoolStatus"]
            assert 300 <= reused.pop("ResourceRetainedBillableTimeInSeconds") < 310
            assert reused == {"Status": "Reused", "ReusedByJob": "second"}
            assert pool(second) == "Available"
            world.clock.advance(599)
            assert pool(second) == "Available"
            world.clock.advance(2)
            await until(lambda: pool(second) == "Terminated")
            assert second.row["WarmPoolStatus"]["ResourceRetainedBillableTimeInSeconds"] >= 600
            third = await jobs.train("third", ResourceConfig=KEPT | {"KeepAlivePeriodInSeconds": 0})
            assert pool(third) is None

    asyncio.run(main())


@pytest.mark.parametrize(
    "other",
    [
        {"RoleArn": "arn:aws:iam::123456789012:role/Other"},
        {"ResourceConfig": KEPT | {"InstanceType": "ml.m5.xlarge"}},
        {"ResourceConfig": KEPT | {"VolumeSizeInGB": 2}},
        {"EnableNetworkIsolation": True},
        {"VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}},
    ],
)
def test_a_job_that_does_not_match_leaves_the_pool(world: World, other: dict[str, Any]) -> None:
    async def main() -> None:
        async with pools(world) as jobs:
            first = await jobs.train("first")
            second = await jobs.train("second", **other)
            assert (pool(first), pool(second)) == ("Available", "Available")

    asyncio.run(main())


def test_a_job_without_a_period_of_its_own_ends_the_pool_that_it_uses(world: World) -> None:
    async def main() -> None:
        async with pools(world) as jobs:
            first = await jobs.train("first")
            second = await jobs.train("second", ResourceConfig=KEPT | {"KeepAlivePeriodInSeconds": 0})
            assert (pool(first), pool(second)) == ("Reused", "Terminated")

    asyncio.run(main())


def test_a_failed_algorithm_leaves_its_pool_and_a_failed_server_does_not(world: World) -> None:
    async def main() -> None:
        async with pools(world) as jobs:
            failed = await jobs.train("failed", "raise SystemExit(3)")
            assert (failed.status, pool(failed)) == ("Failed", "Available")
            never = world.training_request("", "never", ResourceConfig=KEPT | {"VolumeSizeInGB": 9})
            never["AlgorithmSpecification"] = never["AlgorithmSpecification"] | {"TrainingImage": "nobody/knows:1"}
            job = await world.create("TrainingJob", never)
            await world.training.run(job)
            assert (job.status, pool(job)) == ("Failed", None)

    asyncio.run(main())


def test_the_cache_of_a_pool_is_all_that_a_job_finds_of_the_one_before(world: World) -> None:
    leave = "open('/opt/ml/sagemaker/warmpoolcache/data', 'w').write('kept'); open('/opt/ml/left', 'w').write('x')"
    find = (
        "import os\nprint(open('/opt/ml/sagemaker/warmpoolcache/data').read(), os.path.exists('/opt/ml/left'), "
        "os.listdir('/opt/ml/model'))"
    )

    async def main() -> None:
        async with pools(world) as jobs:
            await jobs.train("first", leave)
            second = await jobs.train("second", find)
            assert second.status == "Completed", second.row.get("FailureReason")

    asyncio.run(main())
    (stream,) = [key for key in world.logs.streams if key[2].startswith("second/")]
    assert [line for _, line in world.logs.streams[stream]] == ["kept False []"]


def test_a_pool_ends_with_the_server_and_leaves_no_folder(world: World) -> None:
    async def main() -> MemoryResource:
        async with pools(world) as jobs:
            return await jobs.train("first")

    job = asyncio.run(main())
    assert pool(job) == "Terminated"
    assert list((world.settings.work_dir / "WarmPool").iterdir()) == []


def test_a_shorter_period_ends_a_pool_at_once_and_then_its_job_can_be_deleted(world: World) -> None:
    async def main() -> None:
        async with pools(world) as jobs:
            job = await jobs.train("first")
            context = Context(REGION, "123456789012", world.clock.now(), NO_API)
            with pytest.raises(ResourceInUseError, match="retains a warm pool"):
                await world.training.prepare_delete(job, context)
            job.save(ResourceConfig=KEPT | {"KeepAlivePeriodInSeconds": 0})
            await until(lambda: pool(job) == "Terminated")
            await world.training.prepare_delete(job, context)

    asyncio.run(main())
