"""Where an endpoint's captured data and its ground truth lie, and which hours of a window have any.

Keys: `<DestinationS3Uri>/<endpoint>/<variant>/yyyy/mm/dd/hh/…` (developer guide,
`model-monitor-data-capture-endpoint`); `<S3Uri>/yyyy/mm/dd/hh/…` of the hour in which labels were collected
(`model-monitor-model-quality-merge`).
"""

from dataclasses import dataclass

from sageyard.cloud import ObjectNotFoundError, Objects, split_s3_uri
from sageyard.monitoring.dataset import Folders
from sageyard.monitoring.definition import ExecutionError
from sageyard.monitoring.window import Window
from sageyard.resources.spec import Api, Document

CAPTURE_FORMAT = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
MERGED_FORMAT = {"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}


@dataclass(frozen=True, slots=True)
class Captures:
    """Captured data of one endpoint. `uri` is DestinationS3Uri without a slash at its end."""

    uri: str
    endpoint: str
    variants: tuple[str, ...]
    modes: Document
    stopped: bool = False
    """Whether the endpoint has stopped capturing."""

    @property
    def variables(self) -> dict[str, str]:
        return {"sagemaker_endpoint_name": self.endpoint, "sagemaker_endpoint_datacapture_prefix": self.uri}

    @property
    def folder(self) -> str:
        return f"{self.endpoint}/"

    def captured(self, objects: Objects, window: Window, staging: str) -> Folders:
        """Inputs and outputs of the calls."""
        return Folders(self.uri, self._filled(objects, window, self.uri), CAPTURE_FORMAT, self.modes)

    def predicted(self, objects: Objects, window: Window, staging: str) -> Folders:
        """The same files: a record holds both."""
        return self.captured(objects, window, staging)

    def merged(self, objects: Objects, window: Window, uri: str) -> Folders:
        """The calls that have a label."""
        return Folders(uri, self._filled(objects, window, uri), MERGED_FORMAT, self.modes)

    def _filled(self, objects: Objects, window: Window, uri: str) -> list[str]:
        """`<endpoint>/<variant>/yyyy/mm/dd/hh` with data of the window. None at all raises ExecutionError that begins
        as AWS's reason does and names what was read."""
        hours = window.hours
        found = filled(
            objects, uri, [f"{self.endpoint}/{variant}/{hour}" for variant in self.variants for hour in hours]
        )
        if not found:
            places = " and ".join(f"{uri}/{self.endpoint}/{variant}/" for variant in self.variants or ("*",))
            advice = (
                f"Endpoint {self.endpoint} has stopped capturing: update it to an endpoint configuration whose "
                "DataCaptureConfig has EnableCapture true."
                if self.stopped
                else f"Send traffic to endpoint {self.endpoint} in the hours that the schedule looks at, or move the "
                "window with StartTimeOffset and EndTimeOffset."
            )
            raise ExecutionError(
                f"Job inputs had no data: no captures under {places} in the hours {span(hours)} (UTC), the window "
                f"{window}. {advice}"
            )
        return found


def ground_truth(objects: Objects, uri: str, window: Window) -> list[str]:
    """The hours, `yyyy/mm/dd/hh`, with labels collected in the window under GroundTruthS3Input's URI. Blocks.

    None at all raises ExecutionError that names what was read and how labels are uploaded.
    """
    hours = window.hours
    found = filled(objects, uri, hours)
    if not found:
        raise ExecutionError(
            f"Job inputs had no data: no ground truth under {uri}/ in the hours {span(hours)} (UTC), from "
            "the start of the window to now. Upload labels to yyyy/mm/dd/hh/ below it, the hour in which they were "
            "collected; where labels come later than the schedule runs, set StartTimeOffset and EndTimeOffset."
        )
    return found


def filled(objects: Objects, uri: str, folders: list[str]) -> list[str]:
    """Those of the folders under an S3 URI that hold objects with content; a missing bucket raises ExecutionError."""
    bucket, prefix = split_s3_uri(uri)
    start = f"{prefix}/" if prefix else ""
    try:
        return [folder for folder in folders if any(entry.size for entry in objects.list(bucket, f"{start}{folder}/"))]
    except ObjectNotFoundError:
        raise ExecutionError(f"Job inputs had no data: bucket {bucket} of {uri} does not exist.") from None


def span(hours: list[str]) -> str:
    """The hours from first to last."""
    return hours[0] if len(hours) == 1 else f"{hours[0]} to {hours[-1]}"


async def captures_of(endpoint: str, modes: Document, api: Api, region: str) -> Captures:
    """Where the endpoint captures to; an endpoint that captures nothing raises ExecutionError."""
    found = await api.call("DescribeEndpoint", {"EndpointName": endpoint}, region=region)
    capture = found.get("DataCaptureConfig")
    if capture is None:
        raise ExecutionError(
            f"Job inputs had no data: endpoint {endpoint} captures none. Update it to an endpoint configuration with a "
            "DataCaptureConfig."
        )
    variants = tuple(variant["VariantName"] for variant in found.get("ProductionVariants", []))
    return Captures(
        capture["DestinationS3Uri"].rstrip("/"), endpoint, variants, modes, capture["CaptureStatus"] == "Stopped"
    )
