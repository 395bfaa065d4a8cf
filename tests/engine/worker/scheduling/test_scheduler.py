"""Boarding and leaving at step borders, and which samples share a forward."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.worker.scheduling.forward_time import Pace
from engine.worker.scheduling.scheduler import PATIENCE, Batch, Expected, load

IDLE_TO_A_PICTURE = Pace(points=((0, 0.02), (2000, 0.02), (4000, 0.04)))  # up to 2000 tokens are as slow as one
BUSY = Pace(points=((0, 0.0), (1000, 0.1)))


@dataclass(eq=False)
class Rider:
    job: str
    tokens: int = 1000
    rows: int = 1
    position: int = 0
    steps: int = 8
    outfit: str = ""

    @property
    def left(self) -> int:
        return self.steps - self.position


def names(riders: list[Rider]) -> str:
    return "".join(rider.job for rider in riders)


def line(*parties: list[Rider], pace: Pace = IDLE_TO_A_PICTURE, budget: int = 4608, shared: bool = True):
    """A batch with these parties on board, which came one second after another."""
    seconds = iter(range(100))
    batch: Batch[str, Rider] = Batch(pace=pace, budget=budget, shared=shared, clock=lambda: next(seconds))
    for party in parties:
        wait(batch, party)
        batch.board(party[0].job, party)
    return batch


def wait(batch: Batch[str, Rider], party: list[Rider]) -> None:
    expected = [Expected(tokens=one.tokens, rows=one.rows, left=one.left, outfit=one.outfit) for one in party]
    batch.wait(party[0].job, party[0].job, expected)


def boarded(batch: Batch[str, Rider], parties: list[list[Rider]]) -> str:
    """Who boards at this step border."""
    names = ""
    while (order := batch.next_order()) is not None:
        names += order
        batch.board(order, next(party for party in parties if party[0].job == order))
    return names


def test_samples_of_one_order_share_a_forward_and_the_next_order_waits_where_nothing_is_gained() -> None:
    batch = line([Rider("a"), Rider("a")], pace=BUSY)
    waiting = [[Rider("b"), Rider("b")]]
    wait(batch, waiting[0])

    assert boarded(batch, waiting) == ""
    assert names(batch.next_forward()) == "aa"


def test_the_next_order_boards_when_all_have_left() -> None:
    first, waiting = Rider("a"), [[Rider("b")]]
    batch = line([first], pace=BUSY)
    wait(batch, waiting[0])

    batch.leave(first)

    assert boarded(batch, waiting) == "b"


def test_orders_board_at_the_next_step_border_while_a_shared_forward_takes_no_longer() -> None:
    waiting = [[Rider("b")], [Rider("c")]]
    batch = line([Rider("a", position=3)])
    for party in waiting:
        wait(batch, party)

    assert boarded(batch, waiting) == "b"  # three would take 0.03 s: two delayed by 0.01 to save the third 0.01
    assert names(batch.next_forward()) == "ab"


def test_many_who_wait_outweigh_a_little_delay() -> None:
    batch = line(*([Rider(name)] for name in "abcdef"))

    assert names(batch.next_forward()) == "abc"


def test_nobody_joins_beyond_the_budget() -> None:
    batch = line([Rider("a")], [Rider("b")], budget=1999)

    assert names(batch.next_forward()) == "a"


def test_a_sample_over_the_budget_rides_alone() -> None:
    batch = line([Rider("a", tokens=9216), Rider("a", tokens=9216)])

    assert names(batch.next_forward()) == "a"


def test_what_was_too_much_for_the_device_is_not_tried_again() -> None:
    batch = line([Rider("a") for _ in range(4)])
    too_many = batch.next_forward()

    batch.shrink(too_many)

    assert (names(too_many), names(batch.next_forward())) == ("aaaa", "aa")


def test_rows_are_counted_as_padded_to_the_longest() -> None:
    assert load([Rider("a", tokens=4096), Rider("b", tokens=64), Rider("c", tokens=64, rows=2)]) == 4 * 4096


def test_a_small_job_passes_a_large_one_at_the_next_step_border() -> None:
    large, small = [Rider("a", tokens=16384)], [[Rider("b", tokens=256)]]
    batch = line(large, pace=BUSY)
    wait(batch, small[0])

    assert boarded(batch, small) == "b"
    assert names(batch.next_forward()) == "b"

    batch.leave(small[0][0])
    assert names(batch.next_forward()) == "a"


A_FIFTH_AT_LEAST = Pace(points=((0, 0.2), (2000, 0.2), (4000, 0.4)))


@pytest.mark.parametrize(
    ("job", "pace"),
    [
        pytest.param([Rider("a", steps=1) for _ in range(3)], BUSY, id="two forwards, the last one with one picture"),
        pytest.param([Rider("a", steps=2), Rider("a", tokens=100, steps=2)], BUSY, id="padded to the longest"),
        pytest.param([Rider("a", steps=1) for _ in range(5)], A_FIFTH_AT_LEAST, id="no more at once than the budget"),
    ],
)
def test_how_long_a_job_of_several_pictures_is_says_who_may_pass_it(job: list[Rider], pace: Pace) -> None:
    small = Rider("b", tokens=100 if pace is BUSY else 3000, steps=1)
    batch = line(job, [small], pace=pace, budget=2000)

    assert names(batch.next_forward()) == "b"


@pytest.mark.parametrize(("came", "first"), [(3.9, "b"), (4.1, "a")])
def test_only_those_pass_a_job_that_came_within_four_times_its_duration(came: float, first: str) -> None:
    now = iter((0.0, came))
    batch: Batch[str, Rider] = Batch(pace=BUSY, clock=lambda: next(now))
    for rider in (Rider("a", steps=10), Rider("b", tokens=10, steps=1)):  # a second and a millisecond
        wait(batch, [rider])
        batch.board(rider.job, [rider])

    assert names(batch.next_forward())[0] == first


def test_nobody_joins_where_another_loses_as_much_as_it_gains() -> None:
    even = Pace(points=((0, 0.0), (1000, 1.0), (2000, 1.5)))

    assert names(line([Rider("a")], [Rider("b")], pace=even).next_forward()) == "a"


def test_whoever_hands_riders_over_keeps_the_list() -> None:
    riders = [Rider("a"), Rider("a")]
    batch = line(riders)

    batch.leave(riders[0])
    batch.leave(riders[1])

    assert len(riders) == 2
    assert batch.idle


def test_of_two_alike_the_first_is_finished_first() -> None:
    first, second = Rider("a"), Rider("b")
    batch = line([first], [second], pace=BUSY)

    order = ""
    while not batch.idle:
        (rider,) = batch.next_forward()
        rider.position += 1
        order += rider.job
        if not rider.left:
            batch.leave(rider)

    assert order == 8 * "a" + 8 * "b"


def test_without_sharing_the_first_order_rides_to_its_end() -> None:
    batch = line([Rider("a", tokens=4096), Rider("a", tokens=4096)], [Rider("b", tokens=64)], shared=False)

    assert names(batch.next_forward()) == "a"


def test_riders_of_different_outfits_never_share_a_forward() -> None:
    batch = line([Rider("a")], [Rider("b", outfit="ink")], [Rider("c")], [Rider("d", outfit="ink")])

    companies = set[str]()
    while not batch.idle:
        company = batch.next_forward()
        companies.add(names(company))
        for rider in company:
            rider.position += 1
            if not rider.left:
                batch.leave(rider)

    assert companies == {"ac", "bd"}


def test_a_stream_of_one_outfit_does_not_starve_another() -> None:
    now = 0.0
    pace = Pace(points=((0, 0.1), (100_000, 0.1)))  # whoever wears the same rides along for nothing
    batch: Batch[str, Rider] = Batch(pace=pace, clock=lambda: now)
    odd = Rider("odd", outfit="ink")
    since = None

    for step in range(200):
        newcomers = [Rider(f"plain {step}"), *([odd] if step == 3 else [])]
        for rider in newcomers:
            wait(batch, [rider])
            batch.board(rider.job, [rider])
        since = now if step == 3 else since
        for rider in batch.next_forward():
            rider.position += 1
            if not rider.left:
                batch.leave(rider)
        now += 0.1
        if not odd.left:
            break

    assert since is not None
    assert now - since <= (1 + PATIENCE) * 0.8 + 0.8  # its own time, those it lets pass, and whoever was at it


@given(tokens=st.integers(1, 6000), count=st.integers(1, 6), steps=st.integers(1, 4))
def test_everybody_arrives_and_the_least_advanced_of_a_job_is_always_on_board(
    tokens: int, count: int, steps: int
) -> None:
    batch = line([Rider("a", tokens=tokens, steps=steps) for _ in range(count)])

    for _ in range(count * steps):
        company = batch.next_forward()
        assert len(company) <= 1 or sum(rider.tokens for rider in company) <= 4608
        assert not company or company[0].position == min(rider.position for rider in batch.riding)
        for rider in company:
            rider.position += 1
            if not rider.left:
                batch.leave(rider)

    assert batch.idle


def test_a_withdrawn_job_leaves_with_everything_it_has() -> None:
    batch = line([Rider("a"), Rider("a")], [Rider("b")])
    wait(batch, [Rider("a")])
    wait(batch, [Rider("c")])

    orders, samples = batch.withdraw("a")

    assert (orders, names(samples)) == (["a"], "aa")
    assert names(list(batch.riding)) == "b"
    assert batch.withdraw("unknown") == ([], [])
    assert not batch.idle


def test_an_order_of_which_nothing_boards_is_gone() -> None:
    batch = line()
    wait(batch, [Rider("a")])

    batch.board("a", [])

    assert batch.idle


def test_the_next_tile_takes_the_seat_of_the_one_before() -> None:
    tile, neighbour = Rider("a", position=2), Rider("b")
    batch = line([tile], [neighbour])

    following = Rider("a")
    batch.replace(tile, following)

    assert batch.riding == (following, neighbour)
