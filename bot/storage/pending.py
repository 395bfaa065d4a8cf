"""What the ledger knows of requests that are answered before they are jobs, and of messages that are to be deleted."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bot.jobs.interaction_token import InteractionToken
from bot.storage.database import Database

_EXPIRED = "expired"  # stands in a payload in place of its token


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingRequest:
    """A request as Discord sent it. `tries` counts the processes that have taken it up again, this one included."""

    origin: str
    payload: dict[str, Any] = field(repr=False)  # it holds a token
    tries: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """A message that somebody wants gone; the token reaches it where the bot itself may not."""

    channel: int
    message: int
    token: InteractionToken | None


class Pending(Database):
    """The part of the ledger that keeps promises over a restart."""

    async def keep_pending(self, origin: str, *, principal: str, payload: dict[str, Any], at: float) -> None:
        """Remember a request that is about to be answered; `at` is when it was made, Unix seconds."""
        text = msgspec.json.encode(payload).decode()
        await self.write(
            lambda db: db.execute(
                "INSERT OR IGNORE INTO pending (origin, principal, payload, at) VALUES (?, ?, ?, ?)",
                (origin, principal, text, at),
            )
        )

    async def take_up_pending(self) -> list[PendingRequest]:
        """What an earlier process has left, oldest first; each counts as tried once more."""

        def work(db: sqlite3.Connection) -> list[PendingRequest]:
            db.execute("UPDATE pending SET tries = tries + 1")
            return [
                PendingRequest(origin=row["origin"], payload=msgspec.json.decode(row["payload"]), tries=row["tries"])
                for row in db.execute("SELECT * FROM pending ORDER BY at, origin").fetchall()
            ]

        return await self.write(work)

    async def is_pending(self, origin: str) -> bool:
        """Whether this request is neither a job nor refused."""
        return await self.read(
            lambda db: db.execute("SELECT 1 FROM pending WHERE origin = ?", (origin,)).fetchone() is not None
        )

    async def drop_pending(self, origin: str) -> None:
        """Its person was told that nothing comes of it."""
        await self.write(lambda db: db.execute("DELETE FROM pending WHERE origin = ?", (origin,)))

    async def removals(self) -> list[Removal]:
        """The messages that are to be deleted, those that somebody has just pressed Delete on first."""

        def work(db: sqlite3.Connection) -> list[Removal]:
            rows = db.execute("SELECT * FROM removal ORDER BY token IS NULL, at").fetchall()
            return [Removal(channel=row["channel"], message=row["message"], token=_token(row)) for row in rows]

        return await self.read(work)

    async def removed(self, message: int) -> None:
        """It is gone, or no longer worth trying."""
        await self.write(lambda db: db.execute("DELETE FROM removal WHERE message = ?", (message,)))

    async def drop_removals(self, older_than: float) -> int:
        """Give up deleting what could not be deleted since before this moment (Unix seconds); returns how many."""
        return await self.write(lambda db: db.execute("DELETE FROM removal WHERE at < ?", (older_than,)).rowcount)


def want_gone(db: sqlite3.Connection, channel: int, message: int, *, token: InteractionToken | None, at: float) -> None:
    """Within a transaction: this message is to be deleted."""
    db.execute(
        "INSERT OR REPLACE INTO removal (message, channel, token, application, at) VALUES (?, ?, ?, ?, ?)",
        (message, channel, token and token.token, token and token.application, at),
    )


def settle_pending(db: sqlite3.Connection, origin: str) -> None:
    """Within the transaction that accepts it: it is a job now."""
    db.execute("DELETE FROM pending WHERE origin = ?", (origin,))


def strike_out_tokens(db: sqlite3.Connection, older_than: float) -> None:
    """Within a transaction: tokens made before this moment (Unix seconds) are of no use any more."""
    db.execute("UPDATE pending SET payload = json_set(payload, '$.token', ?) WHERE at < ?", (_EXPIRED, older_than))
    db.execute("UPDATE removal SET token = NULL WHERE at < ?", (older_than,))


def _token(row: sqlite3.Row) -> InteractionToken | None:
    if row["token"] is None:
        return None
    return InteractionToken(token=row["token"], application=row["application"], at=row["at"])
