"""The hours that an analysis looks at, and the files that can hold them.

Capture keys end in `yyyy/mm/dd/hh/<file>`, the UTC hour of the invocation (model-monitor-data-capture-endpoint). The
input directory may hold more than the window (model-monitor-byoc-contract-inputs), so files are chosen by path.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .errors import AnalysisError

_HOUR = re.compile(r"/(\d{4})/(\d{2})/(\d{2})/(\d{2})/(?=[^/]+$)")


def moment(text: str) -> datetime:
    """An ISO 8601 time; without an offset it is UTC. Raises ValueError."""
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """`start` included, `end` excluded, both UTC."""

    start: datetime
    end: datetime

    def holds(self, time: datetime) -> bool:
        return self.start <= time < self.end

    def touches(self, hour: datetime) -> bool:
        """True if any moment of that hour lies in the window."""
        return hour < self.end and hour + timedelta(hours=1) > self.start

    def __str__(self) -> str:
        first, last = self.start, self.end - timedelta(microseconds=1)
        return f"{first:%Y-%m-%dT%H:%M:%SZ} to {self.end:%Y-%m-%dT%H:%M:%SZ} (hours {first:%Y/%m/%d/%H}" + (
            f" to {last:%Y/%m/%d/%H})" if f"{first:%Y%m%d%H}" != f"{last:%Y%m%d%H}" else ")"
        )


def files_of(source: Path, window: Window | None) -> list[Path]:
    """The data files under `source` (or `source` itself), in path order; AnalysisError where there is none.

    Names that begin with a dot or an underscore (`_SUCCESS`) and empty files are not data.
    """
    found = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    files = [path for path in found if not path.name.startswith((".", "_")) and path.stat().st_size > 0]
    if not files:
        raise AnalysisError(
            f"No data: {source} holds no files"
            + (f" for {window}" if window else "")
            + ". Send traffic to the endpoint with data capture enabled, or check the input's S3 prefix."
        )
    if window is None:
        return files
    chosen = [path for path in files if (hour := _hour_of(path)) is None or window.touches(hour)]
    if not chosen:
        hours = sorted({f"{hour:%Y/%m/%d/%H}" for path in files if (hour := _hour_of(path))})
        raise AnalysisError(
            f"No data: {source} holds no files for {window}; it has {', '.join(hours[-5:])}. "
            "Send traffic in that window, or move the window (start and end time offsets) to hours that have data."
        )
    return chosen


def _hour_of(path: Path) -> datetime | None:
    match = _HOUR.search(path.as_posix())
    if match is None:
        return None
    try:
        return datetime(*(int(part) for part in match.groups()), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return None
