"""When a message may be edited: a gap for each message, a number a minute for each channel, endings before all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from bot.delivery.live_message import LiveMessage
from bot.jobs.ids import MonotonicClock
from bot.rest.rate_limits import RateLimited

_ENDINGS_AT_ONCE = 2  # in one channel: after a rate limit so few find out whether it is over
_EVERYWHERE = 0  # no channel has this id


@dataclass(frozen=True, kw_only=True, slots=True)
class EditLimits:
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
    line: asyncio.Lock = field(default_factory=asyncio.Lock)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    endings: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_ENDINGS_AT_ONCE))


class EditLimiter:
    """Lets edits through within these limits. `monotonic` never jumps."""

    def __init__(self, limits: EditLimits, *, monotonic: MonotonicClock) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._channels = defaultdict[int | None, _Channel](_Channel)

    def answered(self, live: LiveMessage) -> None:
        """Its message has just appeared."""
        live.rest_until(self._monotonic() + self._limits.first)

    def edited(self, live: LiveMessage) -> None:
        """Its message has just changed."""
        live.rest_until(self._monotonic() + self._limits.gap)

    async def turn(self, live: LiveMessage) -> None:
        """Wait until this live message may be edited, and count that; or until its job is over: an ending waits not.

        Those of a channel whose jobs wait form a line, whose first takes turns with those that are being painted:
        these have more to show. Only who has the turn looks at the clock, or a thousand would whenever one may.
        """
        channel = self._channel(live)
        await _pause(live, lambda: live.next_edit - self._monotonic())
        async with _holding(channel.line, unless=live.begun), _holding(channel.turn, unless=live.over):
            await _pause(live, lambda: self.left(live))
            if not live.over.is_set():
                self._count(live)

    def left(self, live: LiveMessage) -> float:
        """Seconds until this live message may be edited; 0 is now."""
        limits, now, channel = self._limits, self._monotonic(), self._channel(live)
        spread = channel.paid - (limits.burst - 1) * limits.interval
        return max(0.0, live.next_edit - now, spread - now, self._held(channel) - now)

    def _count(self, live: LiveMessage) -> None:
        """An edit of this channel is made. Live edits give way to endings, which count too and never wait for it."""
        channel = self._channel(live)
        channel.paid = max(channel.paid, self._monotonic()) + self._limits.interval

    @asynccontextmanager
    async def ending(self, live: LiveMessage) -> AsyncGenerator[None]:
        """An ending's turn: it waits for a few of its channel that came before it, and for Discord."""
        channel = self._channel(live)
        async with channel.endings:
            while (left := self._held(channel) - self._monotonic()) > 0:
                await self._limits.sleep(left)
            self._count(live)
            try:
                yield
            except RateLimited as limited:
                self.hold(live, limited)
                raise

    def hold(self, live: LiveMessage, limited: RateLimited) -> None:
        """Nothing goes to this channel (or anywhere) before Discord takes it again."""
        channel = self._channels[_EVERYWHERE] if limited.everywhere else self._channel(live)
        channel.held = max(channel.held, self._monotonic() + limited.after)

    def _held(self, channel: _Channel) -> float:
        return max(channel.held, self._channels[_EVERYWHERE].held)

    def _channel(self, live: LiveMessage) -> _Channel:
        return self._channels[live.ref.channel]


async def _pause(live: LiveMessage, seconds: Callable[[], float]) -> None:
    """Until these have passed, asked again at their end, or its job is over."""
    while not live.over.is_set() and (left := seconds()) > 0:
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                await live.over.wait()


@asynccontextmanager
async def _holding(lock: asyncio.Lock, *, unless: asyncio.Event) -> AsyncGenerator[None]:
    """With this lock, first come, first served; or without it as soon as this is set."""
    acquired, need_not = asyncio.ensure_future(lock.acquire()), asyncio.ensure_future(unless.wait())
    try:
        await asyncio.wait((acquired, need_not), return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        need_not.cancel()
        if not acquired.cancel():
            lock.release()
