"""The steps of a job in the ledger: each a guarded UPDATE, with what it does to the job's pictures.

A late or repeated event finds its guard false and changes nothing; such a method returns None.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from bot.jobs.errors import Argument
from bot.jobs.ids import WallClock
from bot.jobs.job import TRANSITIONS, Failure, Job, JobState, Picture
from bot.storage.facts import FactRows, keep
from bot.storage.rows import encode_arguments, read_job

LIVE = "('queued', 'offered', 'running')"
VIRTUAL = "virtual-time"
DOORSTEP = "doorstep"  # an event of a job


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """What a turn does to the clocks of fair queueing."""

    principal: str
    virtual: float
    finish: float


class Transitions(FactRows):
    """The part of the ledger that moves jobs."""

    wall: WallClock

    async def missing(self, job_id: str) -> tuple[int, ...]:
        """Which pictures of this job are neither painted nor given up."""
        return await self.read(lambda db: _missing(db, job_id))

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
                keep(db, VIRTUAL, repr(charge.virtual))
            return self.reread(db, job_id)

        return await self.write(work)

    async def start(self, job_id: str) -> Job | None:
        """Its engine has begun."""
        return await self.write(
            lambda db: (
                self.reread(db, job_id) if self._move(db, job_id, JobState.RUNNING, started=self.wall()) else None
            )
        )

    async def keep_enhanced(self, job_id: str, text: str) -> Job | None:
        """Its prompt is written out. The first text stays, as pictures may be painted from it already."""

        def work(db: sqlite3.Connection) -> Job | None:
            changed = db.execute(
                "UPDATE job SET spec = json_set(spec, '$.enhanced', ?) WHERE id = ?"  # noqa: S608 (our own states)
                f" AND coalesce(json_extract(spec, '$.enhanced'), '') = '' AND state IN {LIVE}",
                (text, job_id),
            ).rowcount
            return self.reread(db, job_id) if changed else None

        return await self.write(work)

    async def requeue(
        self, job_id: str, *, count_attempt: bool, most_attempts: int, chances: int | None = None
    ) -> Job | None:
        """It waits again; where attempts count and this was the last allowed one, it fails as poison instead.

        `chances`: it was the next to begin when its engine died. So often that is chance; from then on it counts too.
        """

        def work(db: sqlite3.Connection) -> Job | None:
            row = db.execute("SELECT attempt FROM job WHERE id = ?", (job_id,)).fetchone()
            if row is None:
                return None
            counts = count_attempt or (chances is not None and self._doorstep(db, job_id) > chances)
            if counts and row["attempt"] >= most_attempts:
                failure = Failure(code="poison", arguments={"attempts": most_attempts})
                return self._end(db, job_id, JobState.FAILED, failure)
            attempt: int = row["attempt"] + counts
            if not self._move(db, job_id, JobState.QUEUED, engine=None, attempt=attempt):
                return None
            return self.reread(db, job_id)

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
            return self.reread(db, job_id)
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
        return self.reread(db, job_id) if self._move(db, job_id, state, **ended) else None

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
            self.note(db, job_id, state.value)
        return moved > 0

    def _doorstep(self, db: sqlite3.Connection, job_id: str) -> int:
        """Note that its engine died when its turn had come, before it said that it began; how often that was so."""
        self.note(db, job_id, DOORSTEP)
        times = db.execute("SELECT count(*) FROM job_event WHERE job = ? AND event = ?", (job_id, DOORSTEP))
        return times.fetchone()[0]

    def note(self, db: sqlite3.Connection, job_id: str, event: str) -> None:
        db.execute("INSERT INTO job_event (job, at, event) VALUES (?, ?, ?)", (job_id, self.wall(), event))

    def reread(self, db: sqlite3.Connection, job_id: str) -> Job:
        return read_job(db, db.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone())


def _missing(db: sqlite3.Connection, job_id: str) -> tuple[int, ...]:
    rows = db.execute("SELECT k FROM image WHERE job = ? AND state = 'wanted' ORDER BY k", (job_id,)).fetchall()
    return tuple(row["k"] for row in rows)
