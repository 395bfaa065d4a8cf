"""What people are told of their place in the queue, and when a change is worth telling."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.jobs.events import QueuePosition
from bot.jobs.states import JobState
from bot.queue.eta import all_of, one_of, worth_telling
from bot.queue.live_jobs import LiveJobs
from bot.storage.jobs import VirtualTimes
from engine.worker.scheduling.forward_time import ForwardTime
from tests.support.rehearsal import Arrival, Rehearsal, job_of

PAUSED = 7  # a guild
STEADY = ForwardTime(points=((0, 0.1), (4096, 0.1)))


def told(live: LiveJobs) -> dict[str, QueuePosition]:
    """By job; each of them alone is told the same."""
    told = all_of(live, (), now=0.0, monotonic=0.0)
    assert {job: one_of(live, (), job, now=0.0, monotonic=0.0) for job in told} == told
    return told


@pytest.fixture
def live() -> LiveJobs:
    return LiveJobs(VirtualTimes(virtual=0.0, finishes={}, weights={}))


def test_what_a_pause_holds_back_says_so_and_stands_behind_all_that_moves(live: LiveJobs) -> None:
    for number in range(4):
        job = job_of(number, Arrival(who="a"))
        guild = PAUSED if number < 2 else 1
        live.add(replace(job, requester=replace(job.requester, guild=guild)))

    live.paused = frozenset({PAUSED})

    assert told(live) == {
        "2": QueuePosition(position=1, eta=None),
        "3": QueuePosition(position=2, eta=None),
        "0": QueuePosition(position=3, eta=None, paused=True),
        "1": QueuePosition(position=4, eta=None, paused=True),
    }


def test_a_job_that_left_the_queue_for_an_engine_which_is_gone_waits_at_no_place(live: LiveJobs) -> None:
    live.add(replace(job_of(0, Arrival(who="a")), state=JobState.OFFERED))
    live.add(job_of(1, Arrival(who="a")))

    assert told(live) == {"0": QueuePosition(position=0, eta=None), "1": QueuePosition(position=1, eta=None)}


def test_a_job_that_is_not_live_stands_nowhere(live: LiveJobs) -> None:
    assert one_of(live, (), "0", now=0.0, monotonic=0.0) is None


def test_no_time_is_told_for_what_an_engine_has_whose_line_is_down() -> None:
    show = Rehearsal([Arrival(who="a")] * 12, [STEADY])
    show.run(until=1.2)
    [engine] = show.engines
    painted = list(engine.orders)
    assert painted
    assert None not in [show.positions()[job].eta for job in painted]

    engine.link = None

    assert [show.positions()[job] for job in painted] == [QueuePosition(position=0, eta=None)] * len(painted)


PLACE = QueuePosition(position=3, eta=None)
TIME = QueuePosition(position=3, eta=1000.0)


@pytest.mark.parametrize(
    ("before", "after", "worth"),
    [
        pytest.param(None, PLACE, True, id="the first that is known"),
        pytest.param(PLACE, PLACE, False, id="the same"),
        pytest.param(PLACE, replace(PLACE, position=2), True, id="another place"),
        pytest.param(PLACE, replace(PLACE, paused=True), True, id="held back"),
        pytest.param(PLACE, TIME, True, id="a time at last"),
        pytest.param(TIME, PLACE, True, id="no time any more"),
        pytest.param(TIME, TIME, False, id="the same time"),
        pytest.param(TIME, replace(TIME, eta=1004.9), False, id="hardly later"),
        pytest.param(TIME, replace(TIME, eta=995.1), False, id="hardly sooner"),
        pytest.param(TIME, replace(TIME, eta=1005.0), True, id="five seconds later"),
        pytest.param(TIME, replace(TIME, eta=995.0), True, id="five seconds sooner"),
    ],
)
def test_a_new_place_is_worth_telling_and_a_new_time_from_five_seconds_on(
    before: QueuePosition | None, after: QueuePosition, worth: bool
) -> None:
    assert worth_telling(before, after) is worth
