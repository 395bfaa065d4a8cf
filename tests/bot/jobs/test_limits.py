"""What one person may ask for: arithmetic of the sliding windows."""

from __future__ import annotations

import pytest

from bot.jobs.errors import InFlightReached, OutOfRange, PerDayReached, PerMinuteReached, QueueFull
from bot.jobs.limits import Limits, Spent, Usage, check

LIMITS = Limits(per_minute=4, per_day=10, in_flight=2, queue=5)
NOW = 1_000_000.0


def usage(*spent: Spent, in_flight: int = 0, waiting: int = 0) -> Usage:
    return Usage(spent=spent, in_flight=in_flight, waiting=waiting)


def pictures(at: float, count: int) -> Spent:
    return Spent(at=at, minute=count, day=count)


def ask(used: Usage, count: int = 1, limits: Limits = LIMITS) -> None:
    check(used, limits, pictures=count, now=NOW, queue_moves_at=NOW + 30)


def test_exactly_the_allowance_is_granted() -> None:
    ask(usage(pictures(NOW - 10, 3)), count=1)

    with pytest.raises(PerMinuteReached):
        ask(usage(pictures(NOW - 10, 3)), count=2)


def test_the_refusal_says_when_enough_of_the_minute_has_passed() -> None:
    used = usage(pictures(NOW - 50, 1), pictures(NOW - 20, 2), pictures(NOW - 5, 1))

    told = dict[int, object]()
    for count in (1, 2, 3, 4):
        with pytest.raises(PerMinuteReached) as refusal:
            ask(used, count=count)
        told[count] = refusal.value.arguments

    assert told == {
        1: {"limit": 4, "retry": NOW + 10},
        2: {"limit": 4, "retry": NOW + 40},
        3: {"limit": 4, "retry": NOW + 40},
        4: {"limit": 4, "retry": NOW + 55},
    }


def test_a_time_that_is_told_is_a_whole_second_and_never_too_early() -> None:
    with pytest.raises(PerMinuteReached) as minute:
        ask(usage(pictures(NOW - 50.4, 4)))
    with pytest.raises(QueueFull) as queue:
        check(usage(waiting=5), LIMITS, pictures=1, now=NOW, queue_moves_at=NOW + 29.2)

    assert minute.value.arguments["retry"] == NOW + 10
    assert queue.value.arguments["retry"] == NOW + 30


def test_the_day_slides_too() -> None:
    with pytest.raises(PerDayReached) as refusal:
        ask(usage(pictures(NOW - 86_000, 4), pictures(NOW - 1000, 6)), count=2)

    assert refusal.value.arguments == {"limit": 10, "retry": NOW + 400}


def test_what_was_given_back_does_not_count() -> None:
    cancelled = Spent(at=NOW - 1000, minute=10, day=0)

    ask(usage(cancelled), count=4)


def test_too_many_requests_at_once_are_refused() -> None:
    with pytest.raises(InFlightReached):
        ask(usage(in_flight=2))


def test_a_full_queue_refuses_everybody_with_a_time() -> None:
    with pytest.raises(QueueFull) as refusal:
        ask(usage(waiting=5))

    assert refusal.value.arguments == {"limit": 5, "retry": NOW + 30}


def test_a_count_that_no_waiting_would_allow_is_out_of_range() -> None:
    with pytest.raises(OutOfRange) as refusal:
        ask(usage(), count=3, limits=Limits(per_minute=2, per_day=10, in_flight=2, queue=5))

    assert refusal.value.arguments == {"name": "count", "value": 3, "least": 1, "most": 2}


def test_a_clock_set_back_by_days_locks_nobody_out() -> None:
    ask(usage(pictures(NOW + 2 * 86_400, 9)), count=4)
