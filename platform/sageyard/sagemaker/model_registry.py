"""The model registry: model package groups with their policies, and the model packages in and outside of them.

A version is the row `GROUP/VERSION` whose parent is its group; an unversioned package is the row of its name. Texts of
refusals are AWS's where they are public: its CloudFormation handlers for model package groups, the AWS controllers for
Kubernetes and the SageMaker Python SDK match them.
"""

import json

from sageyard.errors import AwsError, ConflictError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Hooks, Resource
from sageyard.sagemaker.model_package_source import sourced
from sageyard.store.resources import Selection

GROUP = "ModelPackageGroup"
PACKAGE = "ModelPackage"
MAX_METADATA = 50
"""Entries of CustomerMetadataProperties (its shape in the service model)."""
MAX_SPECIFICATIONS = 15
"""Additional inference specifications of one package (their shape in the service model)."""


class GroupHooks(Hooks):
    """A group numbers its versions and cannot be deleted before them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def prepare(self, request: Document, context: Context) -> Document:
        return request | {"CreatedBy": {}}

    async def prepare_delete(self, resource: Resource, context: Context) -> None:
        found = self.engine.store.select(Selection(PACKAGE, resource.region, parent=resource.name, limit=1))
        if found:
            raise ConflictError(
                f"ModelPackageGroup {resource.arn} cannot be deleted while it has model packages: delete "
                f"{found[0].arn} and all others with DeleteModelPackage first."
            )


class PackageHooks(Hooks):
    """What Create stores of an unversioned package. Nothing is validated or scanned, so it is Completed at once."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def prepare(self, request: Document, context: Context) -> Document:
        if "SourceUri" in request:
            raise ValidationError(
                "SourceUri cannot be given for an unversioned model package: give a ModelPackageGroupName instead of "
                "a ModelPackageName."
            )
        containers = request.get("InferenceSpecification", {}).get("Containers", [])
        if any("Environment" in container for container in containers):
            raise ValidationError(
                "Environment variable map cannot be specified when using non-versioned ModelPackages: give it to the "
                "model, or register the package in a group."
            )
        return _package(sourced(self.engine, request, context.region), "Unversioned")


