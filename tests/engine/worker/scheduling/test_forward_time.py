"""How long forwards take: measured at a few loads, and what is read between them."""

from __future__ import annotations

import pytest

from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.scheduling import forward_time
from engine.worker.scheduling.forward_time import ForwardTime


def test_a_load_between_two_measured_ones_lies_on_the_line_between_them() -> None:
    known = ForwardTime(points=((100, 0.02), (200, 0.02), (400, 0.06)))

    assert [known.seconds(load) for load in (1, 100, 150, 300, 400, 500)] == pytest.approx(
        [0.02, 0.02, 0.02, 0.04, 0.06, 0.08]
    )


def test_the_fastest_of_several_tries_counts_and_noise_makes_no_larger_load_cheaper() -> None:
    tries = iter([9.0, 0.5, 0.3, 0.4, 0.2, 0.2, 0.2, 0.9, 0.8, 0.9])
    asked: list[tuple[int, int]] = []

    def forward(rows: int, tokens: int) -> float:
        asked.append((rows, tokens))
        return next(tries) / 10

    known = forward_time.measured(forward, native=4096)

    assert known.points == ((288, 0.03), (1152, 0.03), (4224, 0.08))
    assert asked == [(1, 256)] * 4 + [(4, 256)] * 3 + [(4, 1024)] * 3


def test_a_very_slow_device_is_timed_once() -> None:
    known = forward_time.measured(lambda rows, tokens: 30.0, native=4096)

    assert known.points == ((0, 0.0), (288, 30.0))


def test_a_loaded_model_is_measured(pipeline: Pipeline) -> None:
    known = pipeline.measure()

    assert 0 < known.seconds(64) <= known.seconds(256)
