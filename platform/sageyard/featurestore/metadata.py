"""What is said about single features: a description and parameters (UpdateFeatureMetadata)."""

import asyncio

from sageyard.errors import ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Resource, ResourceSpec
from sageyard.store.resources import Selection

GROUP = "FeatureGroup"
KIND = "FeatureMetadata"
BATCH = 100
MAX_PARAMETERS = 25
"""Of one feature (the shape FeatureParameters)."""

SPEC = ResourceSpec(
    kind=KIND,
    identity=("FeatureGroupName", "FeatureName"),
    arn_member="FeatureArn",
    arn_noun="feature-group",
    noun="feature",
    parent_member="FeatureGroupName",
    parent_kind=GROUP,
    orphans="keep",  # the group's own hooks remove them, all at once
    grade="runs",
)


class FeatureMetadata:
    """One resource for every feature of every group, so that Search finds features."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def add(self, group: Resource, definitions: list[Document]) -> None:
        """Store the features that are not stored yet; other requests are served between batches, and may delete the
        group."""
        for first in range(0, len(definitions), BATCH):
            if not group.exists:
                return
            with self.engine.store.database.transaction():
                for definition in definitions[first : first + BATCH]:
                    name = f"{group.name}/{definition['FeatureName']}"
                    if not self.engine.store.exists(KIND, group.region, name):
                        document = {
                            "FeatureGroupArn": group.arn,
                            "FeatureGroupName": group.name,
                            "FeatureName": definition["FeatureName"],
                            "FeatureType": definition["FeatureType"],
                        }
                        self.engine.add(KIND, group.region, name, parent=group.name, status="", document=document)
            await asyncio.sleep(0)

    async def remove(self, group: Resource) -> None:
        """Remove all features of a group, in batches as well."""
        wanted = Selection(KIND, group.region, parent=group.name, limit=BATCH)
        while rows := self.engine.store.select(wanted):
            with self.engine.store.database.transaction():
                for row in rows:
                    StoredResource(self.engine, row).remove()
            await asyncio.sleep(0)

    async def describe(self, request: Document, context: Context) -> Document:
        """DescribeFeatureMetadata."""
        return self._feature(request, context).document

    async def update(self, request: Document, context: Context) -> Document:
        """UpdateFeatureMetadata: parameters are removed, then added; a key that is there gets the new value."""
        feature = self._feature(request, context)
        parameters = {one["Key"]: one["Value"] for one in feature.document.get("Parameters", [])}
        for key in request.get("ParameterRemovals", []):
            parameters.pop(key, None)
        for one in request.get("ParameterAdditions", []):
            if len(one) < 2:
                raise ValidationError("ParameterAdditions has an entry without its Key or its Value: give both.")
            parameters[one["Key"]] = one["Value"]
        if len(parameters) > MAX_PARAMETERS:
            raise ValidationError(
                f"Feature '{request['FeatureName']}' would have {len(parameters)} parameters, more than "
                f"{MAX_PARAMETERS}: name some in ParameterRemovals."
            )
        feature.save(
            Description=request.get("Description", feature.document.get("Description")),
            Parameters=[{"Key": key, "Value": value} for key, value in parameters.items()] or None,
        )
        return {}

    def _feature(self, request: Document, context: Context) -> StoredResource:
        group = self.engine.find(self.engine.specs[GROUP], request, context.region)
        feature = self.engine.resource(KIND, group.region, f"{group.name}/{request['FeatureName']}")
        if feature is None:
            raise ResourceNotFoundError(
                f"Resource Not Found: Amazon SageMaker can't find a feature with name {request['FeatureName']} in "
                f"FeatureGroup {group.name}"
            )
        return feature
