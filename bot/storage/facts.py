"""Single values that outlive the process: what was learned of models and engines, and which commands were sent."""

from __future__ import annotations

import sqlite3

from bot.storage.database import Database


class FactStore:
    """A row for each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: str) -> str | None:
        """A single value kept across restarts."""
        return await self._database.read(lambda db: read_fact(db, key))

    async def keep(self, key: str, value: str) -> None:
        """Keep a single value across restarts."""
        await self._database.write(lambda db: keep_fact(db, key, value))


def read_fact(db: sqlite3.Connection, key: str) -> str | None:
    """Within a transaction or a read."""
    row = db.execute("SELECT value FROM fact WHERE key = ?", (key,)).fetchone()
    return None if row is None else row["value"]


def keep_fact(db: sqlite3.Connection, key: str, value: str) -> None:
    """Within a transaction."""
    db.execute("INSERT OR REPLACE INTO fact (key, value) VALUES (?, ?)", (key, value))
