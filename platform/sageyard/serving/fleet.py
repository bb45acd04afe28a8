"""The containers behind one deployment of an endpoint: variants, their instances, and who takes the next request."""

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from sageyard.clock import Clock
from sageyard.cloud import Cloud
from sageyard.errors import ValidationError
from sageyard.runners.base import Runner, RunRequest, StartError
from sageyard.runners.choice import Runners, UnknownRunnerError
from sageyard.runners.limits import capping, cpu_limit, has_gpu
from sageyard.serving.artifact import ArtifactError, link_tree, stage_model
from sageyard.serving.capture import Capture
from sageyard.serving.container import STOP_GRACE, Container, UnhealthyError
from sageyard.serving.deployment import Deployment, VariantPlan
from sageyard.serving.explainer import Explainer
from sageyard.serving.instance import Instance, run_all
from sageyard.serving.invocation_metrics import InvocationMetrics
from sageyard.serving.log_stream import LogStream, log_group

DRAIN_TIMEOUT = 65.0
"""Seconds a retired fleet is given for the requests it holds: a little over the invocation timeout."""


class DeploymentError(RuntimeError):
    """A fleet that did not come up; the message is the endpoint's FailureReason."""


@dataclass(frozen=True, slots=True)
class Yard:
    """What every fleet needs of the server."""

    cloud: Cloud
    runners: Runners
    runner: Runner
    clock: Clock
    random: Random
    invocation_timeout: float
    largest_unpacked: Callable[[int], int]
    """How many bytes a model archive of so many bytes may unpack to."""

    def check_runner(self, environment: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Refuse a runner that is none; ValidationError."""
        try:
            self.runners.named(environment, tags)
        except UnknownRunnerError as error:
            raise ValidationError(f"{error}.") from None

    async def chosen(self, plan: VariantPlan, tags: Mapping[str, str]) -> "Yard":
        """With the runner that a variant asks for, or its owner by `tags`. DeploymentError."""
        try:
            name = self.runners.named(plan.environment, plan.tags | dict(tags))
            runner = await self.runners.get(name)
        except (UnknownRunnerError, StartError) as error:
            raise DeploymentError(f"{plan.name}: {error}") from error
        return replace(self, runner=runner)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose instances they are: in names of runs, in messages, and where their output is logged."""

    run: str
    shown: str
    noun: str
    log_group: str
    log_stream: str
    """With `{}` for the instance's id."""


class Variant:
    """One production variant: its instances, its share of the traffic, its capture and its metrics.

    A batch transform job is one, too, with another `owner`.
    """

    def __init__(
        self,
        yard: Yard,
        plan: VariantPlan,
        endpoint_name: str,
        region: str,
        folder: Path,
        capture: Capture | None,
        owner: Owner | None = None,
    ) -> None:
        self.plan = plan
        self.name = plan.name
        self.header = plan.name.encode()
        self.instances: list[Instance] = []
        self.capture = capture
        self.metrics = InvocationMetrics(endpoint_name, plan.name, plan.count)
        self._yard = yard
        self._owner = owner or Owner(
            run=f"endpoint/{endpoint_name}/{plan.name}",
            shown=f"production variant {plan.name}",
            noun="endpoint",
            log_group=log_group(endpoint_name),
            log_stream=f"{plan.name}/{{}}",
        )
        self._region = region
        self._folder = folder
        self.explainer = self._new_explainer(endpoint_name) if plan.explainer else None
        self._turn = 0
        self.started = yard.clock.now()

    async def start(self, count: int | None = None) -> None:
        """Stage the model and start `count` instances, by default those of the plan. DeploymentError."""
        planned = await self._plan_instances(self.plan.count if count is None else count)
        await asyncio.to_thread(self._prepare_folder)
        for number, container in enumerate(self.plan.containers, 1):
            if container.source is not None:
                try:
                    target = self._folder / f"model-{number}"
                    yard = self._yard
                    await asyncio.to_thread(
                        stage_model, yard.cloud.objects, container.source, target, yard.largest_unpacked
                    )
                except ArtifactError as error:
                    raise DeploymentError(
                        f"{error} (the {self._label(number)} container of {self._owner.shown})"
                    ) from error
        await run_all([self._start_all(planned), self._start_explainer()])

    async def grow(self, count: int) -> None:
        """Start instances until there are `count`; none of the new ones serves before all are healthy."""
        await self._start_all(await self._plan_instances(count - len(self.instances)))

    async def shrink(self, count: int, grace: float = STOP_GRACE) -> None:
        """Take instances out of service until `count` are left, let them finish, stop them."""
        self.instances, retired = self.instances[:count], self.instances[count:]
        await _drained(retired)
        await asyncio.gather(*(instance.stop(grace) for instance in retired))

    def pick(self, avoid: Instance | None = None) -> Instance | None:
        """The healthy instance with the least to do, in turn among equals; `avoid` only if it is the last one."""
        instances = self.instances
        if len(instances) == 1:
            return instances[0] if instances[0].healthy else None
        self._turn += 1
        turn = self._turn % len(instances) if instances else 0
        best = None
        for instance in (*instances[turn:], *instances[:turn]):
            if instance is not avoid and instance.healthy and (best is None or instance.busy < best.busy):
                best = instance
        return best or (avoid if avoid is not None and avoid.healthy else None)

    def _new_explainer(self, endpoint_name: str) -> Explainer:
        yard = self._yard
        return Explainer(
            yard.runner,
            yard.cloud,
            yard.clock,
            self.plan.explainer or {},
            endpoint_name,
            self.name,
            self._region,
            self._folder / "explainer",
            yard.runner.client_environment(self._region),
            yard.invocation_timeout,
        )

    async def _start_explainer(self) -> None:
        if self.explainer is not None:
            try:
                await self.explainer.start()
            except UnhealthyError as error:
                raise self._unhealthy(error) from error

    def _unhealthy(self, error: UnhealthyError) -> DeploymentError:
        return DeploymentError(
            f"The {error.label} container for {self._owner.shown} did not pass the ping health check: {error}. "
            f"Please check CloudWatch logs for this {self._owner.noun}."
        )

    async def _plan_instances(self, count: int) -> list[Instance]:
        """Instances with their log streams, which clients look for before anything has started."""
        planned = [self._instance() for _ in range(count)]
        await asyncio.gather(*(instance.log.create() for instance in planned))
        return planned

    async def _start_all(self, planned: list[Instance]) -> None:
        try:
            await run_all([self._start(instance) for instance in planned])
        except BaseException:
            await asyncio.gather(*(instance.stop(0) for instance in planned))
            raise
        self.instances = [*self.instances, *planned]

    def _prepare_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob("i-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _label(self, number: int) -> str:
        return "primary" if len(self.plan.containers) == 1 else f"container_{number}"

    def _instance(self) -> Instance:
        identity = f"i-{secrets.token_hex(9)[:17]}"
        yard = self._yard
        owner = self._owner
        stream = owner.log_stream.format(identity)
        log = LogStream(yard.cloud.logs, yard.clock, self._region, owner.log_group, stream)
        instance_type = self.plan.instance_type
        containers = [
            Container(
                yard.runner,
                self._label(number),
                RunRequest(
                    name=f"{owner.run}/{identity}/{number}",
                    image_uri=plan.image,
                    root=self._folder / identity / str(number),
                    arguments=("serve",),
                    environment={**yard.runner.client_environment(self._region), **plan.environment},
                    memory=self.plan.memory,
                    cpus=cpu_limit(instance_type) if instance_type else None,
                    gpus=has_gpu(instance_type or ""),
                    network=not self.plan.isolated,
                    serves=True,
                    read_only=("model",),
                ),
                log,
                self.plan.startup_timeout,
            )
            for number, plan in enumerate(self.plan.containers, 1)
        ]
        hostnames = [plan.hostname for plan in self.plan.containers]
        return Instance(identity, containers, hostnames, log, yard.invocation_timeout)

    async def _start(self, instance: Instance) -> None:
        if self.plan.instance_type and (line := capping(self.plan.instance_type)) is not None:
            instance.log.write([line])
        for number, container in enumerate(instance.containers, 1):
            await asyncio.to_thread(self._prepare_root, container.root, number)
        try:
            await instance.start()
        except UnhealthyError as error:
            raise self._unhealthy(error) from error

    def _prepare_root(self, root: Path, number: int) -> None:
        (root / "model").mkdir(parents=True, exist_ok=True)
        staged = self._folder / f"model-{number}"
        if staged.exists():
            link_tree(staged, root / "model")


class Fleet:
    """All variants of one deployment."""

    def __init__(
        self, deployment: Deployment, variants: list[Variant], folder: Path, region: str, endpoint_name: str
    ) -> None:
        self.endpoint_name = endpoint_name
        self.deployment = deployment
        self.hosts_components = deployment.hosts_components
        self.variants = variants
        self.folder = folder
        self.region = region
        self._by_name = {variant.name: variant for variant in variants}
        self._single = variants[0] if len(variants) == 1 else None
        for variant in variants:
            variant.metrics.config_name = deployment.config_name
        self._weights: list[float] = []
        self.reweigh(deployment)

    async def start(self, counts: Mapping[str, int] | None = None) -> None:
        """Start every variant, with fewer instances than planned if so told; DeploymentError with nothing left
        running."""
        try:
            await run_all([variant.start((counts or {}).get(variant.name)) for variant in self.variants])
        except BaseException:
            await self.stop(0)
            raise

    async def resize(self, deployment: Deployment) -> None:
        """Bring the running variants to the counts and weights of `deployment` (same variants). DeploymentError."""
        plans = {plan.name: plan for plan in deployment.variants}
        await run_all([variant.grow(plans[variant.name].count) for variant in self.variants])
        self.reweigh(deployment)
        await run_all([variant.shrink(plans[variant.name].count) for variant in self.variants])

    async def grow(self, counts: Mapping[str, int]) -> None:
        """Start instances until every variant has so many. DeploymentError."""
        await run_all([variant.grow(counts[variant.name]) for variant in self.variants])

    async def shrink(self, counts: Mapping[str, int]) -> None:
        """Take instances out of service until every variant has so many; what they hold is answered first."""
        await run_all([variant.shrink(counts[variant.name]) for variant in self.variants])

    def reweigh(self, deployment: Deployment) -> None:
        """Take over plans (weights and counts) of the same variants."""
        self.deployment = deployment
        for plan in deployment.variants:
            self._by_name[plan.name].plan = plan
            self._by_name[plan.name].metrics.instances = plan.count
        self._weights = [variant.plan.weight for variant in self.variants]

    def choose(self, target: str | None, random: Random) -> Variant | None:
        """The variant of that name, or one by weight; None where there is no such variant."""
        if target is not None:
            return self._by_name.get(target)
        if self._single is not None:
            return self._single
        if sum(self._weights) <= 0:
            return random.choice(self.variants)
        return random.choices(self.variants, self._weights)[0]

    async def drain(self) -> None:
        """Wait until the requests it holds are answered, at most DRAIN_TIMEOUT seconds."""
        explainers = [variant.explainer for variant in self.variants if variant.explainer is not None]
        await _drained([*explainers, *(instance for variant in self.variants for instance in variant.instances)])

    async def stop(self, grace: float = STOP_GRACE) -> None:
        """Stop every instance and deliver what was captured. May be called again."""
        stops: list[Coroutine[Any, Any, None]] = []
        for variant in self.variants:
            instances, variant.instances = variant.instances, []
            stops.extend(instance.stop(grace) for instance in instances)
            if variant.explainer is not None:
                stops.append(variant.explainer.stop(grace))
        await asyncio.gather(*stops)
        await self.flush()

    async def flush(self) -> None:
        """Deliver what was captured so far."""
        await asyncio.gather(*(variant.capture.flush() for variant in self.variants if variant.capture is not None))


async def _drained(containers: Sequence[Instance | Explainer]) -> None:
    async def idle() -> None:
        while any(each.busy for each in containers):  # noqa: ASYNC110 - an event would burden every invocation
            await asyncio.sleep(0.01)

    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(idle(), DRAIN_TIMEOUT)
