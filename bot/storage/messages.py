"""The message of a job: where it stands, the token that edits it, and whether it is to be deleted."""

from __future__ import annotations

import sqlite3

from bot.jobs.ids import WallClock
from bot.jobs.interaction_token import InteractionToken
from bot.storage.database import Database
from bot.storage.pending import strike_out_tokens
from bot.storage.removals import drop_tokens_to_delete, want_gone
from bot.storage.rows import read_token


class MessageStore:
    """At most one message of each job, and at most one token."""

    def __init__(self, database: Database, *, wall: WallClock) -> None:
        self._database = database
        self._wall = wall

    async def bind(self, job_id: str, channel: int, message: int, *, upload_limit: int | None = None) -> None:
        """Remember which message shows this job; a later one takes the place of an earlier.

        `upload_limit` is the most bytes of a file there, as the interaction said; None keeps what is known.
        """
        await self._database.write(
            lambda db: db.execute(
                "INSERT INTO message_ref (job, channel, message, upload_limit) VALUES (?, ?, ?, ?) ON CONFLICT (job)"
                " DO UPDATE SET channel = excluded.channel, message = excluded.message,"
                " gone = gone AND message IN (0, excluded.message),"
                " upload_limit = coalesce(excluded.upload_limit, upload_limit)",
                (job_id, channel, message, upload_limit),
            )
        )

    async def of(self, job_id: str) -> tuple[int, int] | None:
        """(channel, message) of this job, or None when it has none or it was deleted."""
        row = await self._row("SELECT channel, message FROM message_ref WHERE job = ? AND gone = 0", job_id)
        return None if row is None else (row["channel"], row["message"])

    async def upload_limit_of(self, job_id: str) -> int | None:
        """The most bytes of a file in this job's message, where an interaction has said it."""
        row = await self._row("SELECT upload_limit FROM message_ref WHERE job = ?", job_id)
        return None if row is None else row["upload_limit"]

    async def delete(self, job_id: str, *, token: InteractionToken | None = None) -> bool:
        """The message of this job is to be deleted, and nothing shall take its place. False: it was so already."""

        def work(db: sqlite3.Connection) -> bool:
            row = db.execute("SELECT * FROM message_ref WHERE job = ?", (job_id,)).fetchone()
            if row is not None and row["gone"]:
                return False
            if row is not None and row["message"]:
                want_gone(db, row["channel"], row["message"], token=token, at=self._wall())
            note_deleted(db, job_id)
            return True

        return await self._database.write(work)

    async def is_gone(self, job_id: str) -> bool:
        """Whether somebody deleted the message of this job."""
        row = await self._row("SELECT gone FROM message_ref WHERE job = ?", job_id)
        return row is not None and bool(row["gone"])

    async def token_of(self, job_id: str) -> InteractionToken | None:
        """The interaction token of this job while it is kept."""
        row = await self._row("SELECT * FROM interaction_token WHERE job = ?", job_id)
        return None if row is None else read_token(row)

    async def drop_token(self, job_id: str) -> None:
        """Forget the token of this job: what it would edit is not the job's message."""
        await self._database.write(lambda db: db.execute("DELETE FROM interaction_token WHERE job = ?", (job_id,)))

    async def drop_tokens(self, older_than: float) -> int:
        """Forget tokens made before this moment (Unix seconds), wherever they are; returns how many were of jobs."""

        def work(db: sqlite3.Connection) -> int:
            strike_out_tokens(db, older_than)
            drop_tokens_to_delete(db, older_than)
            return db.execute("DELETE FROM interaction_token WHERE at < ?", (older_than,)).rowcount

        return await self._database.write(work)

    async def _row(self, sql: str, *values: str) -> sqlite3.Row | None:
        return await self._database.read(lambda db: db.execute(sql, values).fetchone())


def note_deleted(db: sqlite3.Connection, job_id: str) -> None:
    """Within a transaction: the message of this job is gone, and nothing shall take its place."""
    db.execute(
        "INSERT INTO message_ref (job, channel, message, gone) VALUES (?, 0, 0, 1)"
        " ON CONFLICT (job) DO UPDATE SET gone = 1",
        (job_id,),
    )
