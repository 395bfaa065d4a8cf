"""What sharing forwards does to waiting, on a simulated clock: `Scheduler` against first come, first served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.worker.scheduling.forward_time import ForwardTime
from engine.worker.scheduling.scheduler import PATIENCE, Expected, Scheduler, token_load

LAUNCH_BOUND = ForwardTime(
    points=((0, 0.025), (2048, 0.025), (4096, 0.05))
)  # a large GPU: small forwards all take as long
IN_PROPORTION = ForwardTime(points=((0, 0.0), (4096, 0.1)))  # a processor, or a GPU that one picture fills


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    at: float  # seconds
    tokens: int = 1024
    count: int = 1
    rows: int = 1
    steps: int = 8


@dataclass(eq=False, slots=True)
class Picture:
    name: str
    tokens: int
    rows: int
    steps: int
    position: int = 0
    lora_set: tuple[()] = ()

    @property
    def left(self) -> int:
        return self.steps - self.position


def waits(wishes: Sequence[Wish], forward_time: ForwardTime, *, shared: bool) -> list[float]:
    """Seconds from each wish to its last picture, on a machine that takes as long as `forward_time` says."""
    now = 0.0
    scheduler: Scheduler[str, Picture] = Scheduler(forward_time=forward_time, shared=shared, clock=lambda: now)
    coming = sorted(range(len(wishes)), key=lambda index: wishes[index].at, reverse=True)
    ended: dict[str, float] = {}
    while coming or not scheduler.idle:
        if scheduler.idle:
            now = max(now, wishes[coming[-1]].at)
        while coming and wishes[coming[-1]].at <= now:
            index = coming.pop()
            wish = wishes[index]
            expected = Expected(tokens=wish.tokens, rows=wish.rows, left=wish.steps)
            scheduler.enqueue(str(index), str(index), [expected] * wish.count)
        while (name := scheduler.next_order()) is not None:
            wish = wishes[int(name)]
            scheduler.admit(name, [Picture(name, wish.tokens, wish.rows, wish.steps) for _ in range(wish.count)])
        batch = scheduler.next_batch()
        now += forward_time.seconds(token_load(batch))
        for picture in batch:
            picture.position += 1
            if not picture.left:
                scheduler.remove(picture)
                ended[picture.name] = now
    return [ended[str(index)] - wish.at for index, wish in enumerate(wishes)]


def wish(at: float) -> st.SearchStrategy[Wish]:
    return st.builds(
        Wish,
        at=st.just(at),
        tokens=st.integers(1, 512).map(lambda n: 32 * n),
        count=st.integers(1, 4),
        rows=st.integers(1, 2),
        steps=st.integers(1, 12),
    )


@st.composite
def paces(draw: st.DrawFn) -> ForwardTime:
    """Any device: flat up to some load, then rising at any rate."""
    flat = draw(st.floats(0, 0.1))
    knee = draw(st.integers(1, 8192))
    return ForwardTime(points=((0, flat), (knee, flat), (knee + 1000, flat + draw(st.floats(0.001, 0.1)))))


@given(wishes=st.lists(wish(0.0), min_size=1, max_size=6), forward_time=paces())
def test_the_mean_wait_of_whoever_is_there_is_never_longer_than_first_come_first_served(
    wishes: list[Wish], forward_time: ForwardTime
) -> None:
    shared, alone = (mean(waits(wishes, forward_time, shared=sharing)) for sharing in (True, False))

    assert shared <= alone * (1 + 1e-9)


@given(
    wishes=st.lists(st.floats(0, 10).flatmap(wish), min_size=1, max_size=6),
    forward_time=paces(),
)
def test_nor_is_it_when_they_come_one_after_another(wishes: list[Wish], forward_time: ForwardTime) -> None:
    shared, alone = (mean(waits(wishes, forward_time, shared=sharing)) for sharing in (True, False))

    assert shared <= alone * (1 + 1e-9)


@pytest.mark.parametrize("forward_time", [LAUNCH_BOUND, IN_PROPORTION])
def test_a_small_job_does_not_wait_behind_a_large_one(forward_time: ForwardTime) -> None:
    large, small = Wish(at=0, tokens=16384, steps=8), Wish(at=0.2, tokens=1024)
    step = forward_time.seconds(large.tokens)

    _, waited = waits([large, small], forward_time, shared=True)

    assert waited <= step + 8 * forward_time.seconds(small.tokens) + 1e-9


@settings(max_examples=20)
@given(small=st.integers(1, 32).map(lambda n: 32 * n), ratio=st.integers(1, 6), count=st.integers(1, 2))
def test_small_jobs_that_never_cease_delay_a_large_one_by_a_bound(small: int, ratio: int, count: int) -> None:
    large = Wish(at=0, tokens=ratio * small, count=count)
    each, work = (8 * IN_PROPORTION.seconds(tokens) for tokens in (small, count * ratio * small))
    stream = [Wish(at=n * each, tokens=small) for n in range(int(2 * PATIENCE * work / each))]

    waited, *_ = waits([large, *stream], IN_PROPORTION, shared=True)

    assert waited <= (1 + PATIENCE) * work + 2 * each


def test_sharing_shortens_the_wait_where_small_forwards_leave_the_device_idle() -> None:
    together = [Wish(at=0, tokens=512) for _ in range(4)]

    shared, alone = (waits(together, LAUNCH_BOUND, shared=sharing) for sharing in (True, False))

    assert shared == pytest.approx([8 * 0.025] * 4)
    assert mean(alone) / mean(shared) == pytest.approx(2.5)
