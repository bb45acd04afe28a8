"""What every analysis leaves behind: documents, and the message that decides the execution's status."""

import json
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Any


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """One report, indented."""
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def exit_message(violations: Sized) -> str:
    """AWS's sentence of a job that completed; its first word is the status of the execution."""
    if violations:
        return f"CompletedWithViolations: Job completed successfully with {len(violations)} violations."
    return "Completed: Job completed successfully with no violations."
