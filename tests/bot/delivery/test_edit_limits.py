"""Live edits are spread over the minute and give way; an ending waits for Discord and for nothing of ours."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from bot.delivery.edit_limits import EditLimiter, EditLimits
from bot.delivery.live_message import LiveMessage
from bot.delivery.sender import MessageRef
from bot.jobs.states import JobState
from bot.rest.rate_limits import RateLimited
from tests.bot.conftest import MakeJob
from tests.support.clocks import ManualClock

LIMITS = EditLimits()


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
def limiter(clock: ManualClock, sleeper: Sleeper) -> EditLimiter:
    return EditLimiter(replace(LIMITS, sleep=sleeper), monotonic=clock)


@pytest.fixture
def lives(job: MakeJob) -> list[LiveMessage]:
    """Ten live messages in one channel."""
    return [live(job, channel=1) for _ in range(10)]


def live(job: MakeJob, *, channel: int | None) -> LiveMessage:
    made = job()
    return LiveMessage(job=made, ref=MessageRef(job=made.id, channel=channel, message=5, token=None), limit=None)


async def edit_for(seconds: float, limiter: EditLimiter, lives: list[LiveMessage], clock: ManualClock) -> list[float]:
    """When a live edit was made, while each of these messages has something to show all the time."""
    edits: list[float] = []
    start = clock()
    while clock() < start + seconds:
        for one in lives:
            if limiter.left(one) <= 0:
                await limiter.turn(one)
                limiter.edited(one)
                edits.append(clock())
        clock.advance(0.125)
    return edits


def most_in_a_minute(edits: list[float]) -> int:
    return max(sum(at <= other <= at + 60 for other in edits) for at in edits)


async def test_no_minute_has_more_live_edits_than_are_allowed_not_even_the_first(
    limiter: EditLimiter, lives: list[LiveMessage], clock: ManualClock
) -> None:
    edits = await edit_for(300, limiter, lives, clock)

    assert most_in_a_minute(edits) == LIMITS.per_minute - LIMITS.kept_free
    assert sum(at <= edits[0] + 60 for at in edits) == LIMITS.per_minute - LIMITS.kept_free


async def test_a_few_live_edits_may_come_at_once_and_none_has_to_wait_for_the_end_of_the_minute(
    limiter: EditLimiter, lives: list[LiveMessage], clock: ManualClock
) -> None:
    edits = await edit_for(120, limiter, lives, clock)

    assert [at - edits[0] for at in edits[: LIMITS.burst]] == [0.0] * LIMITS.burst
    gaps = [later - at for at, later in zip(edits[LIMITS.burst - 1 :], edits[LIMITS.burst :], strict=False)]
    assert min(gaps) > 0
    assert max(gaps) <= LIMITS.interval + 0.125


def test_one_message_keeps_its_gap(limiter: EditLimiter, lives: list[LiveMessage], clock: ManualClock) -> None:
    limiter.answered(lives[0])
    assert limiter.left(lives[0]) == LIMITS.first

    limiter.edited(lives[0])
    assert limiter.left(lives[0]) == LIMITS.gap
    assert limiter.left(lives[1]) == 0

    clock.advance(LIMITS.gap)
    assert limiter.left(lives[0]) == 0


async def test_endings_never_wait_for_our_numbers_and_live_edits_give_way_to_them(
    limiter: EditLimiter, lives: list[LiveMessage], job: MakeJob, clock: ManualClock, sleeper: Sleeper
) -> None:
    for _ in range(LIMITS.per_minute):
        async with limiter.ending(lives[0]):
            pass

    assert sleeper.slept == []
    assert limiter.left(lives[1]) > 60
    assert limiter.left(live(job, channel=2)) == 0
    clock.advance(limiter.left(lives[1]))
    assert limiter.left(lives[1]) == 0


async def test_a_rate_limit_is_waited_for_by_its_own_channel(
    limiter: EditLimiter, lives: list[LiveMessage], job: MakeJob, sleeper: Sleeper
) -> None:
    elsewhere = live(job, channel=2)
    with pytest.raises(RateLimited):
        async with limiter.ending(lives[0]):
            raise RateLimited(after=57.9, everywhere=False)

    assert limiter.left(lives[1]) == pytest.approx(57.9)
    assert limiter.left(elsewhere) == 0
    async with limiter.ending(elsewhere):
        assert sleeper.slept == []
    async with limiter.ending(lives[1]):
        assert sleeper.slept == [pytest.approx(57.9)]


async def test_a_rate_limit_of_the_whole_bot_is_waited_for_everywhere(
    limiter: EditLimiter, lives: list[LiveMessage], job: MakeJob, sleeper: Sleeper
) -> None:
    limiter.hold(lives[0], RateLimited(after=9.0, everywhere=True))

    assert limiter.left(live(job, channel=2)) == 9.0
    async with limiter.ending(live(job, channel=None)):
        assert sleeper.slept == [9.0]


async def test_a_shorter_rate_limit_does_not_end_a_longer_one(limiter: EditLimiter, lives: list[LiveMessage]) -> None:
    limiter.hold(lives[0], RateLimited(after=60.0, everywhere=False))
    limiter.hold(lives[0], RateLimited(after=1.0, everywhere=False))

    assert limiter.left(lives[0]) == 60.0


async def test_no_more_than_two_endings_of_a_channel_find_out_that_it_is_limited(
    limiter: EditLimiter, lives: list[LiveMessage], job: MakeJob
) -> None:
    go_on, begun = asyncio.Event(), list[int | None]()

    async def end(one: LiveMessage) -> None:
        async with limiter.ending(one):
            begun.append(one.ref.channel)
            await go_on.wait()

    async with asyncio.TaskGroup() as group:
        for one in [*lives[:4], live(job, channel=2)]:
            group.create_task(end(one))
        await soon()
        assert begun == [1, 1, 2]
        go_on.set()
    assert begun == [1, 1, 2, 1, 1]


async def test_a_live_message_stops_waiting_when_its_job_is_over(
    limiter: EditLimiter, lives: list[LiveMessage], job: MakeJob
) -> None:
    limiter.hold(lives[0], RateLimited(after=3600.0, everywhere=False))
    waiting = [asyncio.create_task(limiter.turn(one)) for one in lives[:2]]
    await soon()
    assert not any(one.done() for one in waiting)

    for one in reversed(lives[:2]):  # the second stands behind the first
        one.set_job(job(state=JobState.FAILED))
    await asyncio.gather(*waiting)


class TestAChannelOfMany:
    """Each has something to show all the time; a hundredth of a second lies between two edits."""

    @pytest.fixture
    def limiter(self) -> EditLimiter:
        limits = replace(LIMITS, gap=0.0, per_minute=6001, kept_free=0, burst=1)
        return EditLimiter(limits, monotonic=time.monotonic)

    async def test_is_edited_in_the_order_in_which_they_had_something_to_show(
        self, limiter: EditLimiter, lives: list[LiveMessage]
    ) -> None:
        assert await shown(limiter, lives) == lives

    async def test_is_not_looked_at_by_all_of_them_whenever_one_may_be_edited(
        self, limiter: EditLimiter, lives: list[LiveMessage], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks = list[LiveMessage]()
        left = limiter.left
        monkeypatch.setattr(limiter, "left", lambda one: (looks.append(one), left(one))[1])

        await shown(limiter, lives)

        assert len(looks) <= 3 * len(lives)  # one that finds it too early by the clock's grain looks again

    async def test_shows_what_is_painted_before_those_that_wait(
        self, limiter: EditLimiter, lives: list[LiveMessage], job: MakeJob
    ) -> None:
        lives[-1].set_job(job(state=JobState.RUNNING))

        order = await shown(limiter, lives)

        assert order.index(lives[-1]) <= 2

    async def test_lets_one_that_begins_out_of_the_line(
        self, limiter: EditLimiter, lives: list[LiveMessage], job: MakeJob
    ) -> None:
        limiter.hold(lives[0], RateLimited(after=0.05, everywhere=False))
        showing = asyncio.create_task(shown(limiter, lives))
        await soon()

        lives[-1].set_job(job(state=JobState.RUNNING))

        order = await showing
        assert order.index(lives[-1]) <= 2

    async def test_loses_no_turn_with_one_that_is_not_looked_after_any_more(
        self, limiter: EditLimiter, lives: list[LiveMessage]
    ) -> None:
        limiter.hold(lives[0], RateLimited(after=0.05, everywhere=False))
        given_up = [asyncio.create_task(limiter.turn(one)) for one in lives[:3]]
        showing = asyncio.create_task(shown(limiter, lives[3:]))
        await soon()

        for one in given_up:
            one.cancel()

        assert await showing == lives[3:]


async def shown(limiter: EditLimiter, lives: list[LiveMessage]) -> list[LiveMessage]:
    """In the order of their turns."""
    order = list[LiveMessage]()

    async def show(one: LiveMessage) -> None:
        await limiter.turn(one)
        order.append(one)

    async with asyncio.TaskGroup() as group:
        for one in lives:
            group.create_task(show(one))
    return order


async def soon() -> None:
    """Until everything that can happen now has happened."""
    for _ in range(10):
        await asyncio.sleep(0)
