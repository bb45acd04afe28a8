"""The merge of captured calls with ground truth (model-monitor-model-quality-merge): a job before the analysis.

A label belongs to a call whose captured inferenceId, or where it has none whose captured eventId, is the label's
eventMetadata.eventId. Of several labels for one id the last counts, by the hour in which it was collected: a later
label corrects an earlier one. Calls without a label are left out, and so are labels without a call.

The merged calls of an hour are one file with a name of its own, so that merging an hour again, when more labels have
come, replaces what was merged before.
"""

import itertools
import json
import logging
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from .capture import records_of
from .environment import MergeRequest
from .errors import AnalysisError, Uneven
from .join import JoinedLines
from .table import open_database
from .window import files_of

LABEL = (
    '{"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"<inference id>"},"eventVersion":"0"}'
)


def merge(request: MergeRequest) -> str:
    """Join and write; returns the exit message. AnalysisError where no call has a label."""
    captures = files_of(request.source, request.window)
    truth = _label_files(request.ground_truth)
    with tempfile.TemporaryDirectory(prefix="monitor-") as scratch, open_database(Path(scratch)) as connection:
        try:
            joined: JoinedLines | _JoinedRecords = JoinedLines(connection, captures, truth)
            merged = _write(request, captures, joined)
        except (Uneven, duckdb.Error) as error:
            logging.debug("Not joined by the database: %s", error)
            joined = _JoinedRecords(truth)
            merged = _write(request, captures, joined)
    if not merged:
        raise AnalysisError(
            f"No ground truth matches: {joined.calls} captured calls, with ids such as {joined.call_example!r}, and "
            f"{joined.labels} labels, with ids such as {joined.label_example!r}, have no id in common. A label's "
            "eventMetadata.eventId must "
            "be the InferenceId that was sent with the call, the captured eventId where none was sent, or the "
            "SageMakerInferenceId of a transform job's output. Upload the labels of these calls, or, if labels come "
            "later, move the window back with StartTimeOffset and EndTimeOffset."
        )
    logging.info("%d labels had no eventId and were left out", joined.without_id)
    return (
        f"Completed: {merged} of {joined.calls} captured calls have a label; {joined.labels - joined.used} of "
        f"{joined.labels} labels match no captured call."
    )


class _JoinedRecords:
    """The same as JoinedLines, a record at a time: it reads everything and says what cannot be read."""

    def __init__(self, truth: Sequence[Path]) -> None:
        self._labels, self.without_id = _labels(truth)
        self.labels, self.label_example = len(self._labels), next(iter(self._labels), "")
        self._used: set[str] = set()
        self.calls, self.call_example = 0, ""

    @property
    def used(self) -> int:
        return len(self._used)

    def lines(self, files: Sequence[Path]) -> Iterator[bytes]:
        for record in records_of(files, None):
            self.calls += 1
            event = record.get("eventMetadata") or {}
            key = str(event.get("inferenceId") or event.get("eventId") or "")
            self.call_example = self.call_example or key
            if key in self._labels:
                self._used.add(key)
                merged = {**record, "groundTruthData": self._labels[key]}
                yield json.dumps(merged, separators=(",", ":")).encode() + b"\n"

    def finish(self) -> None:
        """Nothing is left to do."""


def _labels(files: Sequence[Path]) -> tuple[dict[str, dict[str, Any]], int]:
    """Id -> groundTruthData, and how many records name no id."""
    labels: dict[str, dict[str, Any]] = {}
    without_id = 0
    for path, number, record in _records(files):
        data, event = record.get("groundTruthData"), record.get("eventMetadata")
        if not isinstance(data, dict) or not isinstance(event, dict):
            raise AnalysisError(f"{path} line {number} is not a ground truth record. Each line must be like {LABEL}.")
        key = event.get("eventId")
        if key in (None, ""):
            without_id += 1
        else:
            labels[str(key)] = data
    return labels, without_id


def _label_files(folder: Path) -> list[Path]:
    """In the order of their hours."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith((".", "_"))]


def _records(files: Sequence[Path]) -> Iterator[tuple[Path, int, dict[str, Any]]]:
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


def _write(request: MergeRequest, captures: Sequence[Path], joined: JoinedLines | _JoinedRecords) -> int:
    """Write the hours that have merged calls; returns how many there are."""
    merged = 0
    for source, files in itertools.groupby(captures, key=lambda path: path.parent):
        lines = joined.lines(list(files))
        folder = request.output / source.relative_to(request.source)
        if first := next(lines, None):
            folder.mkdir(parents=True, exist_ok=True)
            name = uuid.uuid5(uuid.NAMESPACE_URL, "/".join(folder.parts[-6:]))
            with (folder / f"part-00000-{name}.c000.jsonl").open("wb") as file:
                for line in itertools.chain([first], lines):
                    merged += 1
                    file.write(line)
    joined.finish()
    return merged
