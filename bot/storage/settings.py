"""Settings of people, places and the owner: rows, each with who set it and when, and all of them in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from bot.jobs.ids import WallClock
from bot.storage.database import Database

Scope = Literal["owner", "guild", "channel", "user"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingRow:
    """One setting as stored. `value` is JSON, `at` Unix seconds."""

    scope: Scope
    scope_id: str
    key: str
    value: str
    by: str
    at: float


class SettingRows(Database):
    """The part of the ledger that `StoredSettings` uses; every change is kept."""

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


class StoredSettings:
    """In memory; every change goes to the ledger first. `scope_id` is None for the owner's."""

    def __init__(self, ledger: SettingRows, rows: Iterable[SettingRow], *, wall: WallClock) -> None:
        self._ledger = ledger
        self._rows = {(row.scope, row.scope_id, row.key): row for row in rows}
        self._wall = wall

    def rows(self) -> Collection[SettingRow]:
        """Everything that is set."""
        return self._rows.values()

    def get(self, scope: Scope, scope_id: int | str | None, key: str) -> SettingRow | None:
        """What is set there, if anything."""
        return self._rows.get((scope, _text(scope_id), key))

    async def put(self, scope: Scope, scope_id: int | str | None, key: str, value: object, *, by: str) -> None:
        """Set it to what can be said in JSON, whatever it was."""
        row = SettingRow(
            scope=scope,
            scope_id=_text(scope_id),
            key=key,
            value=msgspec.json.encode(value).decode(),
            by=by,
            at=self._wall(),
        )
        await self._ledger.put_setting(row)
        self._rows[row.scope, row.scope_id, key] = row

    async def drop(self, scope: Scope, scope_id: int | str | None, key: str, *, by: str) -> bool:
        """Unset it; False where it was not set."""
        where = (scope, _text(scope_id), key)
        dropped = await self._ledger.drop_setting(*where, by=by, at=self._wall())
        self._rows.pop(where, None)
        return dropped

    def forget(self, principal: str) -> None:
        """The ledger has deleted the settings of this person."""
        self._rows = {where: row for where, row in self._rows.items() if where[:2] != ("user", principal)}


def _text(scope_id: int | str | None) -> str:
    return "" if scope_id is None else str(scope_id)


def _record(db: sqlite3.Connection, values: tuple[str | float | None, ...]) -> None:
    db.execute("INSERT INTO setting_event (scope, scope_id, key, value, by, at) VALUES (?, ?, ?, ?, ?, ?)", values)
