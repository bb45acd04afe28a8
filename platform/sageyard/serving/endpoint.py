"""What stands behind the Endpoint resource: create, update, delete, and coming back after a restart.

Update is blue/green: the new fleet starts beside the old one, takes its traffic at once or in the stages of the
DeploymentConfig (`rollout`), and the old one finishes what it holds and is stopped. An update that fails, or that an
alarm rolls back, leaves the old fleet serving: status InService with a FailureReason.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random

from sageyard.clock import Clock
from sageyard.cloud import Cloud
from sageyard.errors import AwsError, ValidationError
from sageyard.resources.spec import Api, Context, Document, Hooks, Resource
from sageyard.runners.choice import Runners
from sageyard.serving.capture import capture_summary
from sageyard.serving.deployment import Deployment, read_deployment
from sageyard.serving.explainer_config import explainer_summary
from sageyard.serving.fleet import DeploymentError, Fleet, Yard
from sageyard.serving.fleets import Fleets
from sageyard.serving.instance import INVOCATION_TIMEOUT
from sageyard.serving.log_stream import log_group
from sageyard.serving.rollout import Ground, RolledBackError, Rollout
from sageyard.serving.router import Components, Endpoints, Router, ServedEndpoint
from sageyard.serving.spool import SpoolFolder
from sageyard.serving.summary import pending_summary, variant_summary
from sageyard.serving.traffic import TrafficPlan, plan_traffic
from sageyard.settings import Settings

logger = logging.getLogger(__name__)

FAILURES = (DeploymentError, RolledBackError, AwsError, OSError)
"""What may keep a fleet from coming up, or from taking over: its containers, its configuration, the disk, an alarm."""
NO_UPDATE: Document = {"update": None, "traffic": None, "rollout": None}
"""The private notes of an endpoint that is not being updated."""
REASON_LENGTH = 1024


class EndpointHooks(Hooks):
    """Hooks of kind Endpoint. One per server; `router` answers its invocations.

    `api` is asked for when it is needed: operations are built from hooks. `start` before the first resource is run,
    `resume` for every InService endpoint at server start, `close` at the end.
    """

    def __init__(
        self,
        cloud: Cloud,
        runners: Runners,
        settings: Settings,
        clock: Clock,
        api: Callable[[], Api],
        random: Random | None = None,
        invocation_timeout: float = INVOCATION_TIMEOUT,
    ) -> None:
        random = random or Random()  # noqa: S311 - sampling, not secrets
        self._api = api
        self._cloud = cloud
        self._clock = clock
        self._account_id = settings.account_id
        self._folder = settings.work_dir / "endpoints"
        self._spools = SpoolFolder(settings.state_dir / "capture", cloud.objects)
        self.yard = Yard(cloud, runners, runners.default, clock, random, invocation_timeout, settings.largest_unpacked)
        self.fleets = Fleets(cloud, clock, self.yard, self._spools)
        self._endpoints: Endpoints = {}
        self.components: Components = {}
        """Filled by the hooks of inference components."""
        self._resources: dict[tuple[str, str], Resource] = {}
        self._updates: dict[tuple[str, str], Document] = {}
        self.router = Router(self._endpoints, self.components, settings.account_id, clock, random)

    # the server's life

    async def start(self) -> None:
        """Deliver captured data that a former process left."""
        self._spools.recover()

    async def close(self) -> None:
        """Stop every fleet; deliver captured data, logs and metrics. The rows stay as they are, to come back."""
        self._spools.give_up_retrying()
        for endpoint in (*self._endpoints.values(), *self.components.values()):
            endpoint.fleet = endpoint.incoming = None
        self._endpoints.clear()
        self.components.clear()
        self._resources.clear()
        await self.fleets.close()
        await self._spools.close()

    async def resume(self, resource: Resource) -> None:
        """Bring an InService endpoint back after a restart of the server; SystemUpdating until it is."""
        resource.save(status="SystemUpdating")
        await self.run(resource, recovered=True)

    async def flush(self, region: str, endpoint_name: str) -> None:
        """Deliver what an endpoint has captured so far: whoever reads it next finds all of it in S3."""
        await asyncio.gather(*(fleet.flush() for fleet in self.fleets.of(region, endpoint_name)))

    async def host(self, api: Api, name: str, region: str) -> tuple[str, Deployment]:
        """The ARN of an endpoint and what it deploys, for an inference component that is to run on it."""
        described = await api.call("DescribeEndpoint", {"EndpointName": name}, region=region)
        arn, status = described["EndpointArn"], described["EndpointStatus"]
        if status in {"Failed", "Deleting", "OutOfService"}:
            raise ValidationError(f'Endpoint "{arn}" is {status} and can host no inference component.')
        known = self._resources.get((region, name))
        if known is not None and (stored := known.private.get("deployment")):
            return arn, Deployment.from_document(stored)
        return arn, await read_deployment(api, described["EndpointConfigName"], region)

    async def check_alarms(self, region: str, plan: TrafficPlan) -> None:
        """Refuse alarms that do not exist; ValidationError."""
        missing = await asyncio.to_thread(self._cloud.alarms.missing, region, plan.alarms) if plan.alarms else []
        if missing:
            raise ValidationError(
                f"CloudWatch has no alarm {', '.join(missing)}, which AutoRollbackConfiguration names: "
                "make it with PutMetricAlarm or leave it out"
            )

    # hooks

    async def prepare(self, request: Document, context: Context) -> Document:
        deployment = await read_deployment(context.api, request["EndpointConfigName"], context.region)
        for variant in deployment.variants:
            self.yard.check_runner(variant.environment, variant.tags | context.tags)
        plan_traffic(request.get("DeploymentConfig"), deployment.counts)
        members = {key: value for key, value in request.items() if key != "DeploymentConfig"}
        return members | _deployment_config(request)

    async def run(self, resource: Resource, *, recovered: bool = False) -> None:
        status = resource.status
        if status == "Deleting":
            await self._remove(resource)
            return
        endpoint = self._serve(resource)
        stored = resource.private.get("deployment")
        try:
            if stored is None:
                deployment = await read_deployment(
                    self._api(), resource.document["EndpointConfigName"], resource.region
                )
                resource.save(private={"deployment": deployment.to_document()})
            else:
                deployment = Deployment.from_document(stored)
            fleet = await self._launch(resource, deployment)
        except FAILURES as error:
            resource.save(status="Failed", FailureReason=str(error)[:REASON_LENGTH], PendingDeploymentSummary=None)
            await asyncio.to_thread(shutil.rmtree, self._endpoint_folder(resource), True)
            return
        endpoint.fleet = fleet
        if "PendingDeploymentSummary" in resource.document:
            await self._update(resource)
        else:
            resource.save(status="InService")

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        self._refuse_busy(resource)
        key = (resource.region, resource.name)
        if key not in self._endpoints or self._endpoints[key].fleet is None:
            raise ValidationError(
                f'Cannot update endpoint "{resource.arn}" in status {resource.status}: delete it and create it anew.'
            )
        deployment = await read_deployment(context.api, request["EndpointConfigName"], context.region)
        serving = Deployment.from_document(resource.private["deployment"])
        deployment.check_hosting(serving)
        if request.get("RetainAllVariantProperties"):
            excluded = {item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties") or ()}
            deployment = deployment.keeping(serving, excluded)
        traffic = request.get("DeploymentConfig")
        if traffic is None and request.get("RetainDeploymentConfig"):
            traffic = resource.document.get("LastDeploymentConfig")
        plan = plan_traffic(traffic, deployment.counts, set(serving.counts))
        await self.check_alarms(resource.region, plan)
        self._updates[key] = {"update": deployment.to_document(), "traffic": traffic, "rollout": None}
        return _deployment_config(request) | {
            "PendingDeploymentSummary": pending_summary(deployment, context.now),
            "FailureReason": None,
        }

    async def updated(self, resource: Resource) -> None:
        resource.save(private=self._updates.pop((resource.region, resource.name)))
        self.fleets.spawn(self._update(resource))

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        self._refuse_busy(resource)

    async def deleted(self, resource: Resource) -> None:
        self.fleets.spawn(self._remove(resource))

    def describe(self, resource: Resource, document: Document) -> Document:
        endpoint = self._endpoints.get((resource.region, resource.name))
        stored = resource.private.get("deployment")
        document["DataCaptureConfig"] = capture_summary(stored["capture"]) if stored else None
        document["ExplainerConfig"] = explainer_summary(stored) if stored else None
        if endpoint is not None and endpoint.fleet is not None:
            document["ProductionVariants"] = [variant_summary(variant) for variant in endpoint.fleet.variants]
        return document

    async def update_weights_and_capacities(self, request: Document, context: Context) -> Document:
        """UpdateEndpointWeightsAndCapacities: weights and instance counts of the running fleet, in the background."""
        key = (context.region, request["EndpointName"])
        if key not in self._resources:
            described = await context.api.call(
                "DescribeEndpoint", {"EndpointName": request["EndpointName"]}, region=context.region
            )
            raise ValidationError(
                f'Cannot update endpoint "{described["EndpointArn"]}" in status {described["EndpointStatus"]}.'
            )
        resource = self._resources[key]
        self._refuse_busy(resource)
        fleet = self._endpoints[key].fleet
        if fleet is None or self._endpoints[key].incoming is not None:
            raise ValidationError(f'Cannot update endpoint "{resource.arn}" in status {resource.status}.')
        properties = {item["VariantName"]: item for item in request["DesiredWeightsAndCapacities"]}
        known = {variant.name: variant for variant in fleet.variants}
        for name, item in properties.items():
            if name not in known:
                raise ValidationError(
                    f'Could not find variant "{name}" of endpoint "{resource.arn}": it has {", ".join(known)}.'
                )
            if known[name].plan.serverless and "DesiredInstanceCount" in item:
                raise ValidationError(f'Variant "{name}" is serverless and has no instance count.')
            if item.get("DesiredInstanceCount") == 0:
                raise ValidationError(f'Variant "{name}" needs at least 1 instance: DesiredInstanceCount is 0.')
        resource.save(status="Updating")
        self.fleets.spawn(self._resize(resource, fleet, fleet.deployment.resized(properties)))
        return {"EndpointArn": resource.arn}

    # the work behind them

    async def _update(self, resource: Resource) -> None:
        """Replace the serving fleet by the one in the private notes, or keep it and say why."""
        endpoint = self._serve(resource)
        old, left = endpoint.fleet, endpoint.incoming
        rollout = None
        try:
            rollout = await self._rollout(resource, endpoint)
            fleet = await rollout.run()
        except Exception as error:  # whatever it is, the old fleet still serves
            if not isinstance(error, FAILURES):
                logger.exception("update of endpoint %s", resource.name)
            await self._go_back(resource, endpoint, rollout, str(error))
        else:
            endpoint.fleet, endpoint.incoming = fleet, None
            resource.save(
                status="InService",
                private={"deployment": fleet.deployment.to_document(), **NO_UPDATE},
                EndpointConfigName=fleet.deployment.config_name,
                PendingDeploymentSummary=None,
                FailureReason=None,
            )
            if old is not None:
                self.fleets.retire(old)
        if left is not None and endpoint.incoming is not left:
            self.fleets.retire(left)

    async def _rollout(self, resource: Resource, endpoint: ServedEndpoint) -> Rollout:
        """What the private notes say of the update under way."""
        document = resource.private.get("update")
        if document is not None:
            deployment = Deployment.from_document(document)
        else:  # killed before the update was noted down
            name = resource.document["PendingDeploymentSummary"]["EndpointConfigName"]
            deployment = await read_deployment(self._api(), name, resource.region)
        plan = plan_traffic(resource.private.get("traffic"), deployment.counts)
        ground = Ground(
            self._clock,
            self._cloud.alarms,
            partial(self._launch, resource),
            lambda: self.fleets.put_metrics(fleets=self.fleets.of(resource.region, resource.name)),
        )
        return Rollout(ground, resource, endpoint, deployment, plan)

    async def _go_back(
        self, resource: Resource, endpoint: ServedEndpoint, rollout: Rollout | None, reason: str
    ) -> None:
        """After an update that failed: the old fleet serves as before, and the new one is stopped."""
        status = "InService"
        new = None if rollout is None else rollout.fleet
        members: Document = {"FailureReason": reason[:REASON_LENGTH], "PendingDeploymentSummary": None}
        if rollout is not None and new is not None and endpoint.incoming is new:
            resource.save(status="RollingBack", private=NO_UPDATE, **members)
            try:
                await rollout.go_back()
            except FAILURES as error:
                status = "UpdateRollbackFailed"
                members["FailureReason"] = f"{reason} The old fleet could not be restored: {error}"[:REASON_LENGTH]
        document = resource.private.get("update")
        resource.save(status=status, private=NO_UPDATE, **members)
        if new is not None and endpoint.incoming is not new:
            self.fleets.retire(new)
        elif new is None and document is not None:
            await asyncio.to_thread(shutil.rmtree, self._endpoint_folder(resource) / document["id"], True)

    async def _resize(self, resource: Resource, fleet: Fleet, deployment: Deployment) -> None:
        before = fleet.deployment
        failure = None
        try:
            await fleet.resize(deployment)
        except FAILURES as error:
            failure = str(error)[:REASON_LENGTH]
            await fleet.resize(before)
        resource.save(status="InService", private={"deployment": fleet.deployment.to_document()}, FailureReason=failure)

    async def _remove(self, resource: Resource) -> None:
        endpoint = self._endpoints.pop((resource.region, resource.name), None)
        self._resources.pop((resource.region, resource.name), None)
        if endpoint is not None:
            endpoint.fleet = endpoint.incoming = None
        await asyncio.gather(*(self.fleets.retire(fleet) for fleet in self.fleets.of(resource.region, resource.name)))
        await asyncio.to_thread(shutil.rmtree, self._endpoint_folder(resource), True)
        resource.remove()

    async def _launch(
        self, resource: Resource, deployment: Deployment, counts: Mapping[str, int] | None = None
    ) -> Fleet:
        folder = self._endpoint_folder(resource) / deployment.id
        return await self.fleets.launch(deployment, folder, resource.region, resource.name, resource.tags, counts)

    def _serve(self, resource: Resource) -> ServedEndpoint:
        key = (resource.region, resource.name)
        if key not in self._endpoints:
            log_arn = f"arn:aws:logs:{resource.region}:{self._account_id}:log-group:{log_group(resource.name)}"
            self._endpoints[key] = ServedEndpoint(resource.name, resource.region, log_arn)
            self._resources[key] = resource
        return self._endpoints[key]

    def _refuse_busy(self, resource: Resource) -> None:
        if resource.status in {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}:
            raise ValidationError(f'Cannot update in-progress endpoint "{resource.arn}".')

    def _endpoint_folder(self, resource: Resource) -> Path:
        return self._folder / resource.region / resource.name


def _deployment_config(request: Document) -> Document:
    return {"LastDeploymentConfig": request["DeploymentConfig"]} if request.get("DeploymentConfig") else {}
