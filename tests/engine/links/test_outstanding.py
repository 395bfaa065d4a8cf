"""What an engine still owes its bot: bounded, and no attempt outlives its job."""

from __future__ import annotations

import msgspec
import pytest

from engine.links.outstanding import Desk
from protocol.messages import Cancelled, Failed, Finished, Generate, Stored
from tests.support.orders import order


def finished(job: str, k: int, size: int = 1) -> Finished:
    return Finished(job=job, attempt=1, k=k, seed=7, width=64, height=64, sha256="0" * 64, png=b"x" * size, seconds=1.0)


def test_unconfirmed_pictures_are_bounded_and_the_oldest_goes_first() -> None:
    desk = Desk(held_bytes=250)

    for k in range(4):
        desk.put(finished("job", k, size=100))

    assert desk.held == (("job", 2), ("job", 3))


def test_a_quarter_of_a_gibibyte_waits_for_the_bot_and_not_a_byte_more() -> None:
    desk = Desk()
    large = finished("job", 0, size=2**20)

    for k in range(256):
        desk.put(msgspec.structs.replace(large, k=k))
    whole = len(desk.held)
    desk.put(finished("job", 256))

    assert (whole, desk.held[0]) == (256, ("job", 1))


def test_the_newest_picture_is_kept_even_if_it_alone_is_over_the_bound() -> None:
    desk = Desk(held_bytes=50)

    desk.put(finished("job", 0, size=100))
    desk.put(finished("job", 1, size=100))

    assert desk.held == (("job", 1),)
    assert (desk.holds("job", 0), desk.holds("job", 1)) == (False, True)


def test_a_job_runs_until_each_of_its_pictures_has_an_ending() -> None:
    desk = Desk()
    desk.take(order(count=3))

    desk.put(finished("job", 0))
    desk.put(Failed(job="job", attempt=1, k=1, code="flat-picture"))
    before = desk.running
    desk.put(Cancelled(job="job", attempt=1, k=2))

    assert (before, desk.running) == ((("job", 1),), ())
    assert desk.held == (("job", 0), ("job", 1), ("job", 2))


def test_a_cancelled_picture_that_is_wanted_after_all_is_painted_and_the_old_confirmation_harms_it_not() -> None:
    desk = Desk()
    desk.take(order())
    desk.put(Cancelled(job="job", attempt=1, k=0))

    again, ready = desk.take(order())
    desk.put(finished("job", 0))
    desk.confirm(Stored(job="job", k=0))  # of the cancellation
    held = desk.held
    desk.confirm(Stored(job="job", k=0))

    assert (again, ready) == (order(), [])
    assert (held, desk.held) == ((("job", 0),), ())


def test_only_what_is_missing_of_a_repeated_order_is_painted() -> None:
    desk = Desk()
    whole = order(count=4)
    desk.take(msgspec.structs.replace(whole, wanted=(0, 1)))
    desk.put(finished("job", 0))

    new, ready = desk.take(msgspec.structs.replace(whole, attempt=2))

    assert new is not None
    assert new.wanted == (2, 3)
    assert [(event.k, event.attempt) for event in ready] == [(0, 2)]


def test_a_picture_that_was_given_up_is_not_tried_again_when_its_order_comes_again() -> None:
    desk = Desk()
    desk.take(order())
    desk.put(Failed(job="job", attempt=1, k=0, code="flat-picture"))

    new, ready = desk.take(msgspec.structs.replace(order(), attempt=2))

    assert new is None
    assert [(event.k, event.attempt) for event in ready] == [(0, 2)]


def test_a_finished_and_confirmed_job_leaves_no_trace() -> None:
    desk = Desk()
    first: Generate = order()
    desk.take(msgspec.structs.replace(first, attempt=5))
    desk.put(finished("job", 0))
    desk.confirm(Stored(job="job", k=0))

    new, ready = desk.take(first)

    assert (new, ready) == (first, [])
    assert desk.running == (("job", 1),)


@pytest.mark.parametrize("k", [0, 9])
def test_a_confirmation_of_something_unknown_is_ignored(k: int) -> None:
    desk = Desk()

    desk.confirm(Stored(job="unknown", k=k))

    assert desk.held == ()
