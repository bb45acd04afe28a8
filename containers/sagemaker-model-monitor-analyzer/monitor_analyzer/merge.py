"""The merge of captured calls with ground truth (model-monitor-model-quality-merge): a job before the analysis.

A label belongs to a call whose captured inferenceId, or where it has none whose captured eventId, is the label's
eventMetadata.eventId. Of several labels for one id the last counts, by the hour in which it was collected: a later
label corrects an earlier one. Calls without a label are left out, and so are labels without a call.

The merged calls of an hour are one file with a name of its own, so that merging an hour again, when more labels have
come, replaces what was merged before.
"""

import json
import logging
import uuid
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from .capture import records_of
from .environment import MergeRequest
from .errors import AnalysisError
from .window import files_of

LABEL = (
    '{"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"<inference id>"},"eventVersion":"0"}'
)


def merge(request: MergeRequest) -> str:
    """Join and write; returns the exit message. AnalysisError where no call has a label."""
    labels, without_id = _labels(request.ground_truth)
    used: set[str] = set()
    calls, merged, example = 0, 0, ""
    captures = files_of(request.source, request.window)
    for folder, files in groupby(captures, key=lambda path: path.parent):
        lines = []
        for record in records_of(list(files), None):
            calls += 1
            event = record.get("eventMetadata") or {}
            key = str(event.get("inferenceId") or event.get("eventId") or "")
            example = example or key
            if key in labels:
                used.add(key)
                lines.append(json.dumps({**record, "groundTruthData": labels[key]}, separators=(",", ":")) + "\n")
        if lines:
            merged += len(lines)
            _write(request.output / folder.relative_to(request.source), lines)
    if not merged:
        raise AnalysisError(
            f"No ground truth matches: {calls} captured calls, with ids such as {example!r}, and {len(labels)} labels, "
            f"with ids such as {next(iter(labels), '')!r}, have no id in common. A label's eventMetadata.eventId must "
            "be the InferenceId that was sent with the call, the captured eventId where none was sent, or the "
            "SageMakerInferenceId of a transform job's output. Upload the labels of these calls, or, if labels come "
            "later, move the window back with StartTimeOffset and EndTimeOffset."
        )
    logging.info("%d labels had no eventId and were left out", without_id)
    return (
        f"Completed: {merged} of {calls} captured calls have a label; {len(labels) - len(used)} of {len(labels)} "
        "labels match no captured call."
    )


def _labels(folder: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """Id -> groundTruthData, and how many records name no id."""
    labels: dict[str, dict[str, Any]] = {}
    without_id = 0
    for path, number, record in _records(folder):
        data, event = record.get("groundTruthData"), record.get("eventMetadata")
        if not isinstance(data, dict) or not isinstance(event, dict):
            raise AnalysisError(f"{path} line {number} is not a ground truth record. Each line must be like {LABEL}.")
        key = event.get("eventId")
        if key in (None, ""):
            without_id += 1
        else:
            labels[str(key)] = data
    return labels, without_id


def _records(folder: Path) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """The ground truth records in the order of their hours."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith((".", "_"))]
    for path in files:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise AnalysisError(
                        f"{path} line {number} is not JSON: {error}. Write lines like {LABEL}."
                    ) from None
                if not isinstance(record, dict):
                    raise AnalysisError(f"{path} line {number} is not a JSON object. Write lines like {LABEL}.")
                yield path, number, record


def _write(folder: Path, lines: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid5(uuid.NAMESPACE_URL, "/".join(folder.parts[-6:]))
    (folder / f"part-00000-{name}.c000.jsonl").write_text("".join(lines), encoding="utf-8")
