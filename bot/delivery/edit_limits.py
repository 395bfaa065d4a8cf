"""When a message may be edited: a gap for each message, a number a minute for each channel, endings before all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.delivery.live_message import Sheet
from bot.jobs.ids import MonotonicClock
from bot.rest.rate_limits import RateLimited

_ENDINGS_AT_ONCE = 2  # in one channel: after a rate limit so few find out whether it is over
_EVERYWHERE = 0  # no channel has this id


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How often messages may be edited, in seconds and edits; Discord counts per webhook and per channel."""

    gap: float = 2.0  # between two edits of a live message
    first: float = 1.0  # from the answer to the first edit, so that a quick picture comes in one
    per_minute: int = 25  # edits in one channel
    kept_free: int = 5  # of these, for endings
    burst: int = 4  # live edits that may come at once; from then on they are spread over the minute
    retry: float = 1.0  # before an ending is tried again; doubles
    calm: float = 3.0  # after an interaction, before more is made of it than its answer
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep  # tests turn a clock instead

    @property
    def interval(self) -> float:
        """Seconds between two live edits of one channel in the long run."""
        return 60 / (self.per_minute - self.kept_free - self.burst)


@dataclass(slots=True)
class _Channel:
    """`paid` is when the edits that were made will have been made up for; monotonic seconds."""

    paid: float = 0.0
    held: float = 0.0  # until then Discord takes nothing
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_ENDINGS_AT_ONCE))


class Gate:
    """Lets edits through at this pace. `monotonic` never jumps."""

    def __init__(self, pace: Pace, *, monotonic: MonotonicClock) -> None:
        self._pace = pace
        self._monotonic = monotonic
        self._channels = defaultdict[int | None, _Channel](_Channel)

    def answered(self, sheet: Sheet) -> None:
        """Its message has just appeared."""
        sheet.next_edit = self._monotonic() + self._pace.first

    def edited(self, sheet: Sheet) -> None:
        """Its message has just changed."""
        sheet.next_edit = self._monotonic() + self._pace.gap

    async def until_allowed(self, sheet: Sheet) -> None:
        """Wait for this live message's turn, or until its job is over: an ending does not wait."""
        while not sheet.over.is_set() and (left := self.left(sheet)) > 0:
            try:
                async with asyncio.timeout(left):
                    await sheet.over.wait()
            except TimeoutError:
                continue

    def left(self, sheet: Sheet) -> float:
        """Seconds until this live message may be edited; 0 is now."""
        pace, now, channel = self._pace, self._monotonic(), self._channel(sheet)
        spread = channel.paid - (pace.burst - 1) * pace.interval
        return max(0.0, sheet.next_edit - now, spread - now, self._held(channel) - now)

    def count(self, sheet: Sheet) -> None:
        """An edit of this channel is made. Live edits give way to endings, which count too and never wait for it."""
        channel = self._channel(sheet)
        channel.paid = max(channel.paid, self._monotonic()) + self._pace.interval

    @asynccontextmanager
    async def ending(self, sheet: Sheet) -> AsyncGenerator[None]:
        """An ending's turn: it waits for a few of its channel that came before it, and for Discord."""
        channel = self._channel(sheet)
        async with channel.turn:
            while (left := self._held(channel) - self._monotonic()) > 0:
                await self._pace.sleep(left)
            self.count(sheet)
            try:
                yield
            except RateLimited as limited:
                self.hold(sheet, limited)
                raise

    def hold(self, sheet: Sheet, limited: RateLimited) -> None:
        """Nothing goes to this channel (or anywhere) before Discord takes it again."""
        channel = self._channels[_EVERYWHERE] if limited.everywhere else self._channel(sheet)
        channel.held = max(channel.held, self._monotonic() + limited.after)

    def _held(self, channel: _Channel) -> float:
        return max(channel.held, self._channels[_EVERYWHERE].held)

    def _channel(self, sheet: Sheet) -> _Channel:
        return self._channels[sheet.place.channel]
