"""What waits for the ledger together is committed together, and none of it harms another."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.storage import database as database_file
from bot.storage.database import MOST_TOGETHER, Database, LedgerBusy, LedgerFull, LedgerReplaced
from bot.storage.facts import keep_fact

Work = Callable[[sqlite3.Connection], None]


class Thread:
    """The ledger's thread, stopped at a point while a test hands work over."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.statements: list[str] = []

    async def follow(self, stop_at: str = "") -> threading.Event:
        """Note every statement from now on, and wait at this one until the event is set."""
        go_on = threading.Event()

        def hear(statement: str) -> None:
            self.statements.append(statement)
            if statement == stop_at:
                go_on.wait(30)

        await self.database.read(lambda db: db.set_trace_callback(hear))
        return go_on

    async def stop(self) -> threading.Event:
        """Until the event is set nothing more is done."""
        stopped, go_on = threading.Event(), threading.Event()

        def wait(db: sqlite3.Connection) -> None:
            stopped.set()
            go_on.wait(30)

        self._stopping = asyncio.create_task(self.database.read(wait))
        await asyncio.to_thread(stopped.wait, 30)
        return go_on

    @property
    def commits(self) -> int:
        return self.statements.count("COMMIT")


@pytest.fixture
async def thread(tmp_path: Path) -> AsyncIterator[Thread]:
    async with Database.open(tmp_path / "ledger.db") as database:
        yield Thread(database)


def note(key: str) -> Work:
    return lambda db: keep_fact(db, key, "noted")


def refuse(db: sqlite3.Connection) -> None:
    keep_fact(db, "refused", "noted")
    raise ValueError("refused")


async def noted(database: Database) -> list[str]:
    return await database.read(lambda db: [row["key"] for row in db.execute("SELECT key FROM fact ORDER BY key")])


async def hand_over(database: Database, *works: Work) -> list[asyncio.Task[None]]:
    """All at once; they wait when this returns."""
    tasks = [asyncio.create_task(database.write(work)) for work in works]
    await asyncio.sleep(0)
    return tasks


async def test_fifty_writes_that_wait_together_take_one_commit(thread: Thread) -> None:
    await thread.follow()
    go_on = await thread.stop()
    writing = await hand_over(thread.database, *(note(f"{n:02}") for n in range(50)))
    go_on.set()
    await asyncio.gather(*writing)

    assert thread.commits == 1
    assert await noted(thread.database) == [f"{n:02}" for n in range(50)]


async def test_however_many_wait_the_first_does_not_wait_for_all_of_them(thread: Thread) -> None:
    go_on = await thread.follow(stop_at="COMMIT")
    first = await hand_over(thread.database, note("first"))
    later = await hand_over(thread.database, *(note(f"{n:03}") for n in range(2 * MOST_TOGETHER)))
    go_on.set()
    await asyncio.gather(*first, *later)

    assert 3 <= thread.commits <= 4


async def test_one_that_is_refused_leaves_those_that_it_came_with(thread: Thread) -> None:
    go_on = await thread.stop()
    good, bad, fine = await hand_over(thread.database, note("good"), refuse, note("fine"))
    go_on.set()

    with pytest.raises(ValueError, match="refused"):
        await bad
    await asyncio.gather(good, fine)
    assert await noted(thread.database) == ["fine", "good"]


async def test_a_refusal_does_not_wait_until_others_are_on_disk(thread: Thread) -> None:
    go_on = await thread.follow(stop_at="COMMIT")
    stopped = await thread.stop()
    good, bad = await hand_over(thread.database, note("good"), refuse)
    stopped.set()

    with pytest.raises(ValueError, match="refused"):
        await bad
    assert not good.done()
    go_on.set()
    await good


async def test_what_is_read_is_on_disk(thread: Thread) -> None:
    go_on = await thread.stop()
    (writing,) = await hand_over(thread.database, note("new"))
    reading = asyncio.create_task(noted(thread.database))
    await asyncio.sleep(0)
    go_on.set()

    assert await reading == []
    await writing
    assert await noted(thread.database) == ["new"]


async def test_one_that_is_too_large_for_the_disk_harms_none_that_it_came_with(thread: Thread) -> None:
    def fill(db: sqlite3.Connection) -> None:
        keep_fact(db, "large", "x" * 2**20)

    await thread.database.read(
        lambda db: db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 4}")
    )
    go_on = await thread.stop()
    first, large, last = await hand_over(thread.database, note("first"), fill, note("last"))
    go_on.set()

    with pytest.raises(LedgerFull):
        await large
    await asyncio.gather(first, last)
    assert await noted(thread.database) == ["first", "last"]


@pytest.mark.parametrize("times", [1, 4], ids=["once", "for good"])
async def test_where_nothing_could_be_stored_together_each_is_tried_alone(
    thread: Thread, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [sqlite3.OperationalError("disk I/O error")] * times
    transact = thread.database._transact

    def failing(pieces: Any) -> None:
        if failures:
            raise failures.pop()
        transact(pieces)

    monkeypatch.setattr(thread.database, "_transact", failing)
    go_on = await thread.stop()
    writing = await hand_over(thread.database, note("a"), refuse, note("b"))
    go_on.set()
    ended = await asyncio.gather(*writing, return_exceptions=True)

    kinds = [type(error) for error in ended]
    stored = await noted(thread.database)
    if times == 1:
        assert (kinds, stored) == ([type(None), ValueError, type(None)], ["a", "b"])
    else:
        assert (kinds, stored) == ([sqlite3.OperationalError] * 3, [])


async def test_many_writes_that_meet_a_lock_wait_for_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_file, "PATIENCE", 0.1)
    async with Database.open(tmp_path / "ledger.db") as database:
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            begun = time.monotonic()
            answers = await asyncio.gather(
                *(database.write(note(str(number))) for number in range(60)), return_exceptions=True
            )
            waited = time.monotonic() - begun

        assert {type(answer) for answer in answers} == {LedgerBusy}
        assert waited < 60 * 0.1 / 2  # each by itself would wait as long again
        await database.write(note("after"))
        assert await noted(database) == ["after"]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files")
@pytest.mark.parametrize("deleted", [["ledger.db"], ["ledger.db", "ledger.db-wal", "ledger.db-shm"]])
async def test_a_ledger_that_is_deleted_while_it_is_open_is_there_again_with_the_next_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, deleted: list[str]
) -> None:
    async with Database.open(tmp_path / "ledger.db") as database:
        await database.write(note("before"))
        for name in deleted:
            (tmp_path / name).unlink()

        await database.write(note("after"))
        await database.write(note("later"))

        assert await noted(database) == ["after", "before", "later"]
    async with Database.open(tmp_path / "ledger.db") as opened_again:
        assert await noted(opened_again) == ["after", "before", "later"]
    assert caplog.text.count("was deleted while the bot ran") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files")
async def test_into_a_ledger_that_was_replaced_nothing_is_written(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "other.db") as other:
        await other.write(note("theirs"))
    async with Database.open(tmp_path / "ledger.db") as database:
        (tmp_path / "other.db").replace(tmp_path / "ledger.db")

        with pytest.raises(LedgerReplaced):
            await database.write(note("ours"))
