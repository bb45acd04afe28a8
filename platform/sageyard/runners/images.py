"""Which folder stands behind an image URI.

An image is a folder under the containers root with an `image.toml`:

    name = "sagemaker-xgboost"
    repositories = ["sagemaker-xgboost"]
    entrypoint = ["python", "main.py"]
    command = ["train"]
    description = "XGBoost, built-in and script mode"

Only the repository's name decides: account, region, tag and digest of a URI are ignored, so that the URI that an SDK
makes up for any region finds the image. Entries of `entrypoint` that are files of the folder become absolute; programs
in its folder `bin` are on the image's PATH.

A URI may be mapped to another one first, by `sageyard images map`; the map is a JSON object in the state directory.
"""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from sageyard.runners.base import ImageNotFoundError

PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Image:
    """One image folder, read."""

    name: str
    folder: Path
    repositories: tuple[str, ...]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    description: str = ""


def command_line(
    image_entrypoint: tuple[str, ...],
    image_command: tuple[str, ...],
    entrypoint: tuple[str, ...] | None,
    arguments: tuple[str, ...] | None,
) -> list[str]:
    """The command line by Docker's rules (build-your-own-processing-container): an entrypoint drops the image's
    command, arguments alone follow the image's entrypoint."""
    if entrypoint:
        return [*entrypoint, *(arguments or ())]
    return [*image_entrypoint, *(image_command if arguments is None else arguments)]


def containers_root() -> Path:
    """`sageyard/_containers` inside an installed wheel, `containers/` in a checkout."""
    packaged = PACKAGE / "_containers"
    return packaged if packaged.is_dir() else PACKAGE.parent.parent / "containers"


def repository(image_uri: str) -> str:
    """The last path part of an image URI without tag and digest: `sagemaker-xgboost` of
    `683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1`."""
    return image_uri.partition("@")[0].rstrip("/").rpartition("/")[2].partition(":")[0]


def built_name(name: str) -> str:
    """What `sageyard images build` calls an image in the Docker Engine."""
    return f"sageyard/{name}"


class Images:
    """The images of one containers root; folders and mappings added while the server runs are found."""

    def __init__(self, root: Path | None = None, mapping: Path | None = None) -> None:
        self.root = root or containers_root()
        self._mapping = mapping
        self._by_repository: dict[str, Image] = {}

    def find(self, image_uri: str) -> Image:
        """The image behind a URI, or ImageNotFoundError."""
        name = repository(self.mapped(image_uri))
        found = self._by_repository.get(name) or self.known().get(name)
        if found is None:
            known = ", ".join(sorted(self._by_repository)) or "none"
            raise ImageNotFoundError(
                f"no container stands behind image {image_uri!r}: its repository {name!r} is not one of those known "
                f"here ({known}). Use the URI of a known repository, or add a folder with an image.toml that lists "
                f"{name!r} under repositories to {self.root}"
            )
        return found

    def known(self) -> dict[str, Image]:
        """Repository name -> image, as the folders are now."""
        self._by_repository = {
            known: image
            for path in sorted(self.root.glob("*/image.toml"))
            for image in [read_image(path)]
            for known in image.repositories
        }
        return self._by_repository

    def mapped(self, image_uri: str) -> str:
        """What a URI, or its repository whatever the tag, is mapped to; itself where it is not."""
        mapping = read_mapping(self._mapping) if self._mapping is not None else {}
        return mapping.get(image_uri) or mapping.get(without_tag(image_uri)) or image_uri


def without_tag(image_uri: str) -> str:
    """A URI without tag and digest."""
    uri = image_uri.partition("@")[0]
    name = uri.rpartition("/")[2]
    return uri.removesuffix(name) + name.partition(":")[0]


def without_registry(image_uri: str) -> str:
    """A URI without the host of its registry, if it has one: a first part with a dot or a port, by Docker's rule."""
    registry, _, rest = image_uri.partition("/")
    return rest if rest and ("." in registry or ":" in registry or registry == "localhost") else image_uri


def read_mapping(path: Path) -> dict[str, str]:
    """URI -> URI, from the map's file; empty where there is none."""
    try:
        mapping: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return mapping


def write_mapping(path: Path, mapping: dict[str, str]) -> None:
    """Replace the map in one step: a server may be reading it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    complete = path.with_suffix(".new")
    complete.write_text(json.dumps(mapping, indent=2) + "\n")
    complete.replace(path)


def read_image(path: Path) -> Image:
    """Read one image.toml; a missing key raises KeyError, bad TOML raises TOMLDecodeError."""
    data = tomllib.loads(path.read_text())
    folder = path.parent.resolve()
    entrypoint = tuple(
        str(folder / part) if not part.startswith("/") and (folder / part).is_file() else part
        for part in data["entrypoint"]
    )
    return Image(
        name=data["name"],
        folder=folder,
        repositories=tuple(data["repositories"]),
        entrypoint=entrypoint,
        command=tuple(data.get("command", ())),
        description=data.get("description", ""),
    )
