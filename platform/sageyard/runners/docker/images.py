"""Which of the engine's images stands behind an image URI."""

import threading
from dataclasses import dataclass
from typing import Any

from docker.errors import APIError, ImageNotFound, NotFound

from sageyard.runners.base import ImageNotFoundError
from sageyard.runners.images import Images, built_name, repository, without_registry

SHELL = "/bin/sh"
ENV = "/usr/bin/env"


@dataclass(frozen=True, slots=True)
class EngineImage:
    """What the engine knows of an image."""

    id: str
    reference: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    user: str
    environment: dict[str, str]

    @property
    def runs_as_root(self) -> bool:
        """Whether its processes are root, in the container."""
        return self.user.partition(":")[0] in {"", "0", "root"}


class EngineImages:
    """Finds images, and never pulls one. Methods block and may be called by any thread."""

    def __init__(self, api: Any, images: Images, labels: dict[str, str]) -> None:
        self._api = api
        self._images = images
        self._labels = labels
        self._lock = threading.Lock()
        self._programs: dict[tuple[str, str], bool] = {}

    def find(self, image_uri: str) -> EngineImage:
        """The image behind a URI, or ImageNotFoundError."""
        for reference in self._references(image_uri):
            try:
                found = self._api.inspect_image(reference)
            except (ImageNotFound, NotFound):
                continue
            except APIError as error:
                if error.is_server_error():
                    raise
                continue  # a reference that the engine does not take for one
            config = found["Config"] or {}
            return EngineImage(
                id=found["Id"],
                reference=reference,
                entrypoint=tuple(config.get("Entrypoint") or ()),
                command=tuple(config.get("Cmd") or ()),
                user=config.get("User") or "",
                environment=dict(entry.partition("=")[::2] for entry in config.get("Env") or ()),
            )
        raise ImageNotFoundError(self._advice(image_uri))

    def has(self, image: EngineImage, program: str) -> bool:
        """Whether there is this file in it; looked up once, in a container that is never started."""
        with self._lock:
            key = (image.id, program)
            if key not in self._programs:
                probe = self._api.create_container(image.id, command=[program], labels=self._labels)["Id"]
                try:
                    parts, _ = self._api.get_archive(probe, program)
                    parts.close()
                    self._programs[key] = True
                except NotFound:
                    self._programs[key] = False
                finally:
                    self._api.remove_container(probe, force=True)
            return self._programs[key]

    def _references(self, image_uri: str) -> list[str]:
        """Names to try: the URI itself; without its registry, as AWS's registries are not here; the image built from
        the folder of that repository, of that tag, else the newest."""
        uri = self._images.mapped(image_uri)
        names = list(dict.fromkeys((uri, without_registry(uri))))
        if (known := self._images.known().get(repository(uri))) is not None:
            tag = uri.partition("@")[0].rpartition("/")[2].partition(":")[2]
            names += [f"{built_name(known.name)}:{tag}"] if tag else []
            names.append(f"{built_name(known.name)}:latest")
        return names

    def _advice(self, image_uri: str) -> str:
        uri = self._images.mapped(image_uri)
        mapped = f" (mapped to {uri!r})" if uri != image_uri else ""
        if (known := self._images.known().get(repository(uri))) is not None:
            way_out = f"build it with `sageyard images build {known.name}`"
        else:
            way_out = (
                "nothing is pulled by itself: build, load or `docker pull` the image, or say with "
                f"`sageyard images map {image_uri} IMAGE` which one to run instead"
            )
        return f"the Docker Engine has no image {image_uri!r}{mapped}: {way_out}"
