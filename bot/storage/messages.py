"""What the ledger knows about the message of a job: where it stands, the token that edits it, what it has said."""

from __future__ import annotations

import sqlite3

from bot.jobs.ids import WallClock
from bot.jobs.interaction_token import InteractionToken
from bot.jobs.job import Job
from bot.storage.database import Database
from bot.storage.pending import strike_out_tokens, want_gone
from bot.storage.rows import readable_jobs


class Messages(Database):
    """The part of the ledger that delivery uses."""

    wall: WallClock

    async def bind_message(self, job_id: str, channel: int, message: int, *, upload_limit: int | None = None) -> None:
        """Remember which message shows this job; a later one takes the place of an earlier.

        `upload_limit` is the most bytes of a file there, as the interaction said; None keeps what is known.
        """
        await self.write(
            lambda db: db.execute(
                "INSERT INTO message_ref (job, channel, message, upload_limit) VALUES (?, ?, ?, ?) ON CONFLICT (job)"
                " DO UPDATE SET channel = excluded.channel, message = excluded.message,"
                " gone = gone AND message IN (0, excluded.message),"
                " upload_limit = coalesce(excluded.upload_limit, upload_limit)",
                (job_id, channel, message, upload_limit),
            )
        )

    async def upload_limit_of(self, job_id: str) -> int | None:
        """The most bytes of a file in this job's message, where an interaction has said it."""
        row = await self._row("SELECT upload_limit FROM message_ref WHERE job = ?", job_id)
        return None if row is None else row["upload_limit"]

    async def message_of(self, job_id: str) -> tuple[int, int] | None:
        """(channel, message) of this job, or None when it has none or it was deleted."""
        row = await self._row("SELECT channel, message FROM message_ref WHERE job = ? AND gone = 0", job_id)
        return None if row is None else (row["channel"], row["message"])

    async def delete_message(self, job_id: str, *, token: InteractionToken | None = None) -> bool:
        """The message of this job is to be deleted, and nothing shall take its place. False: it was so already."""

        def work(db: sqlite3.Connection) -> bool:
            row = db.execute("SELECT * FROM message_ref WHERE job = ?", (job_id,)).fetchone()
            if row is not None and row["gone"]:
                return False
            if row is not None and row["message"]:
                want_gone(db, row["channel"], row["message"], token=token, at=self.wall())
            db.execute(
                "INSERT INTO message_ref (job, channel, message, gone) VALUES (?, 0, 0, 1)"
                " ON CONFLICT (job) DO UPDATE SET gone = 1",
                (job_id,),
            )
            return True

        return await self.write(work)

    async def is_gone(self, job_id: str) -> bool:
        """Whether somebody deleted the message of this job."""
        row = await self._row("SELECT gone FROM message_ref WHERE job = ?", job_id)
        return row is not None and bool(row["gone"])

    async def token_of(self, job_id: str) -> InteractionToken | None:
        """The interaction token of this job while it is kept."""
        row = await self._row("SELECT * FROM interaction_token WHERE job = ?", job_id)
        if row is None:
            return None
        return InteractionToken(token=row["token"], application=row["application"], at=row["at"])

    async def drop_token(self, job_id: str) -> None:
        """Forget the token of this job: what it would edit is not the job's message."""
        await self.write(lambda db: db.execute("DELETE FROM interaction_token WHERE job = ?", (job_id,)))

    async def drop_tokens(self, older_than: float) -> int:
        """Forget tokens made before this moment (Unix seconds); returns how many."""

        def work(db: sqlite3.Connection) -> int:
            strike_out_tokens(db, older_than)
            return db.execute("DELETE FROM interaction_token WHERE at < ?", (older_than,)).rowcount

        return await self.write(work)

    async def mark_posted(self, job_id: str) -> bool:
        """A message says how this job ended. False: one said so before, or the job has not ended."""
        return await self._told(job_id, "posted", "rendered", "undeliverable")

    async def mark_undeliverable(self, job_id: str) -> bool:
        """No route to the reader of this job is left. False: that was known, or the job has not ended."""
        return await self._told(job_id, "undeliverable", "rendered")

    async def persons_owed(self) -> set[str]:
        """The principals of all jobs that were painted and could not be shown."""
        sql = "SELECT DISTINCT principal FROM job WHERE state = 'undeliverable'"
        return await self.read(lambda db: {row["principal"] for row in db.execute(sql)})

    async def undeliverable(self, principal: str) -> list[Job]:
        """What this person was painted and could not be shown, oldest first."""
        sql = "SELECT * FROM job WHERE principal = ? AND state = 'undeliverable' ORDER BY created"
        return await self._jobs(sql, principal)

    async def unposted(self) -> list[Job]:
        """Jobs that delivery owes something, oldest first: live, rendered, or ended without saying so."""
        return await self._jobs("SELECT * FROM job WHERE told = 0 ORDER BY seq")

    async def _jobs(self, sql: str, *values: str) -> list[Job]:
        return await self.read(lambda db: [job for _, job in readable_jobs(db, db.execute(sql, values).fetchall())])

    async def _told(self, job_id: str, state: str, *before: str) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            now = self.wall()
            marks = ", ".join("?" for _ in before)
            rendered = db.execute(
                f"UPDATE job SET state = ?, told = 1, posted = ? WHERE id = ? AND state IN ({marks})",  # noqa: S608
                (state, now, job_id, *before),
            ).rowcount
            ended = db.execute(
                "UPDATE job SET told = 1, posted = ? WHERE id = ? AND told = 0 AND state IN ('failed', 'cancelled')",
                (now, job_id),
            ).rowcount
            if rendered or ended:
                db.execute("INSERT INTO job_event (job, at, event) VALUES (?, ?, ?)", (job_id, now, state))
            return bool(rendered or ended)

        return await self.write(work)

    async def _row(self, sql: str, *values: str) -> sqlite3.Row | None:
        return await self.read(lambda db: db.execute(sql, values).fetchone())
