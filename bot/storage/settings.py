"""Settings of people, places and the owner: rows, each with who set it and when, and all of them in memory."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self

import msgspec

from bot.jobs.ids import WallClock
from bot.storage.database import Database

Scope = Literal["owner", "guild", "channel", "user"]

log = logging.getLogger(__name__)


class UnreadableSetting(Exception):
    """Its row was written by another version, or damaged. It is left alone, and is as if it were not set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingRow:
    """One setting as stored. `value` is JSON, `at` Unix seconds."""

    scope: Scope
    scope_id: str
    key: str
    value: str
    by: str
    at: float


class SettingStore:
    """All of them in memory; every change is kept in the database first. `scope_id` is None for the owner's."""

    def __init__(self, database: Database, rows: Iterable[SettingRow], *, wall: WallClock) -> None:
        self._database = database
        self._rows = {(row.scope, row.scope_id, row.key): row for row in rows if _is_of_a_place(row)}
        self._wall = wall
        self._told = set[SettingRow]()  # unreadable ones of which the log knows

    @classmethod
    async def read(cls, database: Database, *, wall: WallClock) -> Self:
        """What is set in this database."""
        rows = await database.read(lambda db: db.execute("SELECT * FROM setting").fetchall())
        return cls(database, [SettingRow(**dict(row)) for row in rows], wall=wall)

    def rows(self) -> Collection[SettingRow]:
        """Everything that is set."""
        return self._rows.values()

    def get(self, scope: Scope, scope_id: int | str | None, key: str) -> SettingRow | None:
        """What is set there, if anything."""
        return self._rows.get((scope, _text(scope_id), key))

    def value(self, row: SettingRow, kind: Any) -> Any:
        """What is set there, of this type. Raises UnreadableSetting, with a line in the log the first time."""
        try:
            return msgspec.json.decode(row.value, type=kind)
        except msgspec.MsgspecError as error:
            if row not in self._told:
                self._told.add(row)
                log.warning("%s is passed over: it cannot be read by this version (%s).", _named(row), error)
            raise UnreadableSetting from error

    async def put(self, scope: Scope, scope_id: int | str | None, key: str, value: object, *, by: str) -> None:
        """Set it to what can be said in JSON, whatever it was."""
        where = (scope, _text(scope_id), key)
        text, at = msgspec.json.encode(value).decode(), self._wall()

        def work(db: sqlite3.Connection) -> None:
            values = (*where, text, by, at)
            db.execute(
                "INSERT OR REPLACE INTO setting (scope, scope_id, key, value, by, at) VALUES (?, ?, ?, ?, ?, ?)", values
            )
            _record(db, values)

        await self._database.write(work)
        self._rows[where] = SettingRow(scope=scope, scope_id=where[1], key=key, value=text, by=by, at=at)

    async def drop(self, scope: Scope, scope_id: int | str | None, key: str, *, by: str) -> bool:
        """Unset it; False where it was not set."""
        where, at = (scope, _text(scope_id), key), self._wall()

        def work(db: sqlite3.Connection) -> bool:
            dropped = db.execute("DELETE FROM setting WHERE scope = ? AND scope_id = ? AND key = ?", where).rowcount
            if dropped:
                _record(db, (*where, None, by, at))
            return dropped > 0

        dropped = await self._database.write(work)
        self._rows.pop(where, None)
        return dropped

    def forget(self, principal: str) -> None:
        """The settings of this person were deleted from the database."""
        self._rows = {where: row for where, row in self._rows.items() if where[:2] != ("user", principal)}


def _is_of_a_place(row: SettingRow) -> bool:
    known = row.scope not in ("guild", "channel") or row.scope_id.isdecimal()
    if not known:
        log.warning("%s is passed over: this version knows no such place.", _named(row))
    return known


def _named(row: SettingRow) -> str:
    return f"The setting {row.key!r} of {row.scope} {row.scope_id}".rstrip()


def _text(scope_id: int | str | None) -> str:
    return "" if scope_id is None else str(scope_id)


def _record(db: sqlite3.Connection, values: tuple[str | float | None, ...]) -> None:
    db.execute("INSERT INTO setting_event (scope, scope_id, key, value, by, at) VALUES (?, ?, ?, ?, ?, ?)", values)
