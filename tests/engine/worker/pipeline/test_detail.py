"""Quality: a second pass for fine detail, a sample's own last steps like all others."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from engine.metadata.png import read_facts
from engine.worker.pipeline import detail
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample
from engine.worker.scheduling.forward_time import ForwardTime
from engine.worker.scheduling.scheduler import Scheduler
from protocol.messages import Cancel, Cancelled, Command, Event, Finished, Progress
from protocol.request import Kind, Margins
from tests.engine.worker.test_loop import of, perform, png
from tests.support.likeness import assert_same_pixels, decoded
from tests.support.orders import order, request

TOGETHER = ForwardTime(points=((0, 1.0), (100_000, 1.0)))


def picture(pipeline: Pipeline, **changes: object) -> np.ndarray:
    (finished,) = of(perform(pipeline, order(**changes)), Finished)
    return decoded(finished.png)


@pytest.mark.parametrize("steps", [1, 3, 8, 20, 60])
def test_the_pass_is_the_last_quarter_of_a_schedule_whatever_the_steps(steps: int) -> None:
    levels = detail.sigmas(request(steps=steps, quality=True), 3.0)

    assert levels[0] == pytest.approx(0.5)
    assert levels[-1] == 0
    assert len(levels) - 1 == max(2, steps // 4)
    assert detail.sigmas(request(steps=steps), 3.0) == ()


def test_its_steps_count_in_progress_work_and_cost(pipeline: Pipeline) -> None:
    wish = order(quality=True, count=2)

    events = perform(pipeline, wish)

    assert [(event.step, event.steps) for event in of(events, Progress)] == [(n, 10) for n in range(1, 11)]
    assert [one.left for one in pipeline.expected(wish)] == [10, 10]
    assert wish.request.forwards == 10
    assert request(quality=True, guidance=3.0).forwards == 20
    facts = read_facts(of(events, Finished)[0].png)
    assert facts is not None
    assert facts.detail_steps == 2


def test_a_request_gives_the_same_bytes_again_and_other_ones_than_without(pipeline: Pipeline) -> None:
    first, again, plain = (picture(pipeline, quality=quality) for quality in (True, True, False))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, plain)


@pytest.mark.parametrize(
    "changes",
    [
        {"guidance": 2.5, "negative": "grey"},
        {"kind": Kind.IMAGE, "strength": 0.5, "source": png(64, 48)},
        {"variety": 0.5},
        {"steps": 1},
    ],
)
def test_every_kind_of_request_can_have_it(pipeline: Pipeline, changes: dict[str, object]) -> None:
    wish = order(quality=True, **changes)

    events = perform(pipeline, wish)

    assert len(of(events, Finished)) == 1
    assert of(events, Progress)[-1].steps == wish.request.steps - wish.request.first_step + 2


def test_pictures_in_different_passes_share_forwards_and_each_is_the_one_it_is_alone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [order("fine", quality=True), order("plain", width=128, steps=10), order("wide", quality=True, width=96)]
    alone = {one.job: decoded(of(perform(pipeline, one), Finished, one.job)[0].png) for one in orders}
    companies: list[int] = []
    paint = pipeline.step

    def step(samples: Sequence[Sample]) -> None:
        companies.append(len(samples))
        paint(samples)

    monkeypatch.setattr(pipeline, "step", step)
    together = perform(pipeline, *orders, scheduler=Scheduler(forward_time=TOGETHER))

    assert companies == [3] * 10
    for one in orders:
        assert_same_pixels(decoded(of(together, Finished, one.job)[0].png), alone[one.job])


def test_what_an_inpainting_keeps_stays_as_it_is(pipeline: Pipeline) -> None:
    source = png(64, 64)
    wish = {"kind": Kind.INPAINT, "source": source, "width": 96, "margins": Margins(left=16, right=16)}

    fine = picture(pipeline, quality=True, **wish)

    assert np.array_equal(fine[:, 16:80], np.asarray(Image.open(io.BytesIO(source))).astype(int))
    assert not np.array_equal(fine, picture(pipeline, **wish))


def test_cancel_works_in_the_second_pass(pipeline: Pipeline) -> None:
    def react(event: Event) -> Command | None:
        return Cancel(job="job") if isinstance(event, Progress) and event.job == "job" and event.step == 41 else None

    events = perform(pipeline, order(quality=True, steps=40, width=256, height=256), order("other"), react=react)

    assert len(of(events, Cancelled)) == 1
    assert of(events, Finished) == []
    assert len(of(events, Finished, "other")) == 1


def test_an_enlargement_is_such_a_pass_itself(pipeline: Pipeline) -> None:
    parent = request(quality=True, enhance=True, enhanced="a large red star")

    enlarged = parent.upscaled(source="0" * 64, seed=7)

    assert not enlarged.quality
    assert enlarged.detail_steps == 0
    assert enlarged.painted_prompt == "a large red star"