class ModelRegistry:
    """Operations on packages and group policies that are more than the generic verbs."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def create_package(self, request: Document, context: Context) -> Document:
        """CreateModelPackage: a package of its own name, or the next version of a group (given by name or ARN).

        Numbers are never given twice, also not after a version was deleted. A repeated ClientToken answers with the
        version that was made the first time, for clients repeat a request whose answer was lost.
        """
        if "ModelPackageName" in request:
            if "ModelPackageGroupName" in request:
                raise ValidationError(
                    "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which "
                    "one to use."
                )
            return await self.engine.create(self.engine.specs[PACKAGE], request, context)
        if "ModelPackageGroupName" not in request:
            raise ValidationError(
                "Missing ARN: give a ModelPackageGroupName for a version of that group, or a ModelPackageName."
            )
        if request.get("Tags"):
            raise ValidationError(
                "Tags cannot be given for a versioned model package, which uses the tags of its model package group: "
                "add them to the group."
            )
        group = self._group(request["ModelPackageGroupName"], context)
        request = sourced(self.engine, request, context.region)
        if (token := request.get("ClientToken")) and (known := self._made_by(token, group)):
            return {"ModelPackageArn": known}
        version = int(group.private.get("versions", 0)) + 1  # no await from here on: no two get the same number
        group.save(private={"versions": version})
        document = _package(request, "Versioned") | {
            "ModelPackageGroupName": group.name,
            "ModelPackageVersion": version,
            "ModelApprovalStatus": request.get("ModelApprovalStatus", "PendingManualApproval"),
        }
        package = self.engine.add(
            PACKAGE, group.region, f"{group.name}/{version}", parent=group.name, status="Completed", document=document
        )
        return {"ModelPackageArn": package.arn}

    async def list_packages(self, request: Document, context: Context) -> Document:
        """ListModelPackages: unversioned packages unless ModelPackageType or a group says otherwise."""
        request = dict(request)
        group = request.pop("ModelPackageGroupName", None)
        wanted = request.pop("ModelPackageType", "Both" if group else "Unversioned")
        if wanted != "Both":
            request["ModelPackageType"] = wanted
        parent = self._group(group, context).name if group else None
        page = self.engine.select(self.engine.specs[PACKAGE], request, context, parent=parent)
        return {"ModelPackageSummaryList": page.documents, "NextToken": page.next_token}

    async def update_package(self, request: Document, context: Context) -> Document:
        """UpdateModelPackage: metadata is merged, additional specifications are added, all else is replaced."""
        package = self._package(request["ModelPackageArn"], context)
        document, members = package.document, dict(sourced(self.engine, request, context.region))
        for name in ("ModelPackageArn", "ClientToken"):
            members.pop(name, None)
        metadata = document.get("CustomerMetadataProperties", {}) | members.get("CustomerMetadataProperties", {})
        for key in members.pop("CustomerMetadataPropertiesToRemove", []):
            metadata.pop(key, None)
        if len(metadata) > MAX_METADATA:
            raise ValidationError(
                f"{package.arn} would have {len(metadata)} CustomerMetadataProperties, more than {MAX_METADATA}: name "
                "some in CustomerMetadataPropertiesToRemove."
            )
        specifications = document.get("AdditionalInferenceSpecifications", [])
        specifications = specifications + members.pop("AdditionalInferenceSpecificationsToAdd", [])
        _check_specifications(specifications)
        members |= {
            "CustomerMetadataProperties": metadata or None,
            "AdditionalInferenceSpecifications": specifications or None,
            "LastModifiedBy": {},
        }
        package.save(**members)
        return {"ModelPackageArn": package.arn}

    async def describe_packages(self, request: Document, context: Context) -> Document:
        """BatchDescribeModelPackage: versions by ARN, and for each that there is not, why."""
        summaries: Document = {}
        errors: Document = {}
        for arn in request["ModelPackageArnList"]:
            try:
                document = self._package(arn, context).document
                if "ModelPackageVersion" not in document:
                    raise ValidationError(f"ModelPackage {arn} has no version: describe it with DescribeModelPackage.")
                summaries[arn] = {"InferenceSpecification": {"Containers": []}} | document
            except AwsError as error:
                errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
        return {"ModelPackageSummaries": summaries, "BatchDescribeModelPackageErrorMap": errors}

    async def put_policy(self, request: Document, context: Context) -> Document:
        """PutModelPackageGroupPolicy: kept and given back; Sageyard has one account, so it grants nothing."""
        group = self._group_of_policy(request, context)
        try:
            policy = json.loads(request["ResourcePolicy"])
        except ValueError:
            policy = None
        if not isinstance(policy, dict):
            raise ValidationError("ResourcePolicy is not valid: give a JSON object with Version and Statement.")
        group.save(private={"policy": request["ResourcePolicy"]})
        return {"ModelPackageGroupArn": group.arn}

    async def get_policy(self, request: Document, context: Context) -> Document:
        """GetModelPackageGroupPolicy."""
        group = self._group_of_policy(request, context)
        return {"ResourcePolicy": self._policy(group)}

    async def delete_policy(self, request: Document, context: Context) -> Document:
        """DeleteModelPackageGroupPolicy."""
        group = self._group_of_policy(request, context)
        self._policy(group)
        group.save(private={"policy": None})
        return {}

    def _group(self, name: str, context: Context) -> StoredResource:
        row = self.engine.find(self.engine.specs[GROUP], {"ModelPackageGroupName": name}, context.region)
        return StoredResource(self.engine, row)

    def _package(self, name: str, context: Context) -> StoredResource:
        row = self.engine.find(self.engine.specs[PACKAGE], {"ModelPackageName": name}, context.region)
        return StoredResource(self.engine, row)

    def _made_by(self, token: str, group: StoredResource) -> str | None:
        """The ARN of the version that a request with this ClientToken made."""
        wanted = Selection(PACKAGE, group.region, parent=group.name, members=(("ClientToken", token),), limit=1)
        return next((row.arn for row in self.engine.store.select(wanted)), None)

    def _group_of_policy(self, request: Document, context: Context) -> StoredResource:
        name = request["ModelPackageGroupName"]
        group = self.engine.resource(GROUP, context.region, name)
        if group is None:
            arn = self.engine.arn(self.engine.specs[GROUP], context.region, [name])
            raise ValidationError(f"Cannot find Model Package Group: {arn}")
        return group

    def _policy(self, group: StoredResource) -> str:
        policy: str | None = group.private.get("policy")
        if policy is None:
            raise ValidationError(f"Cannot find resource policy for: {group.arn}")
        return policy


def _package(request: Document, package_type: str) -> Document:
    _check_specifications(request.get("AdditionalInferenceSpecifications", []))
    return {
        "CertifyForMarketplace": False,
        **request,
        "ModelPackageType": package_type,  # in no answer: ListModelPackages filters by it
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CreatedBy": {},
    }


def _check_specifications(specifications: list[Document]) -> None:
    names = [specification["Name"] for specification in specifications]
    if double := [name for name in names if names.count(name) > 1]:
        raise ValidationError(
            f"AdditionalInferenceSpecifications has {double[0]!r} more than once: give each specification its own Name."
        )
    if len(names) > MAX_SPECIFICATIONS:
        raise ValidationError(
            f"A model package has at most {MAX_SPECIFICATIONS} AdditionalInferenceSpecifications, not {len(names)}: "
            "register another version for the rest."
        )


def family(engine: Engine) -> Family:
    """ModelPackageGroup and ModelPackage. A package whose name is taken is a ValidationException: both SDKs match it
    together with 'ModelPackage already exists'."""
    registry = ModelRegistry(engine)
    return Family(
        overrides={
            GROUP: {
                "not_found": "ModelPackageGroup {arn} does not exist.",
                "exists": "Model Package Group already exists: {arn}",
                "initial_status": "Completed",
                "hooks": GroupHooks(engine),
                "grade": "runs",
            },
            PACKAGE: {
                "not_found": "ModelPackage {arn} does not exist.",
                "exists_code": "ValidationException",
                "exists": "ModelPackage already exists: {arn}",
                "initial_status": "Completed",
                "hooks": PackageHooks(engine),
                "grade": "runs",
            },
        },
        functions={
            "CreateModelPackage": (registry.create_package, "runs"),
            "ListModelPackages": (registry.list_packages, "runs"),
            "UpdateModelPackage": (registry.update_package, "runs"),
            "BatchDescribeModelPackage": (registry.describe_packages, "runs"),
            "PutModelPackageGroupPolicy": (registry.put_policy, "stored only"),
            "GetModelPackageGroupPolicy": (registry.get_policy, "stored only"),
            "DeleteModelPackageGroupPolicy": (registry.delete_policy, "stored only"),
        },
    )
