"""What is old or too much goes, what somebody waits for stays; a backup is everything that the ledger knew."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.jobs.errors import PictureGone, UnknownJob
from bot.jobs.job import Job
from bot.jobs.states import JobState
from bot.storage import database, retention
from bot.storage.blobs import Blob, BlobStore
from bot.storage.database import LedgerUnusable, back_up
from bot.storage.ledger import Ledger
from bot.storage.privacy import Use
from bot.storage.retention import SETTLED, Keep, Pruned, prune, pruning, too_many
from tests.support.stage import ANNA, Stage, ready, stage, until

LONG = 10 * SETTLED


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path / "data") as core, core.engine().running():
        await ready(core)
        yield core


async def painted(core: Stage, *, told: bool = True) -> Job:
    [job] = await core.ended(await core.ask())
    if told:
        await core.service.ledger.jobs.mark_posted(job.id)
    return job


async def pruned(core: Stage, keep: Keep, *, later: float = LONG) -> Pruned:
    return await prune(core.service.ledger, core.service.blobs, keep, now=time.time() + later)


async def test_old_pictures_go_and_those_not_yet_posted_stay(core: Stage) -> None:
    posted, owed = await painted(core), await painted(core, told=False)

    gone = await pruned(core, Keep(pictures=1.0))

    assert gone == Pruned(rows=0, pictures=1)
    assert await core.service.picture(owed.id, 0)
    with pytest.raises(PictureGone):
        await core.service.picture(posted.id, 0)
    again = await core.service.reroll(posted.id, by=ANNA, origin="again")
    assert [job.state for job in await core.ended(again)] == [JobState.RENDERED]


async def test_over_its_room_the_oldest_pictures_go_first(core: Stage) -> None:
    jobs = [await painted(core) for _ in range(4)]
    sizes = [job.pictures[0].size for job in jobs]

    gone = await pruned(core, Keep(room=sizes[2] + sizes[3]))

    assert gone.pictures == 2
    assert await core.service.picture(jobs[2].id, 0)
    with pytest.raises(PictureGone):
        await core.service.picture(jobs[1].id, 0)


async def test_room_is_never_made_by_what_is_not_yet_posted(core: Stage) -> None:
    owed = [await painted(core, told=False) for _ in range(3)]

    gone = await pruned(core, Keep(rows=0.0, pictures=0.0, room=0))

    assert gone == Pruned(rows=0, pictures=0)
    assert all([await core.service.picture(job.id, 0) for job in owed])


async def test_a_picture_that_a_waiting_job_starts_from_stays(core: Stage) -> None:
    old = await painted(core)
    await painted_from(core, old)

    gone = await pruned(core, Keep(pictures=0.0))

    assert gone.pictures == 0
    assert await core.service.picture(old.id, 0)


async def painted_from(core: Stage, old: Job) -> None:
    """A variation that was painted and has yet to be posted."""
    await core.ended(await core.service.vary(old.id, 0, by=ANNA, origin="variation"))


async def test_old_jobs_go_with_everything_but_not_before_their_children(core: Stage) -> None:
    parent = await painted(core)
    child = await core.service.reroll(parent.id, by=ANNA, origin="child")
    await core.ended(child)

    first = await pruned(core, Keep(rows=1.0))
    await core.service.ledger.jobs.mark_posted(child.id)
    young = await pruned(core, Keep(rows=2 * LONG))
    then = await pruned(core, Keep(rows=1.0))

    assert first == young == Pruned(rows=0, pictures=0)
    assert then == Pruned(rows=2, pictures=2)
    with pytest.raises(UnknownJob):
        await core.service.job(parent.id)
    assert await core.service.ledger.jobs.events(parent.id) == []


async def test_a_picture_without_a_job_goes_once_it_had_time_to_get_one(core: Stage, tmp_path: Path) -> None:
    name = await core.service.blobs.put(b"nobody's")

    soon = await pruned(core, Keep(), later=SETTLED / 2)
    late = await pruned(core, Keep())

    assert (soon.pictures, late.pictures) == (0, 1)
    assert await core.service.blobs.get(name) is None


def lie(core: Stage, *jobs: Job) -> list[bool]:
    """Whether the picture of each is still there."""
    return [core.service.blobs.path(job.pictures[0].blob).is_file() for job in jobs]


async def test_a_bot_prunes_from_time_to_time_until_it_ends(core: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVERY", 0.01)
    before = asyncio.all_tasks()
    first = await painted(core)

    async with pruning(core.service.ledger, core.service.blobs, Keep(pictures=1.0), wall=lambda: time.time() + LONG):
        await until(lambda: lie(core, first) == [False])
        second = await painted(core)
        await until(lambda: lie(core, second) == [False])
        [task] = [task for task in asyncio.all_tasks() - before if task.get_name() == "retention"]

    assert task.cancelled()


async def test_between_two_looks_nothing_is_pruned(core: Stage) -> None:
    first = await painted(core)

    async with pruning(core.service.ledger, core.service.blobs, Keep(pictures=1.0), wall=lambda: time.time() + LONG):
        await until(lambda: lie(core, first) == [False])
        rest = [await painted(core) for _ in range(3)]

    assert lie(core, *rest) == [True] * 3


async def test_a_disk_that_cannot_be_read_or_written_ends_no_pruning(
    core: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retention, "EVERY", 0.01)
    old = await painted(core)

    await core.service.ledger.database.read(lambda db: db.execute("PRAGMA query_only = ON"))
    async with pruning(core.service.ledger, core.service.blobs, Keep(pictures=1.0), wall=lambda: time.time() + LONG):
        await until(lambda: "nothing could be pruned" in caplog.text)
        assert lie(core, old) == [True]
        await core.service.ledger.database.read(lambda db: db.execute("PRAGMA query_only = OFF"))
        await until(lambda: lie(core, old) == [False])


def blob(name: str, *, size: int = 10, written: float = 0.0) -> Blob:
    return Blob(name=name, size=size, written=written)


def gone(stored: list[Blob], uses: dict[str, Use], keep: Keep, *, now: float) -> list[str]:
    return [one.name for one in too_many(stored, uses, keep, now=now)]


def test_what_is_kept_is_kept_to_the_last_second_and_byte() -> None:
    stored = [blob("old"), blob("young"), blob("owed"), blob("nobody's")]
    uses = {
        "old": Use(last=100.0, owed=False), "young": Use(last=200.0, owed=False), "owed": Use(last=0.0, owed=True)
    }  # fmt: skip
    fits, too_little = Keep(room=30), Keep(room=29)

    assert gone(stored, uses, Keep(), now=SETTLED) == []
    assert gone(stored, uses, Keep(), now=SETTLED + 1) == ["nobody's"]
    assert gone(stored, uses, Keep(pictures=50.0), now=150.0) == []
    assert gone(stored, uses, Keep(pictures=50.0), now=151.0) == ["old"]
    assert gone(stored, uses, fits, now=200.0) == []  # what belongs to nobody yet takes none of the room
    assert gone(stored, uses, too_little, now=200.0) == ["old"]
    assert gone(stored, uses, Keep(room=0), now=200.0) == ["old", "young"]
    assert gone(stored, uses, Keep(pictures=50.0, room=20), now=200.0) == ["old"]  # once, for either reason


async def test_a_picture_stored_again_while_it_was_to_go_stays(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path / "blobs")
    name = await blobs.put(b"picture")
    doomed = await blobs.stored()

    await blobs.put(b"picture")

    assert await blobs.drop(doomed) == 0
    assert await blobs.get(name) == b"picture"


async def test_a_backup_of_a_working_bot_restores_its_jobs_its_queue_and_its_pictures(tmp_path: Path) -> None:
    async with stage(tmp_path / "data") as core:
        async with core.engine().running():
            await ready(core)
            done = await painted(core)
        waiting = await core.ask()
        back_up(tmp_path / "data" / "ledger.db", tmp_path / "backup.db")
        await core.ask()

    restored = tmp_path / "restored"
    shutil.copytree(tmp_path / "data" / "blobs", restored / "blobs")
    shutil.copyfile(tmp_path / "backup.db", restored / "ledger.db")
    async with stage(restored) as core, core.engine().running():
        [ended] = await core.ended(waiting)

        assert ended.state is JobState.RENDERED
        assert await core.service.picture(done.id, 0)
        assert [job.id for job in await core.service.ledger.jobs.unposted()] == [waiting.id]
    assert (tmp_path / "backup.db").stat().st_mode & 0o777 == 0o600


def test_a_backup_never_overwrites_a_file(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()
    (tmp_path / "precious").write_text("kept")

    with pytest.raises(LedgerUnusable, match="precious cannot be written"):
        back_up(tmp_path / "ledger.db", tmp_path / "precious")

    assert (tmp_path / "precious").read_text() == "kept"


KILLED = """
import os, sys
from pathlib import Path
from bot.storage import database
database.os.fsync = lambda _: os.kill(os.getpid(), 9)  # all is written, but not yet under its name
database.back_up(Path(sys.argv[1]), Path(sys.argv[2]))
"""


async def test_a_backup_that_was_killed_leaves_no_file_that_looks_whole_and_the_next_one_is(tmp_path: Path) -> None:
    ledger, copy = tmp_path / "ledger.db", tmp_path / "copies" / "backup.db"
    copy.parent.mkdir()
    async with Ledger.open(ledger):
        died = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", KILLED, ledger, copy], check=False)
        assert died.returncode == -signal.SIGKILL
        assert not copy.exists()

        back_up(ledger, copy)

    assert [path.name for path in copy.parent.iterdir()] == ["backup.db"]
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM job").fetchone() == (0,)


@pytest.mark.parametrize("stops", ["VACUUM", "fsync"])
async def test_a_backup_for_which_the_disk_is_too_full_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops: str
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    async with Ledger.open(tmp_path / "ledger.db"):
        if stops == "fsync":

            def full(_handle: int) -> None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            monkeypatch.setattr(database.os, "fsync", full)
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))  # a write beyond it fails
        try:
            with pytest.raises(LedgerUnusable, match="backup"):
                back_up(tmp_path / "ledger.db", copies / "backup.db")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    assert list(copies.iterdir()) == []


def test_a_backup_of_nothing_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnusable, match="There is no ledger"):
        back_up(tmp_path / "ledger.db", tmp_path / "backup.db")
