"""A disk that really fills up, small enough for that: nothing accepted is lost, and all goes on when there is room."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from bot.jobs.errors import DiskFull
from bot.jobs.job import Job
from bot.jobs.states import JobState
from tests.support.fake_engine import Script
from tests.support.needs import SMALL_DISK, need_mounts
from tests.support.stage import ready, stage, until

ROOT = Path(__file__).parents[3]


def fill(disk: Path) -> Path:
    """Take all room that is left."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    return ballast


def test_a_full_disk_refuses_new_jobs_and_the_accepted_ones_are_painted_when_there_is_room(tmp_path: Path) -> None:
    mount = shlex.join([*SMALL_DISK, str(tmp_path)])
    script = f"{mount} && exec {shlex.join([sys.executable, '-m', __name__, str(tmp_path)])}"

    ended = subprocess.run([*need_mounts(), "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr


async def refused_and_painted(small_disk: Path) -> None:
    """The test itself, on its disk."""
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
        check = await core.service.ledger.database.read(lambda db: db.execute("PRAGMA integrity_check").fetchone()[0])
        assert check == "ok"


if __name__ == "__main__":
    asyncio.run(refused_and_painted(Path(sys.argv[1])))
