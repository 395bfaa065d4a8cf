"""The truth about jobs and all that belongs to them: one SQLite file in parts, each a class of its own."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bot.jobs.ids import WallClock
from bot.storage.database import Database
from bot.storage.facts import FactStore
from bot.storage.jobs import JobStore
from bot.storage.left_behind import LeftBehindStore
from bot.storage.messages import MessageStore
from bot.storage.pending import PendingStore
from bot.storage.privacy import Privacy
from bot.storage.removals import RemovalStore
from bot.storage.settings import SettingStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """Every method of a part that changes something is one transaction and is on disk when it returns.

    Where that touches the rows of another part too, it calls that part's functions on the open connection.
    """

    database: Database
    jobs: JobStore
    messages: MessageStore
    pending: PendingStore
    removals: RemovalStore
    left_behind: LeftBehindStore
    privacy: Privacy
    settings: SettingStore
    facts: FactStore

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, wall: WallClock = time.time) -> AsyncGenerator[Self, None]:
        """The ledger in this file, created or migrated. Raises LedgerUnusable."""
        async with Database.open(path) as database:
            yield cls(
                database=database,
                jobs=JobStore(database, wall=wall),
                messages=MessageStore(database, wall=wall),
                pending=PendingStore(database),
                removals=RemovalStore(database),
                left_behind=LeftBehindStore(database, wall=wall),
                privacy=Privacy(database),
                settings=await SettingStore.read(database, wall=wall),
                facts=FactStore(database),
            )
