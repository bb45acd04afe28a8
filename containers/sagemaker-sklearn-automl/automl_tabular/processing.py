"""A processing job of this image: its folders, and how it tells of a failure."""

import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from sagemaker_toolkit import layout
from sagemaker_toolkit.errors import ClientError

BASE = layout.BASE / "processing"
MESSAGE = layout.OUTPUT / "message"


def process(work: Callable[[Path], None]) -> int:
    """Run `work` on `/opt/ml/processing`; returns the exit status. Why it failed is in `/opt/ml/output/message`."""
    try:
        work(BASE)
    except ClientError as error:
        return _failed(str(error))
    except Exception as error:
        return _failed(f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
    return 0


def _failed(reason: str) -> int:
    print(reason, file=sys.stderr, flush=True)
    MESSAGE.parent.mkdir(parents=True, exist_ok=True)
    MESSAGE.write_text(reason)
    return 1
