"""What the parts of the dispatcher share: what is stored, who is there, and whose turn it is to change that."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from bot.jobs.events import News
from bot.jobs.ids import MonotonicClock, WallClock
from bot.queue.engines import Crew
from bot.queue.waiting import Board
from bot.storage.blobs import BlobStore
from bot.storage.ledger import Ledger

STORAGE_RETRY = 1.0  # seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """`turn` is held for each transition; `wake`, when set, has waiting jobs handed out."""

    ledger: Ledger
    blobs: BlobStore
    board: Board
    news: News
    wall: WallClock = time.time
    monotonic: MonotonicClock = time.monotonic
    crew: Crew = field(default_factory=Crew)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
