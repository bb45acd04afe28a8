"""Edge: deployment plans whose stages bring models to the devices of a fleet, as their heartbeats report it."""

from collections import Counter
from math import ceil

from sageyard.errors import ResourceInUseError, ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.query import PAGE
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Hooks, Resource
from sageyard.resources.tokens import invalid, seal, unseal
from sageyard.sagemaker import edge_device
from sageyard.sagemaker.edge_device import Devices
from sageyard.store.resources import Row, Selection

PLAN = "EdgeDeploymentPlan"
ACTIVE = ("STARTING", "INPROGRESS", "STOPPING")
COUNTED = {"DEPLOYED": "Success", "INPROGRESS": "Pending", "FAILED": "Failed"}
RESULTS = {"SUCCESS": "DEPLOYED", "FAIL": "FAILED"}


class PlanHooks(Hooks):
    """A plan and its stages; `private["devices"]` is what each stage's devices have come to."""

    async def prepare(self, request: Document, context: Context) -> Document:
        return request | {"Stages": new_stages([], request.get("Stages", []))}

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        """Only if all stages are inactive (DeleteEdgeDeploymentPlan's documentation)."""
        for stage in resource.document["Stages"]:
            if stage["StageStatus"] in ACTIVE:
                raise ResourceInUseError(
                    f"Edge deployment plan {resource.arn} has the active stage {stage['StageName']}: stop it first."
                )

    def describe(self, resource: Resource, document: Document) -> Document:
        deployed = resource.private.get("devices", {})
        total: Counter[str] = Counter()
        for stage in document["Stages"]:
            counts = Counter(device["status"] for device in deployed.get(stage["StageName"], {}).values())
            total += counts
            stage["DeploymentStatus"] = {
                "StageStatus": stage["StageStatus"],
                **{f"EdgeDeployment{word}InStage": counts[status] for status, word in COUNTED.items()},
                "EdgeDeploymentStageStartTime": stage.get("Started"),
            }
        return document | {f"EdgeDeployment{word}": total[status] for status, word in COUNTED.items()}

    def summarize(self, resource: Resource, document: Document) -> Document:
        return self.describe(resource, document)


def new_stages(present: list[Document], wanted: list[Document]) -> list[Document]:
    """The stages with those that are new, ready to deploy."""
    names = Counter(stage["StageName"] for stage in (*present, *wanted))
    for name, count in names.items():
        if count > 1:
            raise ValidationError(f"Stage {name} is there more than once: give each stage of a plan a name of its own.")
    policy = {"FailureHandlingPolicy": "DO_NOTHING"}
    return present + [{"DeploymentConfig": policy} | stage | {"StageStatus": "READYTODEPLOY"} for stage in wanted]


