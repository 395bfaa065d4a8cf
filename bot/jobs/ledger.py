"""The truth about jobs: one SQLite file, guarded transitions, nothing half done.

A late or repeated event finds its guard false and changes nothing; such a method returns None.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from bot.errors import Argument, Refusal
from bot.jobs.blob_uses import BlobUses
from bot.jobs.forgetting import Forgetting
from bot.jobs.ids import WallClock
from bot.jobs.job import TRANSITIONS, Failure, Job, JobState, Picture
from bot.jobs.limits import DAY, Limits, Spent, Usage, check
from bot.jobs.messages import Messages
from bot.jobs.rows import Draft, encode_arguments, insert_job, read_job
from bot.jobs.setting_rows import SettingRows

LIVE = "('queued', 'offered', 'running')"
VIRTUAL = "virtual-time"


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """What a turn does to the clocks of fair queueing."""

    principal: str
    virtual: float
    finish: float


class Ledger(Messages, SettingRows, BlobUses, Forgetting):
    """All tables. Every method that changes something is one transaction and is on disk when it returns."""

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, wall: WallClock = time.time) -> AsyncGenerator[Self, None]:
        """The ledger in this file, created or migrated. Raises LedgerUnusable."""
        async with super().open(path) as ledger:
            ledger.wall = wall
            yield ledger

    # Acceptance and look-up

    async def accept(
        self, draft: Draft, *, limits: Limits, closed: Refusal | None, queue_moves_at: float
    ) -> tuple[Job, bool]:
        """The job of this origin, and whether it is new; the same origin again is the same job.

        Raises `closed` where it is one, or the refusal of the limit that this request would pass.
        """

        def work(db: sqlite3.Connection) -> tuple[Job, bool]:
            known = db.execute("SELECT * FROM job WHERE origin = ?", (draft.origin,)).fetchone()
            if known is not None:
                return read_job(db, known), False
            if closed is not None:
                raise closed
            usage = _usage(db, draft.requester.principal, draft.created)
            check(usage, limits, pictures=draft.request.count, now=draft.created, queue_moves_at=queue_moves_at)
            insert_job(db, draft)
            self._note(db, draft.id, "accepted")
            return self._read(db, draft.id), True

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
                Assignment(job=read_job(db, row), engine=row["engine"], charged=bool(row["charged"])) for row in rows
            ]

        return await self.read(work)

    async def missing(self, job_id: str) -> tuple[int, ...]:
        """Which pictures of this job are neither painted nor given up."""
        return await self.read(lambda db: _missing(db, job_id))

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

    async def fact(self, key: str) -> str | None:
        """A single value kept across restarts."""
        row = await self._row("SELECT value FROM fact WHERE key = ?", key)
        return None if row is None else row["value"]

    async def keep_fact(self, key: str, value: str) -> None:
        """Keep a single value across restarts."""
        await self.write(lambda db: _keep_fact(db, key, value))

    async def events(self, job_id: str) -> list[str]:
        """What happened to this job, in order."""
        return await self.read(
            lambda db: [
                row["event"]
                for row in db.execute("SELECT event FROM job_event WHERE job = ? ORDER BY seq", (job_id,)).fetchall()
            ]
        )

    # Transitions

    async def offer(self, job_id: str, *, engine: str, charge: Charge | None) -> Job | None:
        """It goes to this engine; `charge` moves the clocks of fair queueing, None when its turn was counted."""

        def work(db: sqlite3.Connection) -> Job | None:
            if not self._move(db, job_id, JobState.OFFERED, engine=engine, offered=self.wall(), charged=1):
                return None
            if charge is not None:
                db.execute(
                    "INSERT INTO usr (principal, vtime) VALUES (?, ?)"
                    " ON CONFLICT (principal) DO UPDATE SET vtime = excluded.vtime",
                    (charge.principal, charge.finish),
                )
                _keep_fact(db, VIRTUAL, repr(charge.virtual))
            return self._read(db, job_id)

        return await self.write(work)

    async def start(self, job_id: str) -> Job | None:
        """Its engine has begun."""
        return await self.write(
            lambda db: self._read(db, job_id) if self._move(db, job_id, JobState.RUNNING, started=self.wall()) else None
        )

    async def requeue(self, job_id: str, *, count_attempt: bool, most_attempts: int) -> Job | None:
        """It waits again; where attempts count and this was the last allowed one, it fails as poison instead."""

        def work(db: sqlite3.Connection) -> Job | None:
            row = db.execute("SELECT attempt FROM job WHERE id = ?", (job_id,)).fetchone()
            if row is None:
                return None
            if count_attempt and row["attempt"] >= most_attempts:
                failure = Failure(code="poison", arguments={"attempts": most_attempts})
                return self._end(db, job_id, JobState.FAILED, failure)
            attempt: int = row["attempt"] + count_attempt
            if not self._move(db, job_id, JobState.QUEUED, engine=None, attempt=attempt):
                return None
            return self._read(db, job_id)

        return await self.write(work)

    async def cancel(self, job_id: str) -> Job | None:
        """Its person gave it up; its engine is told afterwards."""
        return await self.write(lambda db: self._end(db, job_id, JobState.CANCELLED, None))

    async def fail(self, job_id: str, failure: Failure) -> Job | None:
        """It will not be painted at all."""
        return await self.write(lambda db: self._end(db, job_id, JobState.FAILED, failure))

    async def painted(self, job_id: str, picture: Picture) -> Job | None:
        """Picture k lies in the blob store. The first result wins; the last picture ends the job."""

        def work(db: sqlite3.Connection) -> Job | None:
            return self._end_image(
                db,
                job_id,
                picture.k,
                "state = 'painted', seed = ?, width = ?, height = ?, blob = ?, bytes = ?, seconds = ?",
                (picture.seed, picture.width, picture.height, picture.blob, picture.size, picture.seconds),
            )

        return await self.write(work)

    async def gave_up(self, job_id: str, k: int, failure: Failure) -> Job | None:
        """Picture k will not come. The job is rendered with the others, or failed where there are none."""

        def work(db: sqlite3.Connection) -> Job | None:
            return self._end_image(
                db,
                job_id,
                k,
                "state = 'failed', error = ?, error_arguments = ?",
                (failure.code, encode_arguments(dict(failure.arguments))),
            )

        return await self.write(work)

    def _end_image(
        self, db: sqlite3.Connection, job_id: str, k: int, change: str, values: Iterable[Argument]
    ) -> Job | None:
        changed = db.execute(
            f"UPDATE image SET {change} WHERE job = ? AND k = ? AND state = 'wanted'"  # noqa: S608 (our own columns)
            f" AND EXISTS (SELECT 1 FROM job WHERE id = image.job AND state IN {LIVE})",
            (*values, job_id, k),
        ).rowcount
        if not changed:
            return None
        if _missing(db, job_id):
            return self._read(db, job_id)
        failed = db.execute(
            "SELECT error, error_arguments FROM image WHERE job = ? AND state = 'failed' ORDER BY k", (job_id,)
        ).fetchone()
        failure = None
        if failed is not None:
            arguments = msgspec.json.decode(failed["error_arguments"], type=dict[str, Argument])
            failure = Failure(code=failed["error"], arguments=arguments)
        painted = db.execute("SELECT 1 FROM image WHERE job = ? AND state = 'painted'", (job_id,)).fetchone()
        return self._end(db, job_id, JobState.FAILED if painted is None else JobState.RENDERED, failure)

    def _end(self, db: sqlite3.Connection, job_id: str, state: JobState, failure: Failure | None) -> Job | None:
        ended: dict[str, str | float | None] = {"ended": self.wall(), "engine": None}
        if failure is not None:
            ended |= {"error": failure.code, "error_arguments": encode_arguments(dict(failure.arguments))}
        if state is JobState.CANCELLED:
            ended |= {"cancel_requested": 1}
        return self._read(db, job_id) if self._move(db, job_id, state, **ended) else None

    def _move(self, db: sqlite3.Connection, job_id: str, state: JobState, **columns: str | float | None) -> bool:
        """The guarded UPDATE that every transition is; False where the table of transitions forbids it."""
        sources = [source.value for source, targets in TRANSITIONS.items() if state in targets]
        changes = ", ".join(["state = ?", *(f"{name} = ?" for name in columns)])
        marks = ", ".join("?" for _ in sources)
        moved = db.execute(
            f"UPDATE job SET {changes} WHERE id = ? AND state IN ({marks})",  # noqa: S608 (our own names)
            (state.value, *columns.values(), job_id, *sources),
        ).rowcount
        if moved:
            self._note(db, job_id, state.value)
        return moved > 0

    def _note(self, db: sqlite3.Connection, job_id: str, event: str) -> None:
        db.execute("INSERT INTO job_event (job, at, event) VALUES (?, ?, ?)", (job_id, self.wall(), event))

    def _read(self, db: sqlite3.Connection, job_id: str) -> Job:
        return read_job(db, db.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone())


def _missing(db: sqlite3.Connection, job_id: str) -> tuple[int, ...]:
    rows = db.execute("SELECT k FROM image WHERE job = ? AND state = 'wanted' ORDER BY k", (job_id,)).fetchall()
    return tuple(row["k"] for row in rows)


def _keep_fact(db: sqlite3.Connection, key: str, value: str) -> None:
    db.execute("INSERT OR REPLACE INTO fact (key, value) VALUES (?, ?)", (key, value))


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
