"""What a sample of each kind tells the scheduler and the loop of itself."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample
from protocol.request import Kind, Region
from tests.support.orders import order
from tests.support.painting import finish

KINDS: dict[str, dict[str, Any]] = {
    "whole": {},
    "from a picture, with detail": {"kind": Kind.IMAGE, "strength": 0.6, "quality": True},
    "part, with detail": {"kind": Kind.INPAINT, "region": Region.LEFT, "quality": True},
    "tiles": {"kind": Kind.UPSCALE, "strength": 0.5, "width": 128, "height": 128},
}


def source() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_each_kind_takes_the_steps_that_were_expected_of_it(pipeline: Pipeline, kind: str) -> None:
    wish = order(source=source(), **KINDS[kind])
    (expected,) = pipeline.expected(wish)

    sample: Sample | np.ndarray = pipeline.begin(wish, 0)
    seen, left = list[int](), sample.left
    while isinstance(sample, Sample):
        while not sample.done:
            pipeline.step([sample])
            seen.append(sample.progress)
        sample = finish(pipeline, sample)

    assert seen == list(range(1, expected.left + 1))
    assert left == expected.left


@pytest.mark.parametrize("kind", KINDS)
def test_before_its_first_step_a_picture_of_each_kind_can_be_shown_whole(pipeline: Pipeline, kind: str) -> None:
    sample = pipeline.begin(order(source=source(), **KINDS[kind]), 0)

    (preview,) = pipeline.preview([sample])

    assert preview.shape == (sample.request.height // 8, sample.request.width // 8, 3)
