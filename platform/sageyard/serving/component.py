"""What stands behind the InferenceComponent resource: copies of a container beside a variant of an endpoint.

The copies are a fleet of their own, started, invoked, updated and brought back after a restart as an endpoint's is.
An update brings up a new fleet and moves the traffic to it, all at once or in the batches of its DeploymentConfig. One
that fails leaves the old copies serving: status InService with a FailureReason.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from sageyard.clock import Clock
from sageyard.cloud import Cloud
from sageyard.errors import ValidationError
from sageyard.resources.spec import Api, Context, Document, Hooks, Resource
from sageyard.serving.component_plan import (
    changed_specification,
    check_specification,
    choose_variant,
    log_group,
    plan_component,
    rolling_policy,
    specification_summary,
)
from sageyard.serving.deployment import Deployment
from sageyard.serving.endpoint import FAILURES, REASON_LENGTH, EndpointHooks
from sageyard.serving.fleet import Fleet
from sageyard.serving.rollout import Ground, Rollout
from sageyard.serving.router import ServedEndpoint
from sageyard.serving.summary import pending_summary
from sageyard.serving.traffic import plan_traffic
from sageyard.settings import Settings

logger = logging.getLogger(__name__)

NO_UPDATE: Document = {"update": None, "traffic": None, "rollout": None, "before": None}
"""The private notes of a component that is not being updated."""


class ComponentHooks(Hooks):
    """Hooks of kind InferenceComponent. One per server, as those of the endpoints that the components belong to.

    `resume` for every InService component at server start; closing the endpoints' hooks stops the copies, too.
    """

    def __init__(
        self, endpoints: EndpointHooks, cloud: Cloud, settings: Settings, clock: Clock, api: Callable[[], Api]
    ) -> None:
        self._endpoints = endpoints
        self._fleets = endpoints.fleets
        self._served = endpoints.components
        self._cloud = cloud
        self._clock = clock
        self._account_id = settings.account_id
        self._folder = settings.work_dir / "components"
        self._api = api

    async def resume(self, resource: Resource) -> None:
        """Bring an InService component back after a restart of the server; Updating until it is. An update that is
        noted for one was not accepted yet."""
        resource.save(status="Updating", private=NO_UPDATE)
        await self.run(resource, recovered=True)

    # hooks

    async def prepare(self, request: Document, context: Context) -> Document:
        members = request | {"Specification": check_specification(request)}
        members.setdefault("RuntimeConfig", {"CopyCount": 1})
        arn, deployment = await self._plan(context.api, members, context.region)
        self._check_runner(deployment, context.tags)
        return members | {"EndpointArn": arn, "VariantName": deployment.variants[0].name}

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        if resource.status == "Deleting":
            await self._remove(resource)
            return
        served = self._serve(resource)
        stored = resource.private.get("deployment")
        try:
            if stored is None:
                _, deployment = await self._plan(self._api(), resource.document, resource.region)
                resource.save(private={"deployment": deployment.to_document()})
            else:
                deployment = Deployment.from_document(stored)
            served.fleet = await self._launch(resource, deployment)
        except FAILURES as error:
            reason = str(error)[:REASON_LENGTH]
            resource.save(status="Failed", private=NO_UPDATE, FailureReason=reason, PendingDeploymentSummary=None)
            await asyncio.to_thread(shutil.rmtree, self._component_folder(resource), True)
            return
        if resource.private.get("update"):
            await self._update(resource)
        else:
            resource.save(status="InService")

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        self._refuse_busy(resource)
        before = {name: resource.document[name] for name in ("Specification", "RuntimeConfig")}
        members: Document = {name: request.get(name) or value for name, value in before.items()}
        fleet = self._serve(resource).fleet
        traffic = None
        if fleet is not None and "Specification" not in request and "Specifications" not in request:
            copies = {"DesiredInstanceCount": members["RuntimeConfig"]["CopyCount"]}
            deployment = fleet.deployment.resized(dict.fromkeys(fleet.deployment.counts, copies))
        else:
            changed = changed_specification(before["Specification"], request.get("Specification") or {})
            members["Specification"] = check_specification(request | {"Specification": changed})
            _, deployment = await self._plan(context.api, resource.document | members, resource.region)
            self._check_runner(deployment, resource.tags)
            traffic = rolling_policy(request.get("DeploymentConfig"), deployment)
            await self._endpoints.check_alarms(resource.region, plan_traffic(traffic, deployment.counts))
            members["PendingDeploymentSummary"] = pending_summary(deployment, context.now)
            members["LastDeploymentConfig"] = request.get("DeploymentConfig")
        self._refuse_busy(resource)  # another request may have come first while this one was checked
        notes = {"update": deployment.to_document(), "traffic": traffic, "before": before}
        resource.save(private=NO_UPDATE | notes)
        return members | {"FailureReason": None}

    async def updated(self, resource: Resource) -> None:
        self._fleets.spawn(self._update(resource))

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        self._refuse_busy(resource)

    async def deleted(self, resource: Resource) -> None:
        self._fleets.spawn(self._remove(resource))

    def describe(self, resource: Resource, document: Document) -> Document:
        served = self._served.get(_key(resource))
        fleets = [fleet for fleet in (served.fleet, served.incoming) if fleet is not None] if served else []
        resolved = fleets[-1].variants[0].started if fleets else document["CreationTime"]
        return document | {
            "Specification": specification_summary(document["Specification"], resolved),
            "RuntimeConfig": {
                "DesiredCopyCount": document["RuntimeConfig"]["CopyCount"],
                "CurrentCopyCount": sum(each.healthy for fleet in fleets for each in fleet.variants[0].instances),
            },
        }

    # the work behind them

    async def _update(self, resource: Resource) -> None:
        """Bring the copies to what the private notes say, or keep them and say why."""
        served = self._serve(resource)
        old = served.fleet
        deployment = Deployment.from_document(resource.private["update"])
        rollout = None
        try:
            if old is not None and old.deployment.id == deployment.id:
                await self._resize(old, deployment)
            else:
                rollout = self._rollout(resource, served, deployment)
                served.fleet, served.incoming = await rollout.run(), None
        except Exception as error:  # whatever it is, the old copies still serve
            if not isinstance(error, FAILURES):
                logger.exception("update of inference component %s", resource.name)
            await self._go_back(resource, served, rollout, str(error))
            return
        done: Document = {"PendingDeploymentSummary": None, "FailureReason": None}
        resource.save(status="InService", private={"deployment": deployment.to_document(), **NO_UPDATE}, **done)
        if old is not None and old is not served.fleet:
            self._fleets.retire(old)

    async def _resize(self, fleet: Fleet, deployment: Deployment) -> None:
        before = fleet.deployment
        try:
            await fleet.resize(deployment)
        except FAILURES:
            await fleet.resize(before)
            raise

    def _rollout(self, resource: Resource, served: ServedEndpoint, deployment: Deployment) -> Rollout:
        fleets = [] if served.fleet is None else [served.fleet]
        ground = Ground(
            self._clock,
            self._cloud.alarms,
            partial(self._launch, resource),
            lambda: self._fleets.put_metrics(fleets=[*fleets, *([served.incoming] if served.incoming else [])]),
        )
        plan = plan_traffic(resource.private.get("traffic"), deployment.counts)
        return Rollout(ground, resource, served, deployment, plan)

    async def _go_back(self, resource: Resource, served: ServedEndpoint, rollout: Rollout | None, reason: str) -> None:
        """After an update that failed: the old copies, where there are any, serve as before."""
        if rollout is not None:
            try:
                await rollout.go_back()
            except FAILURES as error:
                reason = f"{reason} Not all of the old copies could be restored: {error}"
            served.incoming = None
        notes = resource.private
        members = notes["before"] | {"FailureReason": reason[:REASON_LENGTH], "PendingDeploymentSummary": None}
        resource.save(status="Failed" if served.fleet is None else "InService", private=NO_UPDATE, **members)
        if rollout is not None and rollout.fleet is not None:
            self._fleets.retire(rollout.fleet)
        elif rollout is not None:
            folder = self._component_folder(resource) / notes["update"]["id"]
            await asyncio.to_thread(shutil.rmtree, folder, True)

    async def _remove(self, resource: Resource) -> None:
        served = self._served.pop(_key(resource), None)
        fleet = None if served is None else served.fleet
        if served is not None and fleet is not None:
            served.fleet = None
            await self._fleets.retire(fleet)
        await asyncio.to_thread(shutil.rmtree, self._component_folder(resource), True)
        resource.remove()

    async def _plan(self, api: Api, members: Document, region: str) -> tuple[str, Deployment]:
        """The ARN of a component's endpoint, and what the component deploys there."""
        arn, host = await self._endpoints.host(api, members["EndpointName"], region)
        variant = choose_variant(host, members.get("VariantName"), arn)
        return arn, await plan_component(api, members, variant, host.capture, region)

    async def _launch(
        self, resource: Resource, deployment: Deployment, counts: Mapping[str, int] | None = None
    ) -> Fleet:
        folder = self._component_folder(resource) / deployment.id
        region, endpoint_name, name = _key(resource)
        return await self._fleets.launch(deployment, folder, region, endpoint_name, resource.tags, counts, name)

    def _serve(self, resource: Resource) -> ServedEndpoint:
        key = _key(resource)
        if key not in self._served:
            group = log_group(resource.name)
            log_arn = f"arn:aws:logs:{resource.region}:{self._account_id}:log-group:{group}"
            self._served[key] = ServedEndpoint(resource.name, resource.region, log_arn)
        return self._served[key]

    def _check_runner(self, deployment: Deployment, tags: Mapping[str, str]) -> None:
        for variant in deployment.variants:
            self._endpoints.yard.check_runner(variant.environment, variant.tags | dict(tags))

    def _refuse_busy(self, resource: Resource) -> None:
        if resource.status in {"Creating", "Updating", "Deleting"}:
            raise ValidationError(f'Cannot update in-progress inference component "{resource.arn}".')

    def _component_folder(self, resource: Resource) -> Path:
        return self._folder / resource.region / resource.name


def _key(resource: Resource) -> tuple[str, str, str]:
    return resource.region, resource.document["EndpointName"], resource.name
