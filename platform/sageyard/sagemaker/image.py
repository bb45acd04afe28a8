"""SageMaker images and their numbered versions with aliases; the container images in ECR are not looked at.

Texts of refusals: aws-samples/sagemaker-studio-custom-image-samples #17, the CloudFormation handlers and Terraform's
provider, which match "does not exist".
"""

import json

from sageyard.errors import ResourceInUseError, ResourceNotFoundError, ValidationError
from sageyard.resources.engine import Engine
from sageyard.resources.family import Family
from sageyard.resources.resource import StoredResource
from sageyard.resources.spec import Context, Document, Resource
from sageyard.resources.timed import TimedHooks
from sageyard.resources.tokens import invalid, seal, unseal
from sageyard.sagemaker.versions import Versions

IMAGE = "Image"
VERSION = "ImageVersion"
PAGE = 10
"""MaxResults where a request has none (documentation of ListImages and ListImageVersions)."""
DELETABLE = {"Description", "DisplayName"}


class ImageHooks(TimedHooks):
    """An image shows its name where it was given no DisplayName."""

    async def prepare_update(self, resource: Resource, request: Document, context: Context) -> Document:
        request = dict(request)
        dropped = request.pop("DeleteProperties", [])
        if unknown := sorted(set(dropped) - DELETABLE):
            raise ValidationError(
                f"DeleteProperties has {unknown[0]!r}: only Description and DisplayName can be deleted."
            )
        if both := sorted(set(dropped) & request.keys()):
            raise ValidationError(f"{both[0]} is given and in DeleteProperties: choose one of them.")
        return {**request, **dict.fromkeys(dropped)}

    def describe(self, resource: Resource, document: Document) -> Document:
        return self.summarize(resource, document)

    def summarize(self, resource: Resource, document: Document) -> Document:
        return {"DisplayName": document["ImageName"]} | document


