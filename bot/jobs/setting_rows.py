"""Settings of people and servers as rows, each with who set it and when; every change is kept."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from bot.jobs.database import Database


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingRow:
    """One setting as stored. `value` is JSON, `at` Unix seconds."""

    scope: Literal["owner", "guild", "channel", "user"]
    scope_id: str
    key: str
    value: str
    by: str
    at: float


class SettingRows(Database):
    """The part of the ledger that `Defaults` uses."""

    async def settings(self) -> list[SettingRow]:
        """All of them."""
        return await self.read(
            lambda db: [SettingRow(**dict(row)) for row in db.execute("SELECT * FROM setting").fetchall()]
        )

    async def put_setting(self, row: SettingRow) -> None:
        """Set it, whatever it was."""

        def work(db: sqlite3.Connection) -> None:
            values = (row.scope, row.scope_id, row.key, row.value, row.by, row.at)
            db.execute(
                "INSERT OR REPLACE INTO setting (scope, scope_id, key, value, by, at) VALUES (?, ?, ?, ?, ?, ?)", values
            )
            _record(db, values)

        await self.write(work)

    async def drop_setting(self, scope: str, scope_id: str, key: str, *, by: str, at: float) -> bool:
        """Unset it; False where it was not set."""

        def work(db: sqlite3.Connection) -> bool:
            where = (scope, scope_id, key)
            dropped = db.execute("DELETE FROM setting WHERE scope = ? AND scope_id = ? AND key = ?", where).rowcount
            if dropped:
                _record(db, (*where, None, by, at))
            return dropped > 0

        return await self.write(work)


def _record(db: sqlite3.Connection, values: tuple[str | float | None, ...]) -> None:
    db.execute("INSERT INTO setting_event (scope, scope_id, key, value, by, at) VALUES (?, ?, ?, ?, ?, ?)", values)
