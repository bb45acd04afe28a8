"""Outputs of transform jobs as captured records, so that ground truth is joined with them as with calls.

GenerateInferenceId has given each output an id and the job's start: two last columns in CSV, SageMakerInferenceId and
SageMakerInferenceTime in JSON (model-monitor-data-capture-batch). The output of a record is its `batchTransformOutput`.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from .environment import MergeRequest
from .errors import AnalysisError
from .window import files_of, moment

ID, TIME = "SageMakerInferenceId", "SageMakerInferenceTime"


def as_captures(request: MergeRequest, scratch: Path) -> MergeRequest:
    """The same merge, of records written to `scratch` in the layout of captures; AnalysisError where an output has no
    id."""
    files: dict[str, TextIO] = {}
    try:
        for path in files_of(request.source, None):
            for time, record in _records(path, request):
                hour = f"{time:%Y/%m/%d/%H}"
                if hour not in files:
                    (scratch / hour).mkdir(parents=True)
                    files[hour] = (scratch / hour / "outputs.jsonl").open("w", encoding="utf-8")
                files[hour].write(json.dumps(record, separators=(",", ":")) + "\n")
    finally:
        for file in files.values():
            file.close()
    return replace(request, source=scratch)


def _records(path: Path, request: MergeRequest) -> Iterator[tuple[datetime, dict[str, Any]]]:
    kind = request.dataset_format.kind if request.dataset_format else ""
    outputs = {"csv": _csv, "json": _json}.get(kind)
    if outputs is None:
        raise AnalysisError(
            f"Outputs in {kind} have no inference ids, so that no ground truth can be joined with them: let the "
            "transform jobs answer in CSV or JSON with GenerateInferenceId, and set DatasetFormat to Csv or Json."
        )
    for number, (event_id, text, payload) in enumerate(outputs(path), 1):
        try:
            time = moment(text)
        except (ValueError, TypeError):
            if number == 1 and request.dataset_format and request.dataset_format.csv_header:
                continue
            raise AnalysisError(
                f"Output {number} of {path} has no inference id: {json.dumps(payload['data'])[:120]}. Run the "
                "transform job with DataCaptureConfig and GenerateInferenceId true, and leave the id and the time "
                f"that it appends ({ID}, {TIME}) as they are."
            ) from None
        yield (
            time,
            {
                "captureData": {"batchTransformOutput": {"mode": "OUTPUT", **payload}},
                "eventMetadata": {"eventId": event_id, "inferenceId": event_id, "inferenceTime": text},
                "eventVersion": "0",
            },
        )


def _csv(path: Path) -> Iterator[tuple[Any, Any, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for line in lines:
            if row := next(csv.reader([line]), None):
                event_id, time = row[-2:] if len(row) > 2 else (None, None)
                payload = {"data": line.rstrip("\r\n"), "encoding": "CSV", "observedContentType": "text/csv"}
                yield event_id, time.strip() if time else time, payload


def _json(path: Path) -> Iterator[tuple[Any, Any, dict[str, str]]]:
    text = path.read_text(encoding="utf-8-sig")
    try:
        try:
            documents = [json.loads(text)]
        except ValueError:
            documents = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise AnalysisError(f"{path} is not JSON, which DatasetFormat says it is: {error}.") from None
    for document in documents:
        for output in document if isinstance(document, list) else [document]:
            named = output if isinstance(output, dict) else {}
            payload = {"data": json.dumps(output), "encoding": "JSON", "observedContentType": "application/json"}
            yield named.get(ID), named.get(TIME), payload
