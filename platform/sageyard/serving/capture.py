"""Data capture: which invocations are kept and what their records look like.

Source of every field, name and default: developer guide, `model-monitor-data-capture-endpoint`, and captured files in
AWS's example notebooks. Only invocations that the container answered with 2xx are captured: an error message is no
inference, and a monitor would count it as one.
"""

import base64
import json
from random import Random

from sageyard.clock import Clock, iso
from sageyard.cloud import split_s3_uri
from sageyard.resources.spec import Document
from sageyard.serving.spool import Spool, SpoolFolder

_quote = json.encoder.encode_basestring


class Capture:
    """Data capture of one variant."""

    def __init__(
        self, config: Document, endpoint_name: str, variant_name: str, spools: SpoolFolder, clock: Clock, random: Random
    ) -> None:
        modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        self._input = bool(modes & {"Input", "InputAndOutput"})
        self._output = bool(modes & {"Output", "InputAndOutput"})
        self._share = float(config["InitialSamplingPercentage"]) / 100
        header = config.get("CaptureContentTypeHeader") or {}
        self._encodings = {media_type.strip().lower(): "CSV" for media_type in header.get("CsvContentTypes") or ()}
        self._encodings |= {media_type.strip().lower(): "JSON" for media_type in header.get("JsonContentTypes") or ()}
        self._random = random
        self._clock = clock
        bucket, prefix = split_s3_uri(config["DestinationS3Uri"])
        folder = "/".join(part for part in (prefix.strip("/"), endpoint_name, variant_name) if part)
        self._spool = Spool(spools, bucket, folder)
        self._second = 0
        self._time = ""

    @property
    def sampled(self) -> bool:
        """Whether the next invocation is captured: a draw of its own each time."""
        return self._share >= 1 or self._random.random() < self._share

    def record(
        self,
        event_id: str,
        request_type: bytes | None,
        request: bytes,
        answer_type: bytes | None,
        answer: bytes,
        inference_id: bytes | None = None,
        custom_attributes: bytes | None = None,
    ) -> None:
        """Append one invocation to the spool; it survives kill -9 from here on. `event_id` is its request id."""
        now = self._clock.now()
        if int(now) != self._second:
            self._second = int(now)
            self._time = iso(now)
        parts = []
        if self._input:
            parts.append(f'"endpointInput":{self._side(request_type, "INPUT", request)}')
        if self._output:
            parts.append(f'"endpointOutput":{self._side(answer_type, "OUTPUT", answer)}')
        metadata = f'"eventId":"{event_id}"'
        if inference_id is not None:
            metadata += f',"inferenceId":{_quote(inference_id.decode("latin-1"))}'
        if custom_attributes is not None:
            metadata += f',"customAttributes":[{_quote(custom_attributes.decode("latin-1"))}]'
        line = (
            f'{{"captureData":{{{",".join(parts)}}},"eventMetadata":{{{metadata},"inferenceTime":"{self._time}"}},'
            '"eventVersion":"0"}\n'
        )
        self._spool.append(line.encode(), now)

    async def flush(self) -> None:
        """Deliver everything recorded so far."""
        await self._spool.flush()

    def _side(self, content_type: bytes | None, mode: str, body: bytes) -> str:
        observed = (content_type or b"application/octet-stream").decode("latin-1")
        encoding = self._encodings.get(observed.partition(";")[0].strip().lower(), "BASE64")
        data = None
        if encoding != "BASE64":
            try:
                data = body.decode()
            except UnicodeDecodeError:
                encoding = "BASE64"
        if data is None:
            data = base64.b64encode(body).decode()
        return (
            f'{{"observedContentType":{_quote(observed)},"mode":"{mode}","data":{_quote(data)},'
            f'"encoding":"{encoding}"}}'
        )


def capture_summary(config: Document | None) -> Document | None:
    """DescribeEndpoint's DataCaptureConfig: all five members, as the model requires."""
    if config is None:
        return None
    enabled = bool(config.get("EnableCapture", False))
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId") or "",
    }
