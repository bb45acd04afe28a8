"""Where an endpoint's captured data and its ground truth lie, and which hours of a window have any.

Keys: `<DestinationS3Uri>/<endpoint>/<variant>/yyyy/mm/dd/hh/…` (developer guide,
`model-monitor-data-capture-endpoint`); `<S3Uri>/yyyy/mm/dd/hh/…` of the hour in which labels were collected
(`model-monitor-model-quality-merge`).
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
        hours = window.hours
        folders = [f"{self.endpoint}/{variant}/{hour}" for variant in self.variants for hour in hours]
        found = _filled(objects, self.uri, folders)
        if not found:
            places = " and ".join(f"{self.uri}/{self.endpoint}/{variant}/" for variant in self.variants or ("*",))
            raise ExecutionError(
                f"Job inputs had no data: no captures under {places} in the hours {_span(hours)} (UTC), the window "
                f"{window}."
            )
        return found


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """Labels by the hour in which they were collected. `uri` is GroundTruthS3Input's without a slash at its end."""

    uri: str

    def folders(self, objects: Objects, window: Window) -> list[str]:
        """The folders under `uri` with labels collected in the window, `yyyy/mm/dd/hh`. Blocks.

        None at all raises ExecutionError that names what was read and how labels are uploaded.
        """
        hours = window.hours
        found = _filled(objects, self.uri, hours)
        if not found:
            raise ExecutionError(
                f"Job inputs had no data: no ground truth under {self.uri}/ in the hours {_span(hours)} (UTC), from "
                "the start of the window to now. Upload labels to yyyy/mm/dd/hh/ below it, the hour in which they were "
                "collected; where labels come later than the schedule runs, set StartTimeOffset and EndTimeOffset."
            )
        return found


def _filled(objects: Objects, uri: str, folders: list[str]) -> list[str]:
    """Those of the folders under an S3 URI that hold objects with content."""
    bucket, prefix = split_s3_uri(uri)
    start = f"{prefix}/" if prefix else ""
    try:
        return [folder for folder in folders if any(entry.size for entry in objects.list(bucket, f"{start}{folder}/"))]
    except ObjectNotFoundError:
        raise ExecutionError(f"Job inputs had no data: bucket {bucket} of {uri} does not exist.") from None


def _span(hours: list[str]) -> str:
    return hours[0] if len(hours) == 1 else f"{hours[0]} to {hours[-1]}"


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


async def filled_folders(data: Captures | GroundTruth, objects: Objects, window: Window) -> list[str]:
    """`folders` off the event loop."""
    return await asyncio.to_thread(data.folders, objects, window)


def gathered(folders: list[str], limit: int) -> list[str]:
    """At most `limit` folders that hold all of `folders`: of whole days, months, … where the hours are too many.

    A processing job takes 10 inputs; the analyser reads of a day's folder only the hours of its window.
    """
    while len(folders) > limit:
        folders = sorted({folder.rpartition("/")[0] for folder in folders})
    return folders
