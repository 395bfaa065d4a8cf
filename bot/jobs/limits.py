"""What one person may ask for: pictures per minute and per day, requests in flight; and how much may wait at all.

Pure arithmetic over rows of the ledger, done inside the accept transaction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bot.jobs.errors import InFlightReached, LimitReached, OutOfRange, PerDayReached, PerMinuteReached, QueueFull

MINUTE = 60.0  # seconds
DAY = 24 * 60 * 60.0  # seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The allowance that holds for one request."""

    per_minute: int  # pictures
    per_day: int  # pictures
    in_flight: int  # requests
    queue: int  # requests of everybody


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """One earlier request: when, and how many of its pictures count for the minute and for the day.

    A failed picture gives both back, a cancelled request only the daily part: cancelling is no way around the rate.
    """

    at: float
    minute: int
    day: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a person has asked for in the last day, oldest first, and what waits now."""

    spent: Sequence[Spent]
    in_flight: int
    waiting: int  # requests of everybody


def check(usage: Usage, limits: Limits, *, pictures: int, now: float, queue_moves_at: float) -> None:
    """Raise the refusal that this request for `pictures` pictures meets, with the time when to try again."""
    most = min(limits.per_minute, limits.per_day)
    if pictures > most:
        raise OutOfRange(name="count", value=pictures, least=1, most=most)
    if usage.waiting >= limits.queue:
        raise QueueFull(limit=limits.queue, retry=math.ceil(queue_moves_at))
    if usage.in_flight >= limits.in_flight:
        raise InFlightReached(limit=limits.in_flight)
    per_day = [(row.at, row.day) for row in usage.spent]
    per_minute = [(row.at, row.minute) for row in usage.spent]
    _check_window(per_day, DAY, limits.per_day, pictures, now, PerDayReached)
    _check_window(per_minute, MINUTE, limits.per_minute, pictures, now, PerMinuteReached)


def _check_window(
    rows: list[tuple[float, int]], window: float, limit: int, pictures: int, now: float, refusal: type[LimitReached]
) -> None:
    # A row from the future is left of a clock that was set back; far ones must not lock anybody out for days.
    inside = [(at, count) for at, count in rows if count and now - window < at <= now + window]
    excess = sum(count for _, count in inside) + pictures - limit
    if excess <= 0:
        return
    for at, count in inside:
        excess -= count
        if excess <= 0:
            raise refusal(limit=limit, retry=math.ceil(at + window))
