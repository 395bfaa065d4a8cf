"""A disk that really fills up, small enough for that: nothing accepted is lost, and all goes on when there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bot.errors import DiskFull
from bot.jobs.job import Job, JobState
from tests.jobs.stage import ready, stage, until
from tests.support.fake_engine import Script


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Four MiB of it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root can mount a small disk; the same is tested with a small file in test_ledger.py")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take all room that is left."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return ballast


async def test_a_full_disk_refuses_new_jobs_and_the_accepted_ones_are_painted_when_there_is_room(
    small_disk: Path,
) -> None:
    async with stage(small_disk) as core, core.engine(script=Script(step_seconds=0.05)).running():
        await ready(core)
        accepted = [await core.ask() for _ in range(3)]

        ballast = fill(small_disk)
        refusal = None
        while refusal is None:
            try:
                accepted.append(await core.ask())
            except DiskFull as full:
                refusal = full
        ballast.unlink()
        ended: list[Job] = await core.ended(*accepted, within=40)
        await until(lambda: not core.waits())

        assert {job.state for job in ended} == {JobState.RENDERED}
        assert {job.attempt for job in ended} == {1}
        check = await core.service.ledger.read(lambda db: db.execute("PRAGMA integrity_check").fetchone()[0])
        assert check == "ok"
