"""What is kept and for how long: rows by age, pictures by age and by room; never what its reader has yet to see."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from bot.jobs.ids import WallClock
from bot.storage.blobs import Blob, BlobStore
from bot.storage.database import STORAGE_ERRORS
from bot.storage.ledger import Ledger
from bot.storage.privacy import Use

EVERY = 3600.0  # seconds between two looks
# A picture is stored before its row, and a person's before their request is accepted: young blobs have no row yet.
SETTLED = 3600.0  # seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Keep:
    """How long; None is for ever. Ages in seconds since the job was accepted, `room` in bytes of all pictures."""

    rows: float | None = None
    pictures: float | None = None
    room: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """How many went."""

    rows: int
    pictures: int


@asynccontextmanager
async def pruning(ledger: Ledger, blobs: BlobStore, keep: Keep, *, wall: WallClock) -> AsyncGenerator[None, None]:
    """Prune now and then until the block ends."""
    task = asyncio.create_task(_keep_pruning(ledger, blobs, keep, wall), name="retention")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_pruning(ledger: Ledger, blobs: BlobStore, keep: Keep, wall: WallClock) -> None:
    while True:
        try:
            pruned = await prune(ledger, blobs, keep, now=wall())
            if pruned.rows or pruned.pictures:
                log.info("pruned %d old jobs and %d pictures", pruned.rows, pruned.pictures)
        except STORAGE_ERRORS as error:
            log.error("nothing could be pruned: %s", error)
        await asyncio.sleep(EVERY)


async def prune(ledger: Ledger, blobs: BlobStore, keep: Keep, *, now: float) -> Pruned:
    """Let go of what is older, or more, than is to be kept. `now` is Unix seconds."""
    rows = await ledger.privacy.drop_emptied(now)
    if keep.rows is not None:
        rows += await ledger.privacy.drop_jobs(now - keep.rows)
    stored = await blobs.stored()
    doomed = too_many(stored, await ledger.privacy.blob_uses(), keep, now=now)
    return Pruned(rows=rows, pictures=await blobs.drop(doomed))


def too_many(stored: Sequence[Blob], uses: Mapping[str, Use], keep: Keep, *, now: float) -> list[Blob]:
    """The blobs to let go of: those of no job, those too old, then the oldest until the rest fits. Pure."""
    doomed, spare = list[Blob](), list[tuple[float, Blob]]()
    room = 0
    for blob in stored:
        use = uses.get(blob.name)
        if use is None:
            if now - blob.written > SETTLED:
                doomed.append(blob)
            continue
        room += blob.size
        if not use.owed:
            spare.append((use.last, blob))
    for last, blob in sorted(spare, key=lambda pair: pair[0]):
        too_old = keep.pictures is not None and now - last > keep.pictures
        if too_old or (keep.room is not None and room > keep.room):
            doomed.append(blob)
            room -= blob.size
    return doomed
