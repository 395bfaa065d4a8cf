"""When a message may be edited: a gap for each message, a number a minute for each channel, endings before all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

from bot.jobs.ids import MonotonicClock
from bot.sheets import Sheet


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How often messages may be edited, in seconds and edits; Discord counts per webhook and per channel."""

    gap: float = 2.0  # between two edits of a live message
    first: float = 1.0  # from the answer to the first edit, so that a quick picture comes in one
    per_minute: int = 25  # edits in one channel
    kept_free: int = 5  # of these, for endings
    retry: float = 1.0  # before an ending is tried again; doubles up to a minute


class Gate:
    """Lets edits through at this pace. `monotonic` never jumps."""

    def __init__(self, pace: Pace, *, monotonic: MonotonicClock) -> None:
        self._pace = pace
        self._monotonic = monotonic
        self._channels: dict[int, AsyncLimiter] = {}

    def answered(self, sheet: Sheet) -> None:
        """Its message has just appeared."""
        sheet.next_edit = self._monotonic() + self._pace.first

    def edited(self, sheet: Sheet) -> None:
        """Its message has just changed."""
        sheet.next_edit = self._monotonic() + self._pace.gap

    async def until_allowed(self, sheet: Sheet) -> None:
        """Wait for this live message's turn, or until its job is over: an ending does not wait."""
        channel = self._channel(sheet)
        while not sheet.over.is_set():
            wait = sheet.next_edit - self._monotonic()
            if wait <= 0 and channel.has_capacity(1 + self._pace.kept_free):
                return
            try:
                async with asyncio.timeout(max(wait, self._pace.gap / 4)):
                    await sheet.over.wait()
            except TimeoutError:
                continue

    async def count(self, sheet: Sheet) -> None:
        """Count one edit of this channel; waits where a minute's are spent."""
        await self._channel(sheet).acquire()

    def _channel(self, sheet: Sheet) -> AsyncLimiter:
        channel = sheet.place.channel
        if channel not in self._channels:
            self._channels[channel] = AsyncLimiter(self._pace.per_minute, 60)
        return self._channels[channel]
