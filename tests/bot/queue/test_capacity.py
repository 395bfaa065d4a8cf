"""More than two jobs in an engine: what that gives to sharing, and what it must not take from whoever comes late."""

from __future__ import annotations

from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.worker.scheduling.forward_time import ForwardTime
from tests.support.rehearsal import Arrival, Rehearsal

# Seconds of a forward by its tokens; a picture of 256² has 256.
LAUNCH_BOUND = ForwardTime(
    points=((0, 0.025), (2048, 0.025), (4096, 0.05))
)  # a large GPU: small forwards all take as long
IN_PROPORTION = ForwardTime(points=((0, 0.0), (4096, 0.1)))  # a processor


@st.composite
def paces(draw: st.DrawFn) -> ForwardTime:
    """Any device: flat up to some load, then rising at any rate."""
    flat = draw(st.floats(0, 0.1))
    knee = draw(st.integers(1, 2048))
    return ForwardTime(points=((0, flat), (knee, flat), (knee + 1000, flat + draw(st.floats(0.01, 0.4)))))


others = st.lists(st.tuples(st.sampled_from("cdefg"), st.floats(0, 5)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(pace=paces(), engines=st.integers(1, 3), others=others, at=st.floats(0, 5))
def test_a_light_user_waits_for_two_jobs_per_engine_and_one_per_other_user(
    pace: ForwardTime, engines: int, others: list[tuple[str, float]], at: float
) -> None:
    crowd = [Arrival(who="heavy")] * 50 + [Arrival(who=who, at=moment) for who, moment in others]
    show = Rehearsal([*crowd, Arrival(who="light", at=at)], [pace] * engines)

    show.run()

    light = str([one.who for one in show.arrivals].index("light"))
    before = [job for job, moment in show.ended.items() if at < moment <= show.begun[light]]
    assert len(before) <= 2 * engines + len({who for who, _ in others})


@settings(max_examples=60, deadline=None)
@given(
    pace=paces(),
    engines=st.integers(1, 2),
    wishes=st.lists(
        st.builds(
            Arrival,
            who=st.sampled_from("abcd"),
            at=st.floats(0, 3),
            side=st.sampled_from((128, 256, 512)),
            steps=st.integers(1, 12),
        ),
        min_size=1,
        max_size=16,
    ),
)
def test_nothing_that_an_engine_gets_later_begins_earlier(
    pace: ForwardTime, engines: int, wishes: list[Arrival]
) -> None:
    show = Rehearsal(wishes, [pace] * engines)

    show.run()

    assert len(show.ended) == len(wishes)
    for machine in show.machines:
        mine = [job for job in show.handed if show.places[job] == machine.name]
        assert mine == sorted(mine, key=show.begun.__getitem__)


def test_small_wishes_of_four_people_share_forwards() -> None:
    crowd = [Arrival(who=who) for who in "abcd"]

    waits: dict[int, float] = {}
    for capacity in (2, 4):
        show = Rehearsal(crowd, [LAUNCH_BOUND], capacity=capacity)
        show.run()
        waits[capacity] = mean(show.ended.values())
        assert show.machines[0].together == capacity

    assert waits[4] < 0.8 * waits[2]


def test_a_device_that_one_picture_keeps_busy_holds_no_more_than_two_jobs() -> None:
    show = Rehearsal([Arrival(who=who) for who in "abcdefgh"], [IN_PROPORTION], capacity=8)

    show.run(until=7 * IN_PROPORTION.seconds(256))

    assert len(show.handed) == 2


@pytest.mark.parametrize("pace", [LAUNCH_BOUND, IN_PROPORTION])
def test_small_wishes_pass_a_large_one_also_when_several_come(pace: ForwardTime) -> None:
    small = [Arrival(who=who, at=0.1 * n, side=128) for n, who in enumerate("bcd", start=1)]
    show = Rehearsal([Arrival(who="a", side=2048), *small], [pace])

    show.run()

    assert max(show.ended, key=show.ended.__getitem__) == "0"


@pytest.mark.parametrize("pace", [LAUNCH_BOUND, IN_PROPORTION])
@pytest.mark.parametrize("people", ["a", "abcde"])
def test_the_times_that_people_are_told_come_true(pace: ForwardTime, people: str) -> None:
    show = Rehearsal([Arrival(who=people[n % len(people)]) for n in range(30)], [pace])
    alone = 8 * pace.seconds(256)
    show.run(until=6 * alone)

    told = {job: position.eta for job, position in show.positions().items()}
    show.run()

    assert len(told) >= 6
    for job, eta in told.items():
        assert eta is not None
        assert eta == pytest.approx(show.ended[job], abs=2 * alone)


def test_pictures_that_share_the_time_count_it_once() -> None:
    show = Rehearsal([Arrival(who=who) for who in "abcd" * 5], [LAUNCH_BOUND])

    show.run()

    [painter] = show.engines
    work, busy = 20 * 256 * 256 * 8 / 1e6, max(show.ended.values())
    assert painter.pace == pytest.approx(busy / work, rel=0.2)
