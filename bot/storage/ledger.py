"""The truth about jobs: one SQLite file, guarded transitions, nothing half done."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bot.jobs.errors import Refusal
from bot.jobs.ids import WallClock
from bot.jobs.job import Job
from bot.jobs.limits import DAY, Limits, Spent, Usage, check
from bot.storage.jobs import LIVE, VIRTUAL, Transitions
from bot.storage.left_behind import LeftBehindRows
from bot.storage.messages import Messages
from bot.storage.pending import Pending, settle_pending
from bot.storage.privacy import Forgetting
from bot.storage.rows import Draft, insert_job, read_job, readable_jobs
from bot.storage.settings import SettingStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """Which engine a live job was handed to, as the last bot process left it, and whether its turn was counted."""

    job: Job
    engine: str | None
    charged: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class VirtualTimes:
    """The clocks of fair queueing: the common one, and those and the weights of persons."""

    virtual: float
    finishes: dict[str, float]
    weights: dict[str, float]


class Ledger(Transitions, Messages, Forgetting, LeftBehindRows, Pending):
    """All tables. Every method that changes something is one transaction and is on disk when it returns."""

    settings: SettingStore

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, wall: WallClock = time.time) -> AsyncGenerator[Self, None]:
        """The ledger in this file, created or migrated. Raises LedgerUnusable."""
        async with super().open(path) as ledger:
            ledger.wall = wall
            ledger.settings = await SettingStore.read(ledger, wall=wall)
            yield ledger

    # Acceptance and look-up

    async def accept(
        self, draft: Draft, *, limits: Limits, closed: Callable[[], Refusal | None], queue_moves_at: float
    ) -> tuple[Job, bool]:
        """The job of this origin, and whether it is new; the same origin again is the same job.

        Raises what `closed` says in the ledger's thread, or the refusal of the limit that this request would pass.
        """

        def work(db: sqlite3.Connection) -> tuple[Job, bool]:
            known = db.execute("SELECT * FROM job WHERE origin = ?", (draft.origin,)).fetchone()
            if known is not None:
                return read_job(db, known), False
            if (refusal := closed()) is not None:
                raise refusal
            usage = _usage(db, draft.requester.principal, draft.created)
            check(usage, limits, pictures=draft.request.count, now=draft.created, queue_moves_at=queue_moves_at)
            insert_job(db, draft)
            settle_pending(db, draft.origin)
            self.note(db, draft.id, "accepted")
            return self.reread(db, draft.id), True

        return await self.write(work)

    async def job(self, job_id: str) -> Job | None:
        """This job as it stands."""
        return await self._one_job("SELECT * FROM job WHERE id = ?", job_id)

    async def job_of_origin(self, origin: str) -> Job | None:
        """The job that this interaction or request made, if it did."""
        return await self._one_job("SELECT * FROM job WHERE origin = ?", origin)

    async def _one_job(self, sql: str, value: str) -> Job | None:
        def work(db: sqlite3.Connection) -> Job | None:
            row = db.execute(sql, (value,)).fetchone()
            return None if row is None else read_job(db, row)

        return await self.read(work)

    async def live(self) -> list[Assignment]:
        """Every job that has not ended, in order of acceptance, for a bot that starts."""

        def work(db: sqlite3.Connection) -> list[Assignment]:
            rows = db.execute(f"SELECT * FROM job WHERE state IN {LIVE} ORDER BY seq").fetchall()  # noqa: S608
            return [
                Assignment(job=job, engine=row["engine"], charged=bool(row["charged"]))
                for row, job in readable_jobs(db, rows)
            ]

        return await self.read(work)

    async def virtual_times(self) -> VirtualTimes:
        """The clocks of fair queueing as the last pick left them."""

        def work(db: sqlite3.Connection) -> VirtualTimes:
            users = db.execute("SELECT * FROM usr").fetchall()
            virtual = db.execute("SELECT value FROM fact WHERE key = ?", (VIRTUAL,)).fetchone()
            return VirtualTimes(
                virtual=0.0 if virtual is None else float(virtual["value"]),
                finishes={row["principal"]: row["vtime"] for row in users},
                weights={row["principal"]: row["weight"] for row in users},
            )

        return await self.read(work)

    async def events(self, job_id: str) -> list[str]:
        """What happened to this job, in order."""
        return await self.read(
            lambda db: [
                row["event"]
                for row in db.execute("SELECT event FROM job_event WHERE job = ? ORDER BY seq", (job_id,)).fetchall()
            ]
        )


def _usage(db: sqlite3.Connection, principal: str, now: float) -> Usage:
    rows = db.execute(
        "SELECT created, state, count,"
        " (SELECT count(*) FROM image WHERE job = job.id AND image.state = 'failed') AS failed"
        " FROM job WHERE principal = ? AND created > ? ORDER BY created",
        (principal, now - DAY),
    ).fetchall()
    spent = [
        Spent(
            at=row["created"],
            minute=0 if row["state"] == "failed" else row["count"] - row["failed"],
            day=0 if row["state"] in ("failed", "cancelled") else row["count"] - row["failed"],
        )
        for row in rows
    ]
    in_flight = db.execute(
        f"SELECT count(*) FROM job WHERE principal = ? AND state IN {LIVE}",  # noqa: S608 (our own names)
        (principal,),
    )
    waiting = db.execute("SELECT count(*) FROM job WHERE state IN ('queued', 'offered')")
    return Usage(spent=spent, in_flight=in_flight.fetchone()[0], waiting=waiting.fetchone()[0])
