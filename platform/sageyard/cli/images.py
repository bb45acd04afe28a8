"""`sageyard images`: what the Docker runner runs."""

from pathlib import Path
from typing import Any

import click

from sageyard.cli.options import region_option, resolve_state_dir, server_options
from sageyard.settings import Settings

MEGABYTE = 1_000_000
state_dir_option = click.option("--state-dir", type=click.Path(path_type=Path), help="Where everything is kept.")


@click.group()
def images() -> None:
    """The images of `sageyard up --runner docker`."""


@images.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--tag", default="latest", show_default=True, help="Tag of the images.")
@click.option("--build-arg", "arguments", multiple=True, metavar="NAME=VALUE", help="An argument of the Dockerfile.")
@click.option("--network", help="The network of the build's steps, as of `docker build`: 'host', for instance.")
def build(names: tuple[str, ...], tag: str, arguments: tuple[str, ...], network: str | None) -> None:
    """Build Sageyard's images, or those named, in the Docker Engine.

    Base images that the engine does not have, it pulls. PIP_INDEX_URL, PIP_EXTRA_INDEX_URL and PIP_TRUSTED_HOST are
    passed on to the build.
    """
    from sageyard.runners.base import StartError
    from sageyard.runners.docker.build import build as build_image
    from sageyard.runners.images import Images, built_name

    folders = Images()
    known = {image.name: image for image in folders.known().values()}
    for name in names or known:
        if name not in known:
            raise click.BadParameter(f"{name!r} is none of {', '.join(known) or 'no images'}.", param_hint="NAME")
    given = dict(_argument(text) for text in arguments)
    api = _engine()
    for name in names or known:
        reference = f"{built_name(name)}:{tag}"
        click.echo(f"Building {reference}")
        try:
            for line in build_image(api, folders.root, known[name].folder.name, name, reference, given, network):
                click.echo(f"  {line}")
        except StartError as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"Built {reference}, {api.inspect_image(reference)['Size'] / MEGABYTE:.0f} MB")


@images.command("list")
@state_dir_option
def list_images(state_dir: Path | None) -> None:
    """What can be built, what is built, and what is mapped."""
    from sageyard.runners.docker.build import BUILDER
    from sageyard.runners.images import Images, built_name, read_mapping

    built: dict[str, list[Any]] = {}
    for image in _engine().images(filters={"label": BUILDER}):
        built.setdefault(image["Labels"][BUILDER], []).append(image)
    rows = [("IMAGE", "SIZE", "ANSWERS TO")]
    for folder in {image.name: image for image in Images().known().values()}.values():
        tagged = [
            (tag, f"{image['Size'] / MEGABYTE:.0f} MB")
            for image in built.get(folder.name, [])
            for tag in image["RepoTags"] or []
            if tag.startswith(f"{built_name(folder.name)}:")
        ]
        for tag, size in sorted(tagged) or [(built_name(folder.name), "not built")]:
            rows.append((tag, size, ", ".join(folder.repositories)))
    wide = max(len(name) for name, _, _ in rows)
    for name, size, repositories in rows:
        click.echo(f"{name:<{wide}}  {size:>9}  {repositories}")
    for uri, target in read_mapping(_settings(state_dir).image_map).items():
        click.echo(f"{uri} is mapped to {target}")


@images.command("map")
@click.argument("uri")
@click.argument("target", required=False)
@click.option("--remove", is_flag=True, help="Forget what URI is mapped to.")
@state_dir_option
def map_image(uri: str, target: str | None, remove: bool, state_dir: Path | None) -> None:
    """Run image TARGET where URI is asked for.

    URI without a tag stands for all its tags. A running server follows at once. The process runner follows it, too,
    where TARGET is one of Sageyard's own images.
    """
    from sageyard.runners.images import read_mapping, write_mapping

    if bool(target) == remove:
        raise click.UsageError("give the TARGET that URI is to be mapped to, or --remove.")
    path = _settings(state_dir).image_map
    mapping = read_mapping(path)
    if remove and uri not in mapping:
        raise click.ClickException(f"{uri} is not mapped; `sageyard images list` shows what is.")
    mapping = {known: image for known, image in mapping.items() if known != uri}
    write_mapping(path, mapping | ({uri: target} if target else {}))
    click.echo(f"{uri} is mapped to {target}" if target else f"{uri} is not mapped any more")


@images.command("push")
@click.argument("image")
@click.argument("target", required=False, metavar="[REPOSITORY[:TAG]]")
@region_option
@server_options
def push_image(image: str, target: str | None, host: str, port: int, state_dir: Path | None, region: str) -> None:
    """Have IMAGE of the Docker Engine in ECR, as `docker push` would: prints its URI.

    It gets the name that it would have in the account's registry, and the running server's ECR lists it. Its bytes
    stay where they are. REPOSITORY and TAG are IMAGE's own unless given; a repository that is missing is created.
    """
    from sageyard.cli.ecr import push
    from sageyard.runners.images import without_registry

    settings = Settings(host=host, port=port, state_dir=resolve_state_dir(state_dir), region=region)
    click.echo(push(_engine(), settings, image, target or without_registry(image)))


def _argument(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} must look like NAME=VALUE.", param_hint="--build-arg")
    return name, value


def _settings(state_dir: Path | None) -> Settings:
    return Settings(state_dir=resolve_state_dir(state_dir))


def _engine() -> Any:
    from sageyard.runners.base import StartError

    try:
        from sageyard.runners.docker.engine import connect

        return connect()
    except ImportError as error:
        raise click.ClickException(f"this needs the docker SDK ({error}): pip install 'sageyard[docker]'") from error
    except StartError as error:
        raise click.ClickException(str(error)) from error
