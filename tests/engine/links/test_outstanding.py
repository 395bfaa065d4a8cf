"""What an engine still owes its bot: bounded, and no attempt outlives its job."""

from __future__ import annotations

import msgspec
import pytest

from engine.links.outstanding import Outstanding
from protocol.messages import Cancelled, Failed, Finished, Generate, Stored
from tests.support.orders import order


def finished(job: str, k: int, size: int = 1) -> Finished:
    return Finished(job=job, attempt=1, k=k, seed=7, width=64, height=64, sha256="0" * 64, png=b"x" * size, seconds=1.0)


def test_unconfirmed_pictures_are_bounded_and_the_oldest_goes_first() -> None:
    outstanding = Outstanding(held_bytes=250)

    for k in range(4):
        outstanding.note_event(finished("job", k, size=100))

    assert outstanding.held == (("job", 2), ("job", 3))


def test_a_quarter_of_a_gibibyte_waits_for_the_bot_and_not_a_byte_more() -> None:
    outstanding = Outstanding()
    large = finished("job", 0, size=2**20)

    for k in range(256):
        outstanding.note_event(msgspec.structs.replace(large, k=k))
    whole = len(outstanding.held)
    outstanding.note_event(finished("job", 256))

    assert (whole, outstanding.held[0]) == (256, ("job", 1))


def test_the_newest_picture_is_kept_even_if_it_alone_is_over_the_bound() -> None:
    outstanding = Outstanding(held_bytes=50)

    outstanding.note_event(finished("job", 0, size=100))
    outstanding.note_event(finished("job", 1, size=100))

    assert outstanding.held == (("job", 1),)
    assert (outstanding.holds("job", 0), outstanding.holds("job", 1)) == (False, True)


def test_a_job_runs_until_each_of_its_pictures_has_an_ending() -> None:
    outstanding = Outstanding()
    outstanding.take_order(order(count=3))

    outstanding.note_event(finished("job", 0))
    outstanding.note_event(Failed(job="job", attempt=1, k=1, code="flat-picture"))
    before = outstanding.running
    outstanding.note_event(Cancelled(job="job", attempt=1, k=2))

    assert (before, outstanding.running) == ((("job", 1),), ())
    assert outstanding.held == (("job", 0), ("job", 1), ("job", 2))


def test_a_cancelled_picture_that_is_wanted_after_all_is_painted_and_the_old_confirmation_harms_it_not() -> None:
    outstanding = Outstanding()
    outstanding.take_order(order())
    outstanding.note_event(Cancelled(job="job", attempt=1, k=0))

    again, ready = outstanding.take_order(order())
    outstanding.note_event(finished("job", 0))
    outstanding.confirm(Stored(job="job", k=0))  # of the cancellation
    held = outstanding.held
    outstanding.confirm(Stored(job="job", k=0))

    assert (again, ready) == (order(), [])
    assert (held, outstanding.held) == ((("job", 0),), ())


def test_only_what_is_missing_of_a_repeated_order_is_painted() -> None:
    outstanding = Outstanding()
    whole = order(count=4)
    outstanding.take_order(msgspec.structs.replace(whole, wanted=(0, 1)))
    outstanding.note_event(finished("job", 0))

    new, ready = outstanding.take_order(msgspec.structs.replace(whole, attempt=2))

    assert new is not None
    assert new.wanted == (2, 3)
    assert [(event.k, event.attempt) for event in ready] == [(0, 2)]


def test_a_picture_that_was_given_up_is_not_tried_again_when_its_order_comes_again() -> None:
    outstanding = Outstanding()
    outstanding.take_order(order())
    outstanding.note_event(Failed(job="job", attempt=1, k=0, code="flat-picture"))

    new, ready = outstanding.take_order(msgspec.structs.replace(order(), attempt=2))

    assert new is None
    assert [(event.k, event.attempt) for event in ready] == [(0, 2)]


def test_a_finished_and_confirmed_job_leaves_no_trace() -> None:
    outstanding = Outstanding()
    first: Generate = order()
    outstanding.take_order(msgspec.structs.replace(first, attempt=5))
    outstanding.note_event(finished("job", 0))
    outstanding.confirm(Stored(job="job", k=0))

    new, ready = outstanding.take_order(first)

    assert (new, ready) == (first, [])
    assert outstanding.running == (("job", 1),)


@pytest.mark.parametrize("k", [0, 9])
def test_a_confirmation_of_something_unknown_is_ignored(k: int) -> None:
    outstanding = Outstanding()

    outstanding.confirm(Stored(job="unknown", k=k))

    assert outstanding.held == ()
