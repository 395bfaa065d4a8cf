"""What people are told of their place in the queue, and when a change is worth telling."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.jobs.events import Standing
from bot.jobs.job import JobState
from bot.queue.eta import all_of, one_of, worth_telling
from bot.queue.waiting import Board
from bot.storage.ledger import VirtualTimes
from engine.worker.scheduling.forward_time import ForwardTime
from tests.support.rehearsal import Arrival, Rehearsal, job_of

PAUSED = 7  # a guild
STEADY = ForwardTime(points=((0, 0.1), (4096, 0.1)))


def told(board: Board) -> dict[str, Standing]:
    """By job; each of them alone is told the same."""
    told = all_of(board, (), now=0.0, monotonic=0.0)
    assert {job: one_of(board, (), job, now=0.0, monotonic=0.0) for job in told} == told
    return told


@pytest.fixture
def board() -> Board:
    return Board(VirtualTimes(virtual=0.0, finishes={}, weights={}))


def test_what_a_pause_holds_back_says_so_and_stands_behind_all_that_moves(board: Board) -> None:
    for number in range(4):
        job = job_of(number, Arrival(who="a"))
        guild = PAUSED if number < 2 else 1
        board.add(replace(job, requester=replace(job.requester, guild=guild)))

    board.paused = frozenset({PAUSED})

    assert told(board) == {
        "2": Standing(place=1, eta=None),
        "3": Standing(place=2, eta=None),
        "0": Standing(place=3, eta=None, held=True),
        "1": Standing(place=4, eta=None, held=True),
    }


def test_a_job_that_left_the_queue_for_an_engine_which_is_gone_waits_at_no_place(board: Board) -> None:
    board.add(replace(job_of(0, Arrival(who="a")), state=JobState.OFFERED))
    board.add(job_of(1, Arrival(who="a")))

    assert told(board) == {"0": Standing(place=0, eta=None), "1": Standing(place=1, eta=None)}


def test_a_job_that_is_not_live_stands_nowhere(board: Board) -> None:
    assert one_of(board, (), "0", now=0.0, monotonic=0.0) is None


def test_no_time_is_told_for_what_an_engine_has_whose_line_is_down() -> None:
    show = Rehearsal([Arrival(who="a")] * 12, [STEADY])
    show.run(until=1.2)
    [painter] = show.painters
    painted = list(painter.orders)
    assert painted
    assert None not in [show.standings()[job].eta for job in painted]

    painter.link = None

    assert [show.standings()[job] for job in painted] == [Standing(place=0, eta=None)] * len(painted)


PLACE = Standing(place=3, eta=None)
TIME = Standing(place=3, eta=1000.0)


@pytest.mark.parametrize(
    ("before", "after", "worth"),
    [
        pytest.param(None, PLACE, True, id="the first that is known"),
        pytest.param(PLACE, PLACE, False, id="the same"),
        pytest.param(PLACE, replace(PLACE, place=2), True, id="another place"),
        pytest.param(PLACE, replace(PLACE, held=True), True, id="held back"),
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
    before: Standing | None, after: Standing, worth: bool
) -> None:
    assert worth_telling(before, after) is worth
