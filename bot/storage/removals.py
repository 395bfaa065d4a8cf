"""Messages that somebody wants gone, until Discord says that they are."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from bot.jobs.interaction_token import InteractionToken
from bot.storage.database import Database
from bot.storage.rows import read_token


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """A message that somebody wants gone; the token reaches it where the bot itself may not."""

    channel: int
    message: int
    token: InteractionToken | None


class RemovalStore:
    """A row for each. Deleting a message, or forgetting a person, adds to them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Removal]:
        """The messages that are to be deleted, those that somebody has just pressed Delete on first."""

        def work(db: sqlite3.Connection) -> list[Removal]:
            rows = db.execute("SELECT * FROM removal ORDER BY token IS NULL, at").fetchall()
            return [
                Removal(
                    channel=row["channel"],
                    message=row["message"],
                    token=None if row["token"] is None else read_token(row),
                )
                for row in rows
            ]

        return await self._database.read(work)

    async def drop(self, message: int) -> None:
        """It is gone, or no longer worth trying."""
        await self._database.write(lambda db: db.execute("DELETE FROM removal WHERE message = ?", (message,)))

    async def drop_old(self, older_than: float) -> int:
        """Give up deleting what could not be deleted since before this moment (Unix seconds); returns how many."""
        return await self._database.write(
            lambda db: db.execute("DELETE FROM removal WHERE at < ?", (older_than,)).rowcount
        )


def want_gone(db: sqlite3.Connection, channel: int, message: int, *, token: InteractionToken | None, at: float) -> None:
    """Within a transaction: this message is to be deleted."""
    db.execute(
        "INSERT OR REPLACE INTO removal (message, channel, token, application, at) VALUES (?, ?, ?, ?, ?)",
        (message, channel, token and token.token, token and token.application, at),
    )


def drop_tokens_to_delete(db: sqlite3.Connection, older_than: float) -> None:
    """Within a transaction: forget tokens made before this moment (Unix seconds), but not the messages."""
    db.execute("UPDATE removal SET token = NULL WHERE at < ?", (older_than,))
