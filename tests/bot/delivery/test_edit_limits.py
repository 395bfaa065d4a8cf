"""Live edits are spread over the minute and give way; an ending waits for Discord and for nothing of ours."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.delivery.edit_limits import Gate, Pace
from bot.delivery.live_message import Sheet
from bot.delivery.sender import Place
from bot.rest.rate_limits import RateLimited
from tests.bot.conftest import MakeJob
from tests.support.clocks import ManualClock

PACE = Pace()


class Sleeper:
    """Turns the clock instead of waiting."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1000.0)


@pytest.fixture
def sleeper(clock: ManualClock) -> Sleeper:
    return Sleeper(clock)


@pytest.fixture
def gate(clock: ManualClock, sleeper: Sleeper) -> Gate:
    return Gate(replace(PACE, sleep=sleeper), monotonic=clock)


@pytest.fixture
def sheets(job: MakeJob) -> list[Sheet]:
    """Ten live messages in one channel."""
    return [sheet(job, channel=1) for _ in range(10)]


def sheet(job: MakeJob, *, channel: int | None) -> Sheet:
    made = job()
    return Sheet(job=made, place=Place(job=made.id, channel=channel, message=5, token=None), limit=None)


def edit_for(seconds: float, gate: Gate, sheets: list[Sheet], clock: ManualClock) -> list[float]:
    """When a live edit was made, while each of these messages has something to show all the time."""
    edits: list[float] = []
    start = clock()
    while clock() < start + seconds:
        for one in sheets:
            if gate.left(one) <= 0:
                gate.count(one)
                gate.edited(one)
                edits.append(clock())
        clock.advance(0.125)
    return edits


def most_in_a_minute(edits: list[float]) -> int:
    return max(sum(at <= other <= at + 60 for other in edits) for at in edits)


def test_no_minute_has_more_live_edits_than_are_allowed_not_even_the_first(
    gate: Gate, sheets: list[Sheet], clock: ManualClock
) -> None:
    edits = edit_for(300, gate, sheets, clock)

    assert most_in_a_minute(edits) == PACE.per_minute - PACE.kept_free
    assert sum(at <= edits[0] + 60 for at in edits) == PACE.per_minute - PACE.kept_free


def test_a_few_live_edits_may_come_at_once_and_none_has_to_wait_for_the_end_of_the_minute(
    gate: Gate, sheets: list[Sheet], clock: ManualClock
) -> None:
    edits = edit_for(120, gate, sheets, clock)

    assert [at - edits[0] for at in edits[: PACE.burst]] == [0.0] * PACE.burst
    gaps = [later - at for at, later in zip(edits[PACE.burst - 1 :], edits[PACE.burst :], strict=False)]
    assert min(gaps) > 0
    assert max(gaps) <= PACE.interval + 0.125


def test_one_message_keeps_its_gap(gate: Gate, sheets: list[Sheet], clock: ManualClock) -> None:
    gate.answered(sheets[0])
    assert gate.left(sheets[0]) == PACE.first

    gate.edited(sheets[0])
    assert gate.left(sheets[0]) == PACE.gap
    assert gate.left(sheets[1]) == 0

    clock.advance(PACE.gap)
    assert gate.left(sheets[0]) == 0


async def test_endings_never_wait_for_our_numbers_and_live_edits_give_way_to_them(
    gate: Gate, sheets: list[Sheet], job: MakeJob, clock: ManualClock, sleeper: Sleeper
) -> None:
    for _ in range(PACE.per_minute):
        async with gate.ending(sheets[0]):
            pass

    assert sleeper.slept == []
    assert gate.left(sheets[1]) > 60
    assert gate.left(sheet(job, channel=2)) == 0
    clock.advance(gate.left(sheets[1]))
    assert gate.left(sheets[1]) == 0


async def test_a_rate_limit_is_waited_for_by_its_own_channel(
    gate: Gate, sheets: list[Sheet], job: MakeJob, sleeper: Sleeper
) -> None:
    elsewhere = sheet(job, channel=2)
    with pytest.raises(RateLimited):
        async with gate.ending(sheets[0]):
            raise RateLimited(after=57.9, everywhere=False)

    assert gate.left(sheets[1]) == pytest.approx(57.9)
    assert gate.left(elsewhere) == 0
    async with gate.ending(elsewhere):
        assert sleeper.slept == []
    async with gate.ending(sheets[1]):
        assert sleeper.slept == [pytest.approx(57.9)]


async def test_a_rate_limit_of_the_whole_bot_is_waited_for_everywhere(
    gate: Gate, sheets: list[Sheet], job: MakeJob, sleeper: Sleeper
) -> None:
    gate.hold(sheets[0], RateLimited(after=9.0, everywhere=True))

    assert gate.left(sheet(job, channel=2)) == 9.0
    async with gate.ending(sheet(job, channel=None)):
        assert sleeper.slept == [9.0]


async def test_a_shorter_rate_limit_does_not_end_a_longer_one(gate: Gate, sheets: list[Sheet]) -> None:
    gate.hold(sheets[0], RateLimited(after=60.0, everywhere=False))
    gate.hold(sheets[0], RateLimited(after=1.0, everywhere=False))

    assert gate.left(sheets[0]) == 60.0


async def test_no_more_than_two_endings_of_a_channel_find_out_that_it_is_limited(
    gate: Gate, sheets: list[Sheet], job: MakeJob
) -> None:
    go_on, begun = asyncio.Event(), list[int | None]()

    async def end(one: Sheet) -> None:
        async with gate.ending(one):
            begun.append(one.place.channel)
            await go_on.wait()

    async with asyncio.TaskGroup() as group:
        for one in [*sheets[:4], sheet(job, channel=2)]:
            group.create_task(end(one))
        for _ in range(10):
            await asyncio.sleep(0)
        assert begun == [1, 1, 2]
        go_on.set()
    assert begun == [1, 1, 2, 1, 1]


async def test_a_live_message_stops_waiting_when_its_job_is_over(gate: Gate, sheets: list[Sheet]) -> None:
    gate.hold(sheets[0], RateLimited(after=3600.0, everywhere=False))
    waiting = asyncio.create_task(gate.until_allowed(sheets[0]))
    await asyncio.sleep(0)
    assert not waiting.done()

    sheets[0].over.set()
    await waiting
