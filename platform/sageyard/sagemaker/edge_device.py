"""Devices of a fleet: registered here, and heard of through the heartbeats of the agents that run on them."""

from collections import Counter
from dataclasses import replace

from sageyard.errors import AwsError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, ResourceSpec
from sageyard.store.resources import Row, Selection

KIND = "Device"
FLEET = "DeviceFleet"
BATCH = 200

SPEC = ResourceSpec(
    kind=KIND,
    identity=("DeviceFleetName", "DeviceName"),
    arn_member="DeviceArn",
    arn_noun="device-fleet",
    noun="device",
    arn_path=lambda identity: "/".join(identity).lower().replace("/", "/device/"),
    not_found_code="ValidationException",
    not_found="No device with name: [{name}] exists",
    parent_member="DeviceFleetName",
    parent_kind=FLEET,
    filters={"ModelName": "Models[].ModelName"},
    grade="runs",
)
"""A type that no Create operation makes; not-found text as terraform-provider-aws matches it."""


def every(engine: Engine, wanted: Selection) -> list[Row]:
    """All rows of a selection, read in pages."""
    rows: list[Row] = []
    while found := engine.store.select(wanted):
        rows += found
        wanted = replace(wanted, after=(found[-1].created, found[-1].id))
    return rows


class Devices:
    """The devices of all fleets."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def fleet(self, name: str, context: Context) -> Row:
        """A fleet; refused in the words that terraform-provider-aws matches for operations on devices."""
        row = self.engine.store.get(FLEET, context.region, name)
        if row is None:
            raise ValidationError(f"No device fleet with name: [{name}] exists")
        return row

    def find(self, fleet: str, name: str, context: Context) -> StoredResource:
        """A registered device."""
        self.fleet(fleet, context)
        row = self.engine.find(SPEC, {"DeviceFleetName": fleet, "DeviceName": name}, context.region)
        return StoredResource(self.engine, row)

    def of(self, fleet: Row) -> list[Row]:
        """All devices of a fleet, oldest first."""
        return every(self.engine, Selection(KIND, fleet.region, parent=fleet.name, descending=False, limit=BATCH))

    async def register(self, request: Document, context: Context) -> Document:
        """RegisterDevices: all of them or none."""
        fleet = self.fleet(request["DeviceFleetName"], context)
        names = [device["DeviceName"] for device in request["Devices"]]
        for name, count in Counter(names).items():
            arn = self.engine.arn(SPEC, context.region, [fleet.name, name])
            if count > 1 or self.engine.store.has_arn(arn, KIND):
                raise ValidationError(f"Device with name: [{name}] is registered already: use UpdateDevices.")
        tags = [(tag["Key"], tag["Value"]) for tag in request.get("Tags", [])]
        with self.engine.store.database.transaction():
            for device in request["Devices"]:
                document = device | {"DeviceFleetName": fleet.name, "RegistrationTime": context.now}
                name = f"{fleet.name}/{device['DeviceName']}"
                made = self.engine.add(KIND, fleet.region, name, parent=fleet.name, status="", document=document)
                self.engine.store.add_tags(made.arn, tags)
        return {}

    async def update(self, request: Document, context: Context) -> Document:
        """UpdateDevices: description and IoT thing."""
        found = [self.find(request["DeviceFleetName"], one["DeviceName"], context) for one in request["Devices"]]
        for device, members in zip(found, request["Devices"], strict=True):
            device.save(**members)
        return {}

    async def deregister(self, request: Document, context: Context) -> Document:
        """DeregisterDevices."""
        for device in [self.find(request["DeviceFleetName"], name, context) for name in request["DeviceNames"]]:
            if device.exists:  # a name may be given twice
                device.remove()
        return {}

    async def report(self, request: Document, context: Context) -> Document:
        """GetDeviceFleetReport: a device is connected from its first heartbeat."""
        fleet = self.fleet(request["DeviceFleetName"], context)
        devices = [row.document for row in self.of(fleet)]
        agents = Counter(device["AgentVersion"] for device in devices if "AgentVersion" in device)
        models: dict[tuple[str, str], list[Document]] = {}
        for device in devices:
            for model in device.get("Models", []):
                models.setdefault((model["ModelName"], model["ModelVersion"]), []).append(model)
        return {
            **fleet.document,
            "DeviceFleetArn": fleet.arn,
            "ReportGenerated": context.now,
            "DeviceStats": {
                "RegisteredDeviceCount": len(devices),
                "ConnectedDeviceCount": sum("LatestHeartbeat" in device for device in devices),
            },
            "AgentVersions": [{"Version": version, "AgentCount": count} for version, count in agents.items()],
            "ModelStats": [
                {
                    "ModelName": name,
                    "ModelVersion": version,
                    "OfflineDeviceCount": 0,  # a model is heard of in heartbeats only
                    "ConnectedDeviceCount": len(found),
                    "ActiveDeviceCount": sum("LatestInference" in model for model in found),
                    "SamplingDeviceCount": sum("LatestSampleTime" in model for model in found),
                }
                for (name, version), found in models.items()
            ],
        }

    async def registration(self, request: Document, context: Context) -> Document:
        """GetDeviceRegistration of sagemaker-edge: the text of the registration is its ARN."""
        device = self.heard_from(request, context)
        return {"DeviceRegistration": device.arn, "CacheTTL": "3600"}

    def heartbeat(self, request: Document, context: Context) -> StoredResource:
        """The part of SendHeartbeat that describes the device."""
        device = self.heard_from(request, context)
        known = {(model["ModelName"], model["ModelVersion"]): model for model in device.document.get("Models", [])}
        for model in request.get("Models", []):
            shown = {name: model[name] for name in ("LatestSampleTime", "LatestInference") if name in model}
            key = (model.get("ModelName", ""), model.get("ModelVersion", ""))
            known[key] = known.get(key, {}) | shown | {"ModelName": key[0], "ModelVersion": key[1]}
        device.save(LatestHeartbeat=context.now, AgentVersion=request["AgentVersion"], Models=list(known.values()))
        return device

    def heard_from(self, request: Document, context: Context) -> StoredResource:
        """The device that talks to sagemaker-edge. The one error in that service's model is a 5xx, which clients would
        repeat: a stranger gets a ResourceNotFoundException."""
        try:
            return self.find(request["DeviceFleetName"], request["DeviceName"], context)
        except AwsError as error:
            raise AwsError(error.message, code="ResourceNotFoundException") from None
