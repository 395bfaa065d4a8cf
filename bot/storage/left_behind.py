"""Messages that outlive their request: which they are, and as a keyed hash whose, so that Delete goes on working.

Nothing else is kept of a person who was forgotten. The hash differs from message to message, so it joins nothing; but
whoever holds the ledger, which has the key, can try a person's id against it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from dataclasses import dataclass

from bot.jobs.ids import WallClock
from bot.jobs.interaction_token import InteractionToken
from bot.storage.database import Database
from bot.storage.facts import keep_fact, read_fact
from bot.storage.removals import want_gone

_KEY = "left-behind-key"  # of a fact


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftBehind:
    """Where such a message stands, and whether the person who asks is its author."""

    channel: int
    is_theirs: bool


class LeftBehindStore:
    """A row for each."""

    def __init__(self, database: Database, *, wall: WallClock) -> None:
        self._database = database
        self._wall = wall

    async def get(self, job_id: str, principal: str) -> LeftBehind | None:
        """The message of a request that is no longer known."""

        def work(db: sqlite3.Connection) -> LeftBehind | None:
            row = db.execute("SELECT * FROM left_behind WHERE job = ?", (job_id,)).fetchone()
            if row is None:
                return None
            return LeftBehind(channel=row["channel"], is_theirs=_is(_key(db), row, principal))

        return await self._database.read(work)

    async def delete(self, job_id: str, *, token: InteractionToken | None) -> bool:
        """This message is to be deleted. False: it was so already."""

        def work(db: sqlite3.Connection) -> bool:
            row = db.execute("DELETE FROM left_behind WHERE job = ? RETURNING *", (job_id,)).fetchone()
            if row is not None:
                want_gone(db, row["channel"], row["message"], token=token, at=self._wall())
            return row is not None

        return await self._database.write(work)


def leave_behind(db: sqlite3.Connection, jobs: str, values: tuple[str | float, ...]) -> None:
    """Within a transaction: what Delete needs, of the jobs that fit this condition. They are about to go."""
    rows = db.execute(
        "SELECT id, principal, message_ref.channel, message FROM job"  # noqa: S608 (our own conditions)
        " JOIN message_ref ON message_ref.job = id"
        f" WHERE gone = 0 AND message <> 0 AND ({jobs})",
        values,
    ).fetchall()
    key = _key(db) if rows else ""
    db.executemany(
        "INSERT OR REPLACE INTO left_behind (job, channel, message, author) VALUES (?, ?, ?, ?)",
        [(row["id"], row["channel"], row["message"], _author(key, row["id"], row["principal"])) for row in rows],
    )


def those_of(db: sqlite3.Connection, principal: str) -> list[sqlite3.Row]:
    """Within a transaction or a read: the rows of all messages that this person has left behind."""
    rows = db.execute("SELECT * FROM left_behind").fetchall()
    key = _key(db) if rows else ""
    return [row for row in rows if _is(key, row, principal)]


def take_along(db: sqlite3.Connection, principal: str, *, at: float) -> None:
    """Within a transaction: all messages that this person has left behind are to be deleted."""
    for row in those_of(db, principal):
        want_gone(db, row["channel"], row["message"], token=None, at=at)
        db.execute("DELETE FROM left_behind WHERE job = ?", (row["job"],))


def _is(key: str, row: sqlite3.Row, principal: str) -> bool:
    return hmac.compare_digest(row["author"], _author(key, row["job"], principal))


def _author(key: str, job_id: str, principal: str) -> str:
    return hmac.new(key.encode(), f"{job_id} {principal}".encode(), hashlib.sha256).hexdigest()


def _key(db: sqlite3.Connection) -> str:
    """Made with the first such message."""
    key = read_fact(db, _KEY)
    if key is None:
        key = secrets.token_hex(32)
        keep_fact(db, _KEY, key)
    return key
