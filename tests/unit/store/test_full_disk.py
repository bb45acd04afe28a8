"""Work that waits for space on the disk."""

import asyncio
import errno
from pathlib import Path

import pytest
from sageyard.store import full_disk
from sageyard.store.full_disk import kept_up, saved

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full_disk, "SECONDS", 0.001)


def test_the_end_of_work_is_saved_when_there_is_space_again() -> None:
    outcomes = [FULL, FULL, None]

    def save() -> None:
        if (outcome := outcomes.pop(0)) is not None:
            raise outcome

    asyncio.run(saved(save))
    assert outcomes == []


def test_any_other_failure_to_save_is_raised_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(saved(lambda: (tmp_path / "none" / "file").touch()))


def test_work_without_an_end_goes_on_after_a_full_disk_and_not_after_a_defect() -> None:
    outcomes: list[Exception] = [FULL, FULL, LookupError()]

    async def work() -> None:
        raise outcomes.pop(0)

    with pytest.raises(LookupError):
        asyncio.run(kept_up(work))
    assert outcomes == []
