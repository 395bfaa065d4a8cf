"""Boarding and leaving at step borders, and which samples share a forward."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.worker.scheduling.forward_time import ForwardTime
from engine.worker.scheduling.scheduler import PATIENCE, Expected, Scheduler, token_load

IDLE_TO_A_PICTURE = ForwardTime(points=((0, 0.02), (2000, 0.02), (4000, 0.04)))  # up to 2000 tokens are as slow as one
BUSY = ForwardTime(points=((0, 0.0), (1000, 0.1)))


@dataclass(eq=False)
class Picture:
    job: str
    tokens: int = 1000
    rows: int = 1
    position: int = 0
    steps: int = 8
    lora_set: str = ""

    @property
    def left(self) -> int:
        return self.steps - self.position


def names(pictures: list[Picture]) -> str:
    return "".join(picture.job for picture in pictures)


def line(
    *groups: list[Picture], forward_time: ForwardTime = IDLE_TO_A_PICTURE, budget: int = 4608, shared: bool = True
):
    """A scheduler with these jobs admitted, which came one second after another."""
    seconds = iter(range(100))
    scheduler: Scheduler[str, Picture] = Scheduler(
        forward_time=forward_time, budget=budget, shared=shared, clock=lambda: next(seconds)
    )
    for group in groups:
        wait(scheduler, group)
        scheduler.admit(group[0].job, group)
    return scheduler


def wait(scheduler: Scheduler[str, Picture], group: list[Picture]) -> None:
    expected = [Expected(tokens=one.tokens, rows=one.rows, left=one.left, lora_set=one.lora_set) for one in group]
    scheduler.enqueue(group[0].job, group[0].job, expected)


def admitted(scheduler: Scheduler[str, Picture], groups: list[list[Picture]]) -> str:
    """Who is admitted at this step border."""
    names = ""
    while (order := scheduler.next_order()) is not None:
        names += order
        scheduler.admit(order, next(group for group in groups if group[0].job == order))
    return names


def test_samples_of_one_order_share_a_forward_and_the_next_order_waits_where_nothing_is_gained() -> None:
    scheduler = line([Picture("a"), Picture("a")], forward_time=BUSY)
    waiting = [[Picture("b"), Picture("b")]]
    wait(scheduler, waiting[0])

    assert admitted(scheduler, waiting) == ""
    assert names(scheduler.next_batch()) == "aa"


def test_the_next_order_is_admitted_when_all_are_done() -> None:
    first, waiting = Picture("a"), [[Picture("b")]]
    scheduler = line([first], forward_time=BUSY)
    wait(scheduler, waiting[0])

    scheduler.remove(first)

    assert admitted(scheduler, waiting) == "b"


def test_orders_are_admitted_at_the_next_step_border_while_a_shared_forward_takes_no_longer() -> None:
    waiting = [[Picture("b")], [Picture("c")]]
    scheduler = line([Picture("a", position=3)])
    for group in waiting:
        wait(scheduler, group)

    assert admitted(scheduler, waiting) == "b"  # three would take 0.03 s: two delayed by 0.01 to save the third 0.01
    assert names(scheduler.next_batch()) == "ab"


def test_many_who_wait_outweigh_a_little_delay() -> None:
    scheduler = line(*([Picture(name)] for name in "abcdef"))

    assert names(scheduler.next_batch()) == "abc"


def test_nobody_joins_beyond_the_budget() -> None:
    scheduler = line([Picture("a")], [Picture("b")], budget=1999)

    assert names(scheduler.next_batch()) == "a"


def test_a_sample_over_the_budget_is_painted_alone() -> None:
    scheduler = line([Picture("a", tokens=9216), Picture("a", tokens=9216)])

    assert names(scheduler.next_batch()) == "a"


def test_what_was_too_much_for_the_device_is_not_tried_again() -> None:
    scheduler = line([Picture("a") for _ in range(4)])
    too_many = scheduler.next_batch()

    scheduler.shrink_budget(too_many)

    assert (names(too_many), names(scheduler.next_batch())) == ("aaaa", "aa")


def test_rows_are_counted_as_padded_to_the_longest() -> None:
    assert token_load([Picture("a", tokens=4096), Picture("b", tokens=64), Picture("c", tokens=64, rows=2)]) == 4 * 4096


def test_a_small_job_passes_a_large_one_at_the_next_step_border() -> None:
    large, small = [Picture("a", tokens=16384)], [[Picture("b", tokens=256)]]
    scheduler = line(large, forward_time=BUSY)
    wait(scheduler, small[0])

    assert admitted(scheduler, small) == "b"
    assert names(scheduler.next_batch()) == "b"

    scheduler.remove(small[0][0])
    assert names(scheduler.next_batch()) == "a"


A_FIFTH_AT_LEAST = ForwardTime(points=((0, 0.2), (2000, 0.2), (4000, 0.4)))


@pytest.mark.parametrize(
    ("job", "forward_time"),
    [
        pytest.param([Picture("a", steps=1) for _ in range(3)], BUSY, id="two forwards, the last one with one picture"),
        pytest.param([Picture("a", steps=2), Picture("a", tokens=100, steps=2)], BUSY, id="padded to the longest"),
        pytest.param([Picture("a", steps=1) for _ in range(5)], A_FIFTH_AT_LEAST, id="no more at once than the budget"),
    ],
)
def test_how_long_a_job_of_several_pictures_is_says_who_may_pass_it(
    job: list[Picture], forward_time: ForwardTime
) -> None:
    small = Picture("b", tokens=100 if forward_time is BUSY else 3000, steps=1)
    scheduler = line(job, [small], forward_time=forward_time, budget=2000)

    assert names(scheduler.next_batch()) == "b"


@pytest.mark.parametrize(("came", "first"), [(3.9, "b"), (4.1, "a")])
def test_only_those_pass_a_job_that_came_within_four_times_its_duration(came: float, first: str) -> None:
    now = iter((0.0, came))
    scheduler: Scheduler[str, Picture] = Scheduler(forward_time=BUSY, clock=lambda: next(now))
    for picture in (Picture("a", steps=10), Picture("b", tokens=10, steps=1)):  # a second and a millisecond
        wait(scheduler, [picture])
        scheduler.admit(picture.job, [picture])

    assert names(scheduler.next_batch())[0] == first


def test_nobody_joins_where_another_loses_as_much_as_it_gains() -> None:
    even = ForwardTime(points=((0, 0.0), (1000, 1.0), (2000, 1.5)))

    assert names(line([Picture("a")], [Picture("b")], forward_time=even).next_batch()) == "a"


def test_whoever_hands_pictures_over_keeps_the_list() -> None:
    pictures = [Picture("a"), Picture("a")]
    scheduler = line(pictures)

    scheduler.remove(pictures[0])
    scheduler.remove(pictures[1])

    assert len(pictures) == 2
    assert scheduler.idle


def test_of_two_alike_the_first_is_finished_first() -> None:
    first, second = Picture("a"), Picture("b")
    scheduler = line([first], [second], forward_time=BUSY)

    order = ""
    while not scheduler.idle:
        (picture,) = scheduler.next_batch()
        picture.position += 1
        order += picture.job
        if not picture.left:
            scheduler.remove(picture)

    assert order == 8 * "a" + 8 * "b"


def test_without_sharing_the_first_order_is_painted_to_its_end() -> None:
    scheduler = line([Picture("a", tokens=4096), Picture("a", tokens=4096)], [Picture("b", tokens=64)], shared=False)

    assert names(scheduler.next_batch()) == "a"


def test_pictures_with_different_loras_never_share_a_forward() -> None:
    scheduler = line([Picture("a")], [Picture("b", lora_set="ink")], [Picture("c")], [Picture("d", lora_set="ink")])

    companies = set[str]()
    while not scheduler.idle:
        batch = scheduler.next_batch()
        companies.add(names(batch))
        for picture in batch:
            picture.position += 1
            if not picture.left:
                scheduler.remove(picture)

    assert companies == {"ac", "bd"}


def test_a_stream_with_one_lora_does_not_starve_another() -> None:
    now = 0.0
    forward_time = ForwardTime(points=((0, 0.1), (100_000, 0.1)))  # with the same LoRAs it costs nothing to join
    scheduler: Scheduler[str, Picture] = Scheduler(forward_time=forward_time, clock=lambda: now)
    odd = Picture("odd", lora_set="ink")
    since = None

    for step in range(200):
        newcomers = [Picture(f"plain {step}"), *([odd] if step == 3 else [])]
        for picture in newcomers:
            wait(scheduler, [picture])
            scheduler.admit(picture.job, [picture])
        since = now if step == 3 else since
        for picture in scheduler.next_batch():
            picture.position += 1
            if not picture.left:
                scheduler.remove(picture)
        now += 0.1
        if not odd.left:
            break

    assert since is not None
    assert now - since <= (1 + PATIENCE) * 0.8 + 0.8  # its own time, those it lets pass, and whoever was at it


@given(tokens=st.integers(1, 6000), count=st.integers(1, 6), steps=st.integers(1, 4))
def test_everybody_arrives_and_the_least_advanced_of_a_job_is_always_in_the_batch(
    tokens: int, count: int, steps: int
) -> None:
    scheduler = line([Picture("a", tokens=tokens, steps=steps) for _ in range(count)])

    for _ in range(count * steps):
        batch = scheduler.next_batch()
        assert len(batch) <= 1 or sum(picture.tokens for picture in batch) <= 4608
        assert not batch or batch[0].position == min(picture.position for picture in scheduler.running)
        for picture in batch:
            picture.position += 1
            if not picture.left:
                scheduler.remove(picture)

    assert scheduler.idle


def test_a_withdrawn_job_leaves_with_everything_it_has() -> None:
    scheduler = line([Picture("a"), Picture("a")], [Picture("b")])
    wait(scheduler, [Picture("a")])
    wait(scheduler, [Picture("c")])

    orders, samples = scheduler.withdraw("a")

    assert (orders, names(samples)) == (["a"], "aa")
    assert names(list(scheduler.running)) == "b"
    assert scheduler.withdraw("unknown") == ([], [])
    assert not scheduler.idle


def test_an_order_of_which_nothing_is_admitted_is_gone() -> None:
    scheduler = line()
    wait(scheduler, [Picture("a")])

    scheduler.admit("a", [])

    assert scheduler.idle


def test_the_next_tile_takes_the_seat_of_the_one_before() -> None:
    tile, neighbour = Picture("a", position=2), Picture("b")
    scheduler = line([tile], [neighbour])

    following = Picture("a")
    scheduler.replace(tile, following)

    assert scheduler.running == (following, neighbour)