class Stages:
    """Operations on the stages of plans, and what devices say of their deployments."""

    def __init__(self, engine: Engine, devices: Devices) -> None:
        self.engine = engine
        self.devices = devices

    def plan(self, request: Document, context: Context) -> StoredResource:
        """The plan that a request names."""
        return StoredResource(self.engine, self.engine.find(self.engine.specs[PLAN], request, context.region))

    async def create(self, request: Document, context: Context) -> Document:
        """CreateEdgeDeploymentStage."""
        plan = self.plan(request, context)
        plan.save(Stages=new_stages(plan.document["Stages"], request["Stages"]))
        return {}

    async def delete(self, request: Document, context: Context) -> Document:
        """DeleteEdgeDeploymentStage: if and only if the stage is inactive."""
        plan = self.plan(request, context)
        stage = _stage(plan, request)
        if stage["StageStatus"] in ACTIVE:
            raise ResourceInUseError(f"Stage {stage['StageName']} of {plan.arn} is active: stop it first.")
        left = [one for one in plan.document["Stages"] if one["StageName"] != stage["StageName"]]
        deployed = plan.private.get("devices", {})
        deployed.pop(stage["StageName"], None)
        plan.save(private={"devices": deployed}, Stages=left)
        return {}

    async def start(self, request: Document, context: Context) -> Document:
        """StartEdgeDeploymentStage: its devices are told when they ask for their deployments."""
        plan = self.plan(request, context)
        stage = _stage(plan, request)
        if stage["StageStatus"] in ACTIVE:
            raise ValidationError(f"Stage {stage['StageName']} of {plan.arn} is {stage['StageStatus']} already.")
        chosen = self._chosen(plan, stage["DeviceSelectionConfig"], context)
        pending = {name: {"status": "INPROGRESS", "since": context.now} for name in chosen}
        self._save(plan, stage, pending, Started=context.now)
        return {}

    async def stop(self, request: Document, context: Context) -> Document:
        """StopEdgeDeploymentStage."""
        plan = self.plan(request, context)
        stage = _stage(plan, request)
        if stage["StageStatus"] not in ACTIVE:
            raise ValidationError(f"Stage {stage['StageName']} of {plan.arn} is {stage['StageStatus']}, not active.")
        deployed = plan.private["devices"][stage["StageName"]]
        for device in deployed.values():
            if device["status"] == "INPROGRESS":
                device["status"] = "STOPPED"
        self._save(plan, stage, deployed, StageStatus="STOPPED")
        return {}

    async def list_devices(self, request: Document, context: Context) -> Document:
        """ListStageDevices: of a stage that was not started, the devices that it would choose."""
        plan = self.plan(request, context)
        stage = _stage(plan, request)
        deployed = plan.private.get("devices", {})
        own = deployed.get(stage["StageName"])
        if own is None:
            own = {
                name: {"status": "READYTODEPLOY"}
                for name in self._chosen(plan, stage["DeviceSelectionConfig"], context)
            }
        if request.get("ExcludeDevicesDeployedInOtherStage"):
            others = [name for other, found in deployed.items() if other != stage["StageName"] for name in found]
            own = {name: device for name, device in own.items() if name not in others}
        names = sorted(own)
        if token := request.get("NextToken"):
            (last,) = unseal(token, 1)
            if not isinstance(last, str):
                raise invalid(token)
            names = [name for name in names if name > last]
        limit = int(request.get("MaxResults") or PAGE)
        fleet = plan.document["DeviceFleetName"]
        summaries = [
            {
                "EdgeDeploymentPlanArn": plan.arn,
                "EdgeDeploymentPlanName": plan.name,
                "StageName": stage["StageName"],
                "DeviceFleetName": fleet,
                "DeviceName": name,
                "DeviceArn": self.engine.arn(edge_device.SPEC, context.region, [fleet, name]),
                "DeviceDeploymentStatus": own[name]["status"],
                "DeviceDeploymentStatusMessage": own[name].get("message"),
                "DeploymentStartTime": own[name].get("since"),
                "DeployedStageName": stage["StageName"] if own[name]["status"] == "DEPLOYED" else None,
            }
            for name in names[:limit]
        ]
        return {"DeviceDeploymentSummaries": summaries, "NextToken": seal(names[limit - 1]) if names[limit:] else None}

    async def deployments(self, request: Document, context: Context) -> Document:
        """GetDeployments of sagemaker-edge: what a device has still to deploy. No model is packaged here, so there is
        no S3Url."""
        device = self.devices.heard_from(request, context).document["DeviceName"]
        answer = []
        for plan in self._plans(request["DeviceFleetName"], context):
            for stage in plan.document["Stages"]:
                state = plan.private.get("devices", {}).get(stage["StageName"], {}).get(device, {})
                if state.get("status") == "INPROGRESS":
                    answer.append(
                        {
                            "DeploymentName": plan.name,
                            "Type": "Model",
                            "FailureHandlingPolicy": stage["DeploymentConfig"]["FailureHandlingPolicy"],
                            "Definitions": [
                                {"ModelHandle": model["ModelHandle"], "State": "DEPLOY"}
                                for model in plan.document["ModelConfigs"]
                            ],
                        }
                    )
        return {"Deployments": answer}

    async def heartbeat(self, request: Document, context: Context) -> Document:
        """SendHeartbeat of sagemaker-edge: how the device is, and how its deployment went."""
        self.devices.heartbeat(request, context)
        result = request.get("DeploymentResult", {})
        reached = RESULTS.get(result.get("DeploymentStatus", ""))
        if reached is None:
            return {}
        for row in self._plans(request["DeviceFleetName"], context):
            if row.name != result.get("DeploymentName"):
                continue
            plan = StoredResource(self.engine, row)
            for stage in row.document["Stages"]:
                deployed = plan.private.get("devices", {}).get(stage["StageName"], {})
                device = deployed.get(request["DeviceName"], {})
                if device.get("status") == "INPROGRESS":
                    device |= {"status": reached, "message": result.get("DeploymentStatusMessage")}
                    self._save(plan, stage, deployed)
        return {}

    def _plans(self, fleet: str, context: Context) -> list[Row]:
        wanted = Selection(PLAN, context.region, members=(("DeviceFleetName", fleet),), limit=edge_device.BATCH)
        return edge_device.every(self.engine, wanted)

    def _chosen(self, plan: Resource, selection: Document, context: Context) -> list[str]:
        """The devices that a stage's selection means, of those registered now."""
        devices = self.devices.of(self.devices.fleet(plan.document["DeviceFleetName"], context))
        names = [row.document["DeviceName"] for row in devices]
        if selection["DeviceSubsetType"] == "PERCENTAGE":
            return names[: ceil(len(names) * selection.get("Percentage", 100) / 100)]
        if selection["DeviceSubsetType"] == "SELECTION":
            return [name for name in names if name in selection.get("DeviceNames", ())]
        return [name for name in names if selection.get("DeviceNameContains", "") in name]

    def _save(self, plan: StoredResource, stage: Document, devices: Document, **members: object) -> None:
        """Write a stage with its devices; it is over when none of them is on its way."""
        found = {device["status"] for device in devices.values()}
        status = "INPROGRESS" if "INPROGRESS" in found else "FAILED" if "FAILED" in found else "DEPLOYED"
        after = stage | {"StageStatus": status} | members
        stages = [after if one["StageName"] == stage["StageName"] else one for one in plan.document["Stages"]]
        all_devices = plan.private.get("devices", {}) | {stage["StageName"]: devices}
        plan.save(private={"devices": all_devices}, Stages=stages)


