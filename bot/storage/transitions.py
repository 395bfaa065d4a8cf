"""The steps of a job, within a transaction: each a guarded UPDATE, with what it does to the job's pictures.

Each returns the job after it. A late or repeated event finds its guard false, changes nothing and returns None.
`at` is the present, in Unix seconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from bot.jobs.errors import Argument
from bot.jobs.job import Failure, Job
from bot.jobs.states import TRANSITIONS, JobState
from bot.storage.rows import encode_arguments, read_job

LIVE = "('queued', 'offered', 'running')"
DOORSTEP = "doorstep"  # events of a job
ANEW = "anew"


def move(
    db: sqlite3.Connection, job_id: str, state: JobState, *, at: float, **columns: str | float | None
) -> Job | None:
    """The guarded UPDATE that every transition is; None where the table of transitions forbids it."""
    sources = [source.value for source, targets in TRANSITIONS.items() if state in targets]
    changes = ", ".join(["state = ?", *(f"{name} = ?" for name in columns)])
    marks = ", ".join("?" for _ in sources)
    moved = db.execute(
        f"UPDATE job SET {changes} WHERE id = ? AND state IN ({marks})",  # noqa: S608 (our own names)
        (state.value, *columns.values(), job_id, *sources),
    ).rowcount
    if not moved:
        return None
    note(db, job_id, state.value, at=at)
    return reread(db, job_id)


def end(
    db: sqlite3.Connection, job_id: str, state: JobState, failure: Failure | None = None, *, at: float
) -> Job | None:
    """The transition to a state that is an ending, which takes the job from its engine; None where it is forbidden."""
    columns: dict[str, str | float | None] = {"ended": at, "engine": None}
    if failure is not None:
        columns |= {"error": failure.code, "error_arguments": encode_arguments(dict(failure.arguments))}
    return move(db, job_id, state, at=at, **columns)


def end_picture(
    db: sqlite3.Connection, job_id: str, k: int, change: str, values: Iterable[Argument], *, at: float
) -> Job | None:
    """Picture k has come or will not; the last one ends the job. None where that was known, or the job has ended."""
    changed = db.execute(
        f"UPDATE image SET {change} WHERE job = ? AND k = ? AND state = 'wanted'"  # noqa: S608 (our own columns)
        f" AND EXISTS (SELECT 1 FROM job WHERE id = image.job AND state IN {LIVE})",
        (*values, job_id, k),
    ).rowcount
    if not changed:
        return None
    if missing(db, job_id):
        return reread(db, job_id)
    failed = db.execute(
        "SELECT error, error_arguments FROM image WHERE job = ? AND state = 'failed' ORDER BY k", (job_id,)
    ).fetchone()
    failure = None
    if failed is not None:
        arguments = msgspec.json.decode(failed["error_arguments"], type=dict[str, Argument])
        failure = Failure(code=failed["error"], arguments=arguments)
    painted = db.execute("SELECT 1 FROM image WHERE job = ? AND state = 'painted'", (job_id,)).fetchone()
    return end(db, job_id, JobState.FAILED if painted is None else JobState.RENDERED, failure, at=at)


def missing(db: sqlite3.Connection, job_id: str) -> tuple[int, ...]:
    """Which pictures of this job are neither painted nor given up."""
    rows = db.execute("SELECT k FROM image WHERE job = ? AND state = 'wanted' ORDER BY k", (job_id,)).fetchall()
    return tuple(row["k"] for row in rows)


def note_doorstep(db: sqlite3.Connection, job_id: str, *, at: float) -> int:
    """Note that its engine died when its turn had come, before it said that it began; how often that was so."""
    note(db, job_id, DOORSTEP, at=at)
    times = db.execute("SELECT count(*) FROM job_event WHERE job = ? AND event = ?", (job_id, DOORSTEP))
    return times.fetchone()[0]


def want_anew(db: sqlite3.Connection, job_id: str, pictures: Iterable[int], *, at: float) -> Job | None:
    """These pictures of a rendered job are lost: it waits to have them painted again. None where it did so before."""
    done = db.execute("SELECT 1 FROM job_event WHERE job = ? AND event = ?", (job_id, ANEW)).fetchone()
    rendered = db.execute("SELECT 1 FROM job WHERE id = ? AND state = 'rendered'", (job_id,)).fetchone()
    if done is not None or rendered is None:
        return None
    db.executemany(
        "UPDATE image SET state = 'wanted', blob = NULL, bytes = NULL, seconds = NULL WHERE job = ? AND k = ?",
        [(job_id, k) for k in pictures],
    )
    note(db, job_id, ANEW, at=at)
    return move(db, job_id, JobState.QUEUED, at=at, started=None, ended=None)


def note(db: sqlite3.Connection, job_id: str, event: str, *, at: float) -> None:
    """This happened to the job."""
    db.execute("INSERT INTO job_event (job, at, event) VALUES (?, ?, ?)", (job_id, at, event))


def reread(db: sqlite3.Connection, job_id: str) -> Job:
    """The job as it stands in this transaction. Raises UnreadableJob."""
    return read_job(db, db.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone())
