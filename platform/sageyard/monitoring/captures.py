"""Where an endpoint's captured data lies, and which hours of a window have any.

Key: `<DestinationS3Uri>/<endpoint>/<variant>/yyyy/mm/dd/hh/…` (developer guide,
`model-monitor-data-capture-endpoint`).
"""

import asyncio
from dataclasses import dataclass

from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.monitoring.definition import ExecutionError
from sageyard.monitoring.window import Window
from sageyard.resources.spec import Api


@dataclass(frozen=True, slots=True)
class Captures:
    """Captured data of one endpoint. `uri` is DestinationS3Uri without a slash at its end."""

    uri: str
    endpoint: str
    variants: tuple[str, ...]

    def folders(self, objects: Objects, window: Window) -> list[str]:
        """The folders under `uri` with captures of the window, `<endpoint>/<variant>/yyyy/mm/dd/hh`. Blocks.

        None at all raises ExecutionError that begins as AWS's reason does and names what was read.
        """
        bucket, prefix = split_s3_uri(self.uri)
        start = f"{prefix}/" if prefix else ""
        hours = window.hours
        folders = [f"{self.endpoint}/{variant}/{hour}" for variant in self.variants for hour in hours]
        try:
            found = [
                folder for folder in folders if any(entry.size for entry in objects.list(bucket, f"{start}{folder}/"))
            ]
        except ObjectNotFoundError:
            raise ExecutionError(f"Job inputs had no data: bucket {bucket} of {self.uri} does not exist.") from None
        if not found:
            places = " and ".join(f"{self.uri}/{self.endpoint}/{variant}/" for variant in self.variants or ("*",))
            span = hours[0] if len(hours) == 1 else f"{hours[0]} to {hours[-1]}"
            raise ExecutionError(
                f"Job inputs had no data: no captures under {places} in the hours {span} (UTC), the window {window}."
            )
        return found


async def captures_of(endpoint: str, api: Api, region: str) -> Captures:
    """Where the endpoint captures to; an endpoint that captures nothing raises ExecutionError."""
    found = await api.call("DescribeEndpoint", {"EndpointName": endpoint}, region=region)
    capture = found.get("DataCaptureConfig")
    if capture is None:
        raise ExecutionError(
            f"Job inputs had no data: endpoint {endpoint} captures none. Update it to an endpoint configuration with a "
            "DataCaptureConfig."
        )
    variants = tuple(variant["VariantName"] for variant in found.get("ProductionVariants", []))
    return Captures(capture["DestinationS3Uri"].rstrip("/"), endpoint, variants)


async def filled_folders(captures: Captures, objects: Objects, window: Window) -> list[str]:
    """`Captures.folders` off the event loop."""
    return await asyncio.to_thread(captures.folders, objects, window)


def gathered(folders: list[str], limit: int) -> list[str]:
    """At most `limit` folders that hold all of `folders`: of whole days, months, … where the hours are too many.

    A processing job takes 10 inputs; the analyser reads of a day's folder only the hours of its window.
    """
    while len(folders) > limit:
        folders = sorted({folder.rpartition("/")[0] for folder in folders})
    return folders
