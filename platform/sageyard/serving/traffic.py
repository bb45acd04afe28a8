"""How an update moves traffic from the old fleet to the new one: the stages of each kind of DeploymentConfig.

Sources: developer guide, `deployment-guardrails` and its pages on canary, linear, all at once and rolling; the limits
of sizes are those of the API reference. A size in percent is a share of the traffic, exactly; one in instances is their
share of the variant's instances. So a fleet of one instance, the common one on one's own machine, can have a canary.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sageyard.errors import ValidationError
from sageyard.resources.spec import Document

WAIT, TERMINATION = "WaitIntervalInSeconds", "TerminationWaitInSeconds"


@dataclass(frozen=True, slots=True)
class Capacity:
    """What of one variant of the new fleet takes requests: instances, and their share of the traffic (0 to 1)."""

    instances: int
    share: float


@dataclass(frozen=True, slots=True)
class Stage:
    """One shift of traffic and the baking period after it."""

    capacity: Mapping[str, Capacity]
    """By the name of the variant."""
    noun: str
    """What messages call the capacity: `canary`, `full`."""
    wait: float
    """Seconds of the baking period."""
    waits_for: str
    """The member that says how long."""

    @property
    def shares(self) -> dict[str, float]:
        """Share of the traffic by the name of the variant."""
        return {name: capacity.share for name, capacity in self.capacity.items()}

    @property
    def instances(self) -> dict[str, int]:
        """Instances that take requests by the name of the variant."""
        return {name: capacity.instances for name, capacity in self.capacity.items()}


@dataclass(frozen=True, slots=True)
class TrafficPlan:
    """A whole update."""

    stages: tuple[Stage, ...]
    """None where the traffic simply goes to the new fleet as soon as that is there."""
    timeout: float | None = None
    """Seconds until it is rolled back."""
    alarms: tuple[str, ...] = ()
    """Names of the CloudWatch alarms that roll it back."""
    rolling: bool = False
    """Instances are replaced in batches, instead of one fleet by another."""
    rollback: Document | None = None
    """The size of the batches in which a rolling deployment goes back; None: all at once."""


Counts = Mapping[str, int]
"""Instances of the new fleet by the name of the variant."""


def plan_traffic(config: Document | None, counts: Counts, serving: set[str] | None = None) -> TrafficPlan:
    """The plan of a DeploymentConfig; ValidationError for what cannot be carried out.

    `serving` names the variants that serve now, where there are any.
    """
    config = config or {}
    blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if blue_green and rolling:
        raise _invalid("it has BlueGreenUpdatePolicy and RollingUpdatePolicy: give one of them")
    policy = blue_green or rolling or {}
    if policy and serving is not None and serving != set(counts):
        raise _invalid(
            f"the new endpoint configuration has the variants {', '.join(sorted(counts))} and the endpoint "
            f"{', '.join(sorted(serving))}: deployments in stages need the same names"
        )
    stages = _rolling(policy, counts) if rolling else _blue_green(policy, counts) if blue_green else []
    timeout = policy.get("MaximumExecutionTimeoutInSeconds")
    waits = sum(stage.wait for stage in stages)
    if timeout is not None and timeout <= waits:
        raise _invalid(
            f"its waits take {waits:g} seconds in all and MaximumExecutionTimeoutInSeconds is {timeout}: "
            "the timeout must be larger"
        )
    alarms = (config.get("AutoRollbackConfiguration") or {}).get("Alarms") or ()
    return TrafficPlan(
        tuple(stages),
        timeout,
        tuple(alarm["AlarmName"] for alarm in alarms if alarm.get("AlarmName")),
        bool(rolling),
        policy.get("RollbackMaximumBatchSize"),
    )


def batch(size: Document | None, count: int) -> int:
    """Instances of one batch of a variant with `count` instances; all of them where no size is given."""
    if size is None:
        return count
    value = int(size["Value"])
    return max(1, min(count, value if size["Type"] == "INSTANCE_COUNT" else count * value // 100))


# one function for each type of routing


def _all_at_once(routing: Document, counts: Counts) -> list[Stage]:
    return []


def _canary(routing: Document, counts: Counts) -> list[Stage]:
    size = _size(routing, "CanarySize", counts, 0.0, 0.5)
    return [Stage(_capacity(size, counts, 1), "canary", float(routing[WAIT]), WAIT)]


def _linear(routing: Document, counts: Counts) -> list[Stage]:
    size = _size(routing, "LinearStepSize", counts, 0.1, 0.5)
    steps = max(math.ceil(1 / _share(size, count)) for count in counts.values())
    return [Stage(_capacity(size, counts, step), "linear step", float(routing[WAIT]), WAIT) for step in range(1, steps)]


ROUTING: dict[str, Callable[[Document, Counts], list[Stage]]] = {
    "ALL_AT_ONCE": _all_at_once,
    "CANARY": _canary,
    "LINEAR": _linear,
}
"""The stages before the last one, in which the new fleet has all the traffic."""


def _blue_green(policy: Document, counts: Counts) -> list[Stage]:
    routing = policy["TrafficRoutingConfiguration"]
    full = {name: Capacity(count, 1.0) for name, count in counts.items()}
    last = Stage(full, "full", float(policy.get(TERMINATION, 0)), TERMINATION)
    return [*ROUTING[routing["Type"]](routing, counts), last]


def _rolling(policy: Document, counts: Counts) -> list[Stage]:
    if len(counts) > 1:
        raise _invalid("rolling deployments are for endpoints of one variant: use BlueGreenUpdatePolicy")
    size = _size(policy, "MaximumBatchSize", counts, 0.05, 0.5)
    ((name, count),) = counts.items()
    step = batch(size, count)
    launched = [*range(step, count, step), count]
    return [
        Stage(
            {name: Capacity(instances, instances / count)},
            "full" if instances == count else "batch",
            float(policy[WAIT]),
            WAIT,
        )
        for instances in launched
    ]


def _capacity(size: Document, counts: Counts, step: int) -> dict[str, Capacity]:
    shares = {name: min(1.0, _share(size, count) * step) for name, count in counts.items()}
    # the sum of percentages is off by an ulp here and there; a fourteenth digit is no instance
    return {name: Capacity(math.ceil(round(share * counts[name], 9)), share) for name, share in shares.items()}


def _share(size: Document, count: int) -> float:
    value = int(size["Value"])
    return value / count if size["Type"] == "INSTANCE_COUNT" else value / 100


def _size(policy: Document, member: str, counts: Counts, least: float, most: float) -> Document:
    """A size that is there, and within its limits for every variant."""
    size: Document | None = policy.get(member)
    if size is None:
        raise _invalid(f"{member} is missing")
    for name, count in counts.items():
        share = _share(size, count)
        if not least <= share <= most:
            limits = f"at most {most:.0%}" if not least else f"{least:.0%} to {most:.0%}"
            raise _invalid(
                f"{member} of {size['Value']} ({size['Type']}) is {share:.0%} of the {count} instance(s) of variant "
                f"{name}, and may be {limits}: use CAPACITY_PERCENT, or another number of instances"
            )
    return size


def _invalid(what: str) -> ValidationError:
    return ValidationError(f"DeploymentConfig cannot be carried out: {what}.")
