"""Jobs: accepted within the limits, looked up, moved from state to state, and told to their persons."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass

from bot.jobs.errors import Refusal
from bot.jobs.ids import WallClock
from bot.jobs.job import Failure, Job, Picture
from bot.jobs.limits import DAY, Limits, Spent, Usage, check
from bot.jobs.states import JobState
from bot.storage.database import Database
from bot.storage.facts import keep_fact, read_fact
from bot.storage.messages import note_deleted
from bot.storage.pending import drop_pending
from bot.storage.rows import Draft, encode_arguments, insert_job, read_job, readable_jobs
from bot.storage.transitions import LIVE, end, end_picture, missing, move, note, note_doorstep, reread, want_anew

VIRTUAL = "virtual-time"  # of a fact


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


class JobStore:
    """Every transition returns the job after it, or None where it came too late and changed nothing."""

    def __init__(self, database: Database, *, wall: WallClock) -> None:
        self._database = database
        self._wall = wall

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
            drop_pending(db, draft.origin)
            note(db, draft.id, "accepted", at=self._wall())
            return reread(db, draft.id), True

        return await self._database.write(work)

    async def usage(self, principal: str, *, now: float) -> Usage:
        """What this person has asked for in the last day, and what waits, at this moment (Unix seconds)."""
        return await self._database.read(lambda db: _usage(db, principal, now))

    async def get(self, job_id: str) -> Job | None:
        """This job as it stands."""
        return await self._one("SELECT * FROM job WHERE id = ?", job_id)

    async def of_origin(self, origin: str) -> Job | None:
        """The job that this interaction or request made, if it did."""
        return await self._one("SELECT * FROM job WHERE origin = ?", origin)

    async def live(self) -> list[Assignment]:
        """Every job that has not ended, in order of acceptance, for a bot that starts."""

        def work(db: sqlite3.Connection) -> list[Assignment]:
            rows = db.execute(f"SELECT * FROM job WHERE state IN {LIVE} ORDER BY seq").fetchall()  # noqa: S608
            return [
                Assignment(job=job, engine=row["engine"], charged=bool(row["charged"]))
                for row, job in readable_jobs(db, rows)
            ]

        return await self._database.read(work)

    async def virtual_times(self) -> VirtualTimes:
        """The clocks of fair queueing as the last pick left them."""

        def work(db: sqlite3.Connection) -> VirtualTimes:
            users = db.execute("SELECT * FROM usr").fetchall()
            return VirtualTimes(
                virtual=float(read_fact(db, VIRTUAL) or 0.0),
                finishes={row["principal"]: row["vtime"] for row in users},
                weights={row["principal"]: row["weight"] for row in users},
            )

        return await self._database.read(work)

    async def events(self, job_id: str) -> list[str]:
        """What happened to this job, in order."""
        return await self._database.read(
            lambda db: [
                row["event"]
                for row in db.execute("SELECT event FROM job_event WHERE job = ? ORDER BY seq", (job_id,)).fetchall()
            ]
        )

    async def missing(self, job_id: str) -> tuple[int, ...]:
        """Which pictures of this job are neither painted nor given up."""
        return await self._database.read(lambda db: missing(db, job_id))

    # Its life

    async def offer(self, job_id: str, *, engine: str, charge: Charge | None) -> Job | None:
        """It goes to this engine; `charge` moves the clocks of fair queueing, None when its turn was counted."""

        def work(db: sqlite3.Connection) -> Job | None:
            now = self._wall()
            job = move(db, job_id, JobState.OFFERED, at=now, engine=engine, offered=now, charged=1)
            if job is not None and charge is not None:
                db.execute(
                    "INSERT INTO usr (principal, vtime) VALUES (?, ?)"
                    " ON CONFLICT (principal) DO UPDATE SET vtime = excluded.vtime",
                    (charge.principal, charge.finish),
                )
                keep_fact(db, VIRTUAL, repr(charge.virtual))
            return job

        return await self._database.write(work)

    async def start(self, job_id: str) -> Job | None:
        """Its engine has begun."""

        def work(db: sqlite3.Connection) -> Job | None:
            now = self._wall()
            return move(db, job_id, JobState.RUNNING, at=now, started=now)

        return await self._database.write(work)

    async def keep_enhanced(self, job_id: str, text: str) -> Job | None:
        """Its prompt is written out. The first text stays, as pictures may be painted from it already."""

        def work(db: sqlite3.Connection) -> Job | None:
            changed = db.execute(
                "UPDATE job SET spec = json_set(spec, '$.enhanced', ?) WHERE id = ?"  # noqa: S608 (our own states)
                f" AND coalesce(json_extract(spec, '$.enhanced'), '') = '' AND state IN {LIVE}",
                (text, job_id),
            ).rowcount
            return reread(db, job_id) if changed else None

        return await self._database.write(work)

    async def requeue(
        self, job_id: str, *, count_attempt: bool, most_attempts: int, chances: int | None = None
    ) -> Job | None:
        """It waits again; where attempts count and this was the last allowed one, it fails as poison instead.

        `chances`: it was the next to begin when its engine died. So often that is chance; from then on it counts too.
        """

        def work(db: sqlite3.Connection) -> Job | None:
            row = db.execute(f"SELECT attempt FROM job WHERE id = ? AND state IN {LIVE}", (job_id,)).fetchone()  # noqa: S608 (our own states)
            if row is None:
                return None
            now = self._wall()
            counts = count_attempt or (chances is not None and note_doorstep(db, job_id, at=now) > chances)
            if counts and row["attempt"] >= most_attempts:
                failure = Failure(code="poison", arguments={"attempts": most_attempts})
                return end(db, job_id, JobState.FAILED, failure, at=now)
            attempt: int = row["attempt"] + counts
            return move(db, job_id, JobState.QUEUED, at=now, engine=None, attempt=attempt)

        return await self._database.write(work)

    async def cancel(self, job_id: str) -> Job | None:
        """Its person gave it up; its engine is told afterwards."""
        return await self._database.write(lambda db: end(db, job_id, JobState.CANCELLED, at=self._wall()))

    async def fail(self, job_id: str, failure: Failure) -> Job | None:
        """It will not be painted at all."""
        return await self._database.write(lambda db: end(db, job_id, JobState.FAILED, failure, at=self._wall()))

    async def painted(self, job_id: str, picture: Picture) -> Job | None:
        """Picture k lies in the blob store. The first result wins; the last picture ends the job."""

        def work(db: sqlite3.Connection) -> Job | None:
            return end_picture(
                db,
                job_id,
                picture.k,
                "state = 'painted', seed = ?, width = ?, height = ?, blob = ?, bytes = ?, seconds = ?",
                (picture.seed, picture.width, picture.height, picture.blob, picture.size, picture.seconds),
                at=self._wall(),
            )

        return await self._database.write(work)

    async def gave_up(self, job_id: str, k: int, failure: Failure) -> Job | None:
        """Picture k will not come. The job is rendered with the others, or failed where there are none."""

        def work(db: sqlite3.Connection) -> Job | None:
            return end_picture(
                db,
                job_id,
                k,
                "state = 'failed', error = ?, error_arguments = ?",
                (failure.code, encode_arguments(dict(failure.arguments))),
                at=self._wall(),
            )

        return await self._database.write(work)

    async def paint_anew(self, job_id: str, pictures: Collection[int]) -> Job | None:
        """These pictures of a rendered job are lost: it waits again, once. None where it did so before."""
        return await self._database.write(lambda db: want_anew(db, job_id, pictures, at=self._wall()))

    # What its person is told

    async def unposted(self) -> list[Job]:
        """Jobs that delivery owes something, oldest first: live, rendered, or ended without saying so."""
        return await self._all("SELECT * FROM job WHERE told = 0 ORDER BY seq")

    async def mark_posted(self, job_id: str) -> bool:
        """A message says how this job ended. False: one said so before, or the job has not ended."""
        return await self._told(job_id, JobState.POSTED)

    async def mark_undeliverable(self, job_id: str, *, deleted: bool = False) -> bool:
        """No route to the reader of this job is left, or its message was `deleted` by Discord's own means.

        False: that was known, or the job has not ended.
        """
        return await self._told(job_id, JobState.UNDELIVERABLE, deleted=deleted)

    async def persons_owed(self) -> set[str]:
        """The principals of all jobs that were painted and could not be shown."""
        sql = "SELECT DISTINCT principal FROM job WHERE state = 'undeliverable'"
        return await self._database.read(lambda db: {row["principal"] for row in db.execute(sql)})

    async def undeliverable(self, principal: str) -> list[Job]:
        """What this person was painted and could not be shown, oldest first."""
        return await self._all(
            "SELECT * FROM job WHERE principal = ? AND state = 'undeliverable' ORDER BY created", principal
        )

    async def _told(self, job_id: str, state: JobState, *, deleted: bool = False) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            now = self._wall()
            if deleted:
                note_deleted(db, job_id)
            if move(db, job_id, state, at=now, told=1, posted=now) is not None:
                return True
            unpainted = db.execute(
                "UPDATE job SET told = 1, posted = ? WHERE id = ? AND told = 0 AND state IN ('failed', 'cancelled')",
                (now, job_id),
            ).rowcount
            if unpainted:
                note(db, job_id, state.value, at=now)
            return unpainted > 0

        return await self._database.write(work)

    async def _one(self, sql: str, value: str) -> Job | None:
        def work(db: sqlite3.Connection) -> Job | None:
            row = db.execute(sql, (value,)).fetchone()
            return None if row is None else read_job(db, row)

        return await self._database.read(work)

    async def _all(self, sql: str, *values: str) -> list[Job]:
        return await self._database.read(
            lambda db: [job for _, job in readable_jobs(db, db.execute(sql, values).fetchall())]
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
