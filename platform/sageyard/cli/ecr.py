"""What stands in for `docker push` to ECR: a tag in the Docker Engine and an entry in the server's ECR.

The engine that builds an image is the one that runs it, so no bytes have to go anywhere.
"""

import json
from typing import Any

import click

from sageyard.cli.server import listens, locate, not_running
from sageyard.environment import DUMMY_KEY
from sageyard.settings import Settings

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"


def push(api: Any, settings: Settings, image: str, target: str) -> str:
    """Give the engine's `image` its name in the account's registry, and have ECR list it under `target`, a
    REPOSITORY[:TAG]; answers the URI. ClickException says what was refused."""
    import boto3
    from botocore.exceptions import ClientError

    from sageyard.runners.docker.engine import FAILURES, reason

    try:
        found = api.inspect_image(image)
    except FAILURES as error:
        raise click.ClickException(f"the Docker Engine does not give {image!r}: {reason(error)}") from error
    repository, _, tag = target.partition(":")
    tag = tag or "latest"
    if not listens(locate(settings)):
        raise not_running(settings)
    session = boto3.Session(DUMMY_KEY, DUMMY_KEY, region_name=settings.region)
    ecr = session.client("ecr", endpoint_url=locate(settings))
    try:
        uri = _repository_uri(ecr, repository)
        ecr.put_image(
            repositoryName=repository,
            imageManifest=json.dumps(_manifest(found)),
            imageManifestMediaType=MANIFEST,
            imageTag=tag,
        )
    except ecr.exceptions.ImageAlreadyExistsException:
        pass  # pushed before
    except ClientError as error:
        raise click.ClickException(f"ECR refused {target!r}: {error}") from error
    api.tag(found["Id"], uri, tag)
    return f"{uri}:{tag}"


def _repository_uri(ecr: Any, name: str) -> str:
    """The URI of a repository, which is created where it is missing."""
    try:
        found = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
    except ecr.exceptions.RepositoryNotFoundException:
        found = ecr.create_repository(repositoryName=name)["repository"]
    return str(found["repositoryUri"])


def _manifest(found: dict[str, Any]) -> dict[str, Any]:
    """An image's manifest as far as the engine knows it: its layers are not compressed, and their sizes are not told.
    The one size that there is stands at the configuration, from which ECR's answers have it."""
    layers = [{"mediaType": LAYER, "size": 0, "digest": digest} for digest in found["RootFS"].get("Layers") or ()]
    config = {"mediaType": CONFIG, "size": found["Size"], "digest": found["Id"]}
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