def _stage(plan: Resource, request: Document) -> Document:
    for stage in plan.document["Stages"]:
        if stage["StageName"] == request["StageName"]:
            return dict(stage)
    raise ResourceNotFoundError(f"Edge deployment plan {plan.arn} has no stage {request['StageName']!r}.")


def family(engine: Engine) -> Family:
    """DeviceFleet, Device, EdgeDeploymentPlan; EdgePackagingJob needs no more than derivation. sagemaker-edge."""
    devices = Devices(engine)
    stages = Stages(engine, devices)
    return Family(
        overrides={PLAN: {"hooks": PlanHooks(), "grade": "simulated"}},
        added=(edge_device.SPEC,),
        functions={
            "RegisterDevices": (devices.register, "runs"),
            "UpdateDevices": (devices.update, "runs"),
            "DeregisterDevices": (devices.deregister, "runs"),
            "GetDeviceFleetReport": (devices.report, "runs"),
            "CreateEdgeDeploymentStage": (stages.create, "simulated"),
            "DeleteEdgeDeploymentStage": (stages.delete, "simulated"),
            "StartEdgeDeploymentStage": (stages.start, "simulated"),
            "StopEdgeDeploymentStage": (stages.stop, "simulated"),
            "ListStageDevices": (stages.list_devices, "simulated"),
        },
        runtime={
            "sagemaker-edge": {
                "GetDeviceRegistration": (devices.registration, "runs"),
                "SendHeartbeat": (stages.heartbeat, "runs"),
                "GetDeployments": (stages.deployments, "simulated"),
            }
        },
    )
