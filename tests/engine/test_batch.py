"""Boarding and leaving at step borders, and which samples share a forward."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from engine.worker.batch import Batch


@dataclass(eq=False)
class Rider:
    job: str
    tokens: int = 1000
    position: int = 0


def names(riders: list[Rider]) -> str:
    return "".join(rider.job for rider in riders)


def test_samples_of_one_order_share_a_forward_and_the_next_order_waits() -> None:
    batch: Batch[str, Rider] = Batch()
    batch.wait("a", "order a")
    batch.wait("b", "order b")

    assert batch.next_order() == "order a"
    batch.board([Rider("a"), Rider("a")])

    assert batch.next_order() is None
    assert names(batch.next_forward()) == "aa"


def test_the_next_order_boards_when_all_have_left() -> None:
    batch: Batch[str, Rider] = Batch()
    first = Rider("a")
    batch.board([first])
    batch.wait("b", "order b")

    batch.leave(first)

    assert batch.next_order() == "order b"


def test_shared_orders_board_at_the_next_step_border_while_there_is_room() -> None:
    batch: Batch[str, Rider] = Batch(budget=2500, shared=True)
    batch.board([Rider("a", position=3)])
    batch.wait("b", "order b")
    batch.wait("c", "order c")
    batch.wait("d", "order d")

    boarded: list[str] = []
    while (order := batch.next_order()) is not None:
        boarded.append(order)
        batch.board([Rider(order[-1])])

    assert boarded == ["order b", "order c"]
    assert names(batch.next_forward()) == "bc"  # the least advanced first; "a" does not fit beside them


def test_a_sample_over_the_budget_rides_alone() -> None:
    batch: Batch[str, Rider] = Batch(budget=4608)
    batch.board([Rider("a", tokens=9216), Rider("b", tokens=9216)])

    assert names(batch.next_forward()) == "a"


@given(tokens=st.lists(st.integers(1, 6000), min_size=1, max_size=6), steps=st.integers(1, 4))
def test_everybody_arrives_and_the_least_advanced_is_always_on_board(tokens: list[int], steps: int) -> None:
    batch: Batch[str, Rider] = Batch()
    batch.board([Rider("a", tokens=size) for size in tokens])

    for _ in range(len(tokens) * steps):
        company = batch.next_forward()
        assert len(company) <= 1 or sum(rider.tokens for rider in company) <= 4608
        assert not company or company[0].position == min(rider.position for rider in batch.riding)
        for rider in company:
            rider.position += 1
            if rider.position == steps:
                batch.leave(rider)

    assert batch.idle


def test_a_withdrawn_job_leaves_with_everything_it_has() -> None:
    batch: Batch[str, Rider] = Batch()
    batch.board([Rider("a"), Rider("a"), Rider("b")])
    batch.wait("a", "more of a")
    batch.wait("c", "order c")

    orders, samples = batch.withdraw("a")

    assert (orders, names(samples)) == (["more of a"], "aa")
    assert names(list(batch.riding)) == "b"
    assert batch.withdraw("unknown") == ([], [])
    assert not batch.idle


def test_the_next_tile_takes_the_seat_of_the_one_before() -> None:
    batch: Batch[str, Rider] = Batch()
    tile, neighbour = Rider("a", position=2), Rider("b")
    batch.board([tile, neighbour])

    following = Rider("a")
    batch.replace(tile, following)

    assert batch.riding == (following, neighbour)
