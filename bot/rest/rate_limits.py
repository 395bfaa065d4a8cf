"""Delivery's requests go out one try at a time: discord.py would sleep on a rate limit with an upload slot in its hand.

The library's session tells `request_trace` of each request. Inside `one_attempt` a request holds a slot only while its
bytes travel, and an answer that asks to wait is raised at once; everywhere else the library does as it always does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp

_MINUTE = 60.0
_DAY = 24 * 3600.0


class OutcomeUnknown(Exception):
    """No answer, or one that does not tell whether it was done. Trying again is harmless."""

    longest = _MINUTE  # seconds between two tries: when the network is back, so is the picture


class RefusedForNow(OutcomeUnknown):
    """A refusal that may not last, or that nobody foresaw."""

    longest = _DAY


class RateLimited(OutcomeUnknown):
    """Nothing was done; the same will be taken `after` so many seconds, `everywhere` or in this place."""

    def __init__(self, *, after: float, everywhere: bool) -> None:
        super().__init__(f"rate limited for {after:g} s")
        self.after = after
        self.everywhere = everywhere


_slots: ContextVar[asyncio.Semaphore | None] = ContextVar("slots", default=None)


@dataclass(slots=True)
class Sent:
    """How many requests went out: the library repeats some by itself."""

    count: int = 0


_sent: ContextVar[Sent | None] = ContextVar("sent", default=None)


@contextmanager
def counted() -> Generator[Sent]:
    """Counts the requests of this block, at a client with our `request_trace`."""
    sent = Sent()
    outer = _sent.set(sent)
    try:
        yield sent
    finally:
        _sent.reset(outer)


@contextmanager
def one_attempt(slots: asyncio.Semaphore) -> Generator[None]:
    """Each request in this block takes one of `slots` while its bytes travel. Raises OutcomeUnknown, RateLimited."""
    outer = _slots.set(slots)
    try:
        yield
    finally:
        _slots.reset(outer)


def request_trace(*, heard_time: Callable[[str], None] | None = None) -> aiohttp.TraceConfig:
    """What the client has to be made with, as its `http_trace`. `heard_time` is told the date of each answer."""
    config = aiohttp.TraceConfig()
    if heard_time is not None:

        async def tell(_: aiohttp.ClientSession, __: SimpleNamespace, end: aiohttp.TraceRequestEndParams) -> None:
            date = end.response.headers.get("Date")
            if date is not None and end.url.path.startswith("/api/"):  # files lie in caches, with the date of then
                heard_time(date)

        config.on_request_end.append(tell)
    config.on_request_start.append(_take_slot)
    config.on_request_end.append(_read_answer)
    config.on_request_exception.append(_release_after_failure)
    return config


async def _take_slot(
    session: aiohttp.ClientSession, request: SimpleNamespace, _: aiohttp.TraceRequestStartParams
) -> None:
    if (sent := _sent.get()) is not None:
        sent.count += 1
    request.slots = _slots.get()
    if request.slots is not None:
        await request.slots.acquire()


async def _read_answer(
    session: aiohttp.ClientSession, request: SimpleNamespace, end: aiohttp.TraceRequestEndParams
) -> None:
    if not _release_slot(request):
        return
    status, headers = end.response.status, end.response.headers
    if status == 429 or status >= 500:
        end.response.close()
    if status == 429:
        everywhere = "X-RateLimit-Global" in headers or headers.get("X-RateLimit-Scope") == "global"
        raise RateLimited(after=float(headers.get("Retry-After", _MINUTE)), everywhere=everywhere)
    if status >= 500:
        raise OutcomeUnknown(f"{status} {end.response.reason}")


async def _release_after_failure(
    session: aiohttp.ClientSession, request: SimpleNamespace, _: aiohttp.TraceRequestExceptionParams
) -> None:
    _release_slot(request)


def _release_slot(request: SimpleNamespace) -> bool:
    """Whether it held a slot; an answer that is judged badly comes by here twice."""
    slots: asyncio.Semaphore | None = request.slots
    request.slots = None
    if slots is not None:
        slots.release()
    return slots is not None
