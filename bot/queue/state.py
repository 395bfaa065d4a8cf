"""What the parts of the dispatcher share: what is stored, who is there, and whose turn it is to change that."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from bot.jobs.events import Events
from bot.jobs.ids import MonotonicClock, WallClock
from bot.queue.engines import Engines
from bot.queue.live_jobs import LiveJobs
from bot.storage.blobs import BlobStore
from bot.storage.ledger import Ledger

STORAGE_RETRY = 1.0  # seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueState:
    """`transition_lock` is held for each transition; `work_available`, when set, has waiting jobs handed out."""

    ledger: Ledger
    blobs: BlobStore
    live: LiveJobs
    events: Events
    wall: WallClock = time.time
    monotonic: MonotonicClock = time.monotonic
    engines: Engines = field(default_factory=Engines)
    transition_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    work_available: asyncio.Event = field(default_factory=asyncio.Event)
