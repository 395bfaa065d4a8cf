"""Single values that outlive the process: what was learned of models and engines, and which commands were sent."""

from __future__ import annotations

import sqlite3

from bot.storage.database import Database


class FactRows(Database):
    """The part of the ledger with a row for each."""

    async def fact(self, key: str) -> str | None:
        """A single value kept across restarts."""
        row = await self.read(lambda db: db.execute("SELECT value FROM fact WHERE key = ?", (key,)).fetchone())
        return None if row is None else row["value"]

    async def keep_fact(self, key: str, value: str) -> None:
        """Keep a single value across restarts."""
        await self.write(lambda db: keep(db, key, value))


def keep(db: sqlite3.Connection, key: str, value: str) -> None:
    """Within a transaction."""
    db.execute("INSERT OR REPLACE INTO fact (key, value) VALUES (?, ?)", (key, value))