class Images:
    """Operations on images and versions."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.versions = Versions(engine, IMAGE, VERSION)

    async def list_images(self, request: Document, context: Context) -> Document:
        """ListImages."""
        found = self.engine.select(self.engine.specs[IMAGE], {"MaxResults": PAGE} | request, context)
        return {"Images": found.documents, "NextToken": found.next_token}

    async def delete_image(self, request: Document, context: Context) -> Document:
        """DeleteImage: with all versions, as its documentation says."""
        self.versions.delete(self.versions.owner(request["ImageName"], context))
        return {}

    async def create(self, request: Document, context: Context) -> Document:
        """CreateImageVersion: the next number, which is never given twice; once for a ClientToken.

        An alias belongs to one version of the image: one that another has is refused.
        """
        token, text = request["ClientToken"], json.dumps(request, sort_keys=True)
        if (made := self.engine.tokens.find(VERSION, context.region, token)) is not None:
            arn, before = made
            if before != text:
                raise ResourceInUseError(
                    f"ClientToken {token!r} belongs to an earlier, different request, which made {arn}: give every "
                    "request a token of its own."
                )
            return {"ImageVersionArn": arn}
        image = self.versions.owner(request["ImageName"], context)
        if image.status != "CREATED":
            raise ValidationError(f"Image {image.name} is in an invalid state.")
        aliases = list(dict.fromkeys(request.get("Aliases", [])))
        self._check_aliases(image, aliases, None)
        number = int(image.private.get("versions", 0)) + 1
        document = {name: value for name, value in request.items() if name != "ClientToken"} | {
            "Version": number, "ImageArn": image.arn, "ContainerImage": request["BaseImage"], "Aliases": aliases
        }  # fmt: skip
        with self.engine.store.database.transaction():
            image.save(private={"versions": number})
            version = self.versions.add(image, number, document, "CREATING")
            row = self.engine.store.get(VERSION, version.region, version.name)
            assert row is not None
            self.engine.tokens.add(VERSION, context.region, token, row.id, text)
        return {"ImageVersionArn": version.arn}

    async def describe(self, request: Document, context: Context) -> Document:
        """DescribeImageVersion, by Version or Alias, the latest where neither is given."""
        return self._version(request, context).document

    async def list_versions(self, request: Document, context: Context) -> Document:
        """ListImageVersions."""
        request = dict(request)
        image = self.versions.owner(request.pop("ImageName"), context)
        request.setdefault("MaxResults", PAGE)
        if request.get("SortBy") == "VERSION":
            request["SortBy"] = "CREATION_TIME"  # numbers are given in this order, and names compare as texts
        found = self.engine.select(self.engine.specs[VERSION], request, context, parent=image.name)
        return {"ImageVersions": found.documents, "NextToken": found.next_token}

    async def list_aliases(self, request: Document, context: Context) -> Document:
        """ListAliases: of one version, or of all of the image; in alphabetical order."""
        image = self.versions.owner(request["ImageName"], context)
        chosen = (
            [self._version(request, context)] if {"Version", "Alias"} & request.keys() else self.versions.all(image)
        )
        aliases = sorted(alias for version in chosen for alias in version.document["Aliases"])
        if token := request.get("NextToken"):
            (last,) = unseal(token, 1)
            if not isinstance(last, str):
                raise invalid(token)
            aliases = [alias for alias in aliases if alias > last]
        limit = request.get("MaxResults", 100)
        more = len(aliases) > limit
        return {
            "SageMakerImageVersionAliases": aliases[:limit],
            "NextToken": seal(aliases[limit - 1]) if more else None,
        }

    async def update(self, request: Document, context: Context) -> Document:
        """UpdateImageVersion."""
        members = dict(request)
        version = self._version(request, context)
        image = self.versions.owner(members.pop("ImageName"), context)
        for name in ("Version", "Alias"):
            members.pop(name, None)
        added, removed = members.pop("AliasesToAdd", []), members.pop("AliasesToDelete", [])
        self._check_aliases(image, added, version)
        present: list[str] = version.document["Aliases"]
        if absent := [alias for alias in removed if alias not in present]:
            raise ResourceNotFoundError(f"Alias {absent[0]} of {version.arn} does not exist.")
        kept = [alias for alias in present if alias not in removed]
        version.save(Aliases=list(dict.fromkeys([*kept, *added])), **members)
        return {"ImageVersionArn": version.arn}

    async def delete(self, request: Document, context: Context) -> Document:
        """DeleteImageVersion, by Version or Alias, the latest where neither is given."""
        self._version(request, context).remove()
        return {}

    def _version(self, request: Document, context: Context) -> StoredResource:
        """The version that a request names, the latest where it names none."""
        name, number, alias = request["ImageName"], request.get("Version"), request.get("Alias")
        if number is not None and alias is not None:
            raise ValidationError("Version and Alias cannot be given together: choose one of them.")
        what = f"ImageVersion with ImageName {name}" + (
            f" and Alias {alias}" if alias is not None else f" and Version {number}" if number is not None else ""
        )
        image = self.engine.resource(IMAGE, context.region, name)
        for version in self.versions.all(image) if image else ():
            document = version.document
            if alias in {None, *document["Aliases"]} and number in {None, document["Version"]}:
                return version
        latest = "Latest " if alias is None and number is None else ""
        raise ResourceNotFoundError(f"{latest}{what} does not exist. Please provide a valid ImageName.")

    def _check_aliases(self, image: StoredResource, aliases: list[str], own: StoredResource | None) -> None:
        for version in self.versions.all(image) if aliases else ():
            taken = [alias for alias in aliases if alias in version.document["Aliases"]]
            if taken and (own is None or version.name != own.name):
                raise ResourceInUseError(
                    f"Alias {taken[0]} belongs to {version.arn} already: remove it there with AliasesToDelete first."
                )


def family(engine: Engine) -> Family:
    """Image and ImageVersion."""
    images = Images(engine)
    return Family(
        overrides={
            IMAGE: {"hooks": ImageHooks()},
            VERSION: {
                "identity": ("ImageName", "Version"),
                "generated": (),
                "parent_member": "",
                "references": (),
            },
        },
        functions={
            "ListImages": (images.list_images, "stored only"),
            "DeleteImage": (images.delete_image, "stored only"),
            "CreateImageVersion": (images.create, "stored only"),
            "DescribeImageVersion": (images.describe, "stored only"),
            "ListImageVersions": (images.list_versions, "stored only"),
            "ListAliases": (images.list_aliases, "stored only"),
            "UpdateImageVersion": (images.update, "stored only"),
            "DeleteImageVersion": (images.delete, "stored only"),
        },
    )
