"""Requests that are answered before they are jobs, so that a restart can carry them on."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bot.storage.database import Database

log = logging.getLogger(__name__)

_EXPIRED = "expired"  # stands in a payload in place of its token


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingRequest:
    """A request as Discord sent it. `tries` counts the processes that have taken it up again, this one included."""

    origin: str
    payload: dict[str, Any] = field(repr=False)  # it holds a token
    tries: int


class PendingStore:
    """A row for each, until it is a job or refused."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, origin: str, *, principal: str, payload: dict[str, Any], at: float) -> None:
        """Remember a request that is about to be answered; `at` is when it was made, Unix seconds."""
        text = msgspec.json.encode(payload).decode()
        await self._database.write(
            lambda db: db.execute(
                "INSERT OR IGNORE INTO pending (origin, principal, payload, at) VALUES (?, ?, ?, ?)",
                (origin, principal, text, at),
            )
        )

    async def take_up(self) -> list[PendingRequest]:
        """What an earlier process has left, oldest first; each counts as tried once more."""

        def work(db: sqlite3.Connection) -> list[PendingRequest]:
            db.execute("UPDATE pending SET tries = tries + 1")
            return list(_readable(db.execute("SELECT * FROM pending ORDER BY at, origin").fetchall()))

        return await self._database.write(work)

    async def has(self, origin: str) -> bool:
        """Whether this request is neither a job nor refused."""
        return await self._database.read(
            lambda db: db.execute("SELECT 1 FROM pending WHERE origin = ?", (origin,)).fetchone() is not None
        )

    async def drop(self, origin: str) -> None:
        """Its person was told that nothing comes of it."""
        await self._database.write(lambda db: drop_pending(db, origin))


def drop_pending(db: sqlite3.Connection, origin: str) -> None:
    """Within a transaction: this request is a job now, or refused."""
    db.execute("DELETE FROM pending WHERE origin = ?", (origin,))


def strike_out_tokens(db: sqlite3.Connection, older_than: float) -> None:
    """Within a transaction: tokens made before this moment (Unix seconds) are of no use any more."""
    db.execute("UPDATE pending SET payload = json_set(payload, '$.token', ?) WHERE at < ?", (_EXPIRED, older_than))


def _readable(rows: Iterable[sqlite3.Row]) -> Iterator[PendingRequest]:
    for row in rows:
        try:
            payload = msgspec.json.decode(row["payload"], type=dict[str, Any])
        except msgspec.MsgspecError as error:
            log.warning("The kept request %s is passed over: it cannot be read (%s).", row["origin"], error)
        else:
            yield PendingRequest(origin=row["origin"], payload=payload, tries=row["tries"])
