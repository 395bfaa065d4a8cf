"""Flat or non-finite pictures are painted again at higher precision, and never handed over."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.worker.device.memory import Device
from engine.worker.image.pixels import BLACK
from engine.worker.loading.loading import load
from engine.worker.pipeline import flat_pictures
from engine.worker.pipeline.flat_pictures import FlatPicture
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample
from protocol.request import Kind, Region
from tests.support.orders import order
from tests.support.painting import finish

LIVELY = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8))


def device(dtype: torch.dtype) -> Device:
    return Device(torch_device=torch.device("cpu"), dtype=dtype, total=0, free=0)


@pytest.fixture
def rounded(tiny: Path) -> Pipeline:
    """The tiny model in bf16."""
    return Pipeline(load(tiny, device(torch.bfloat16)), device(torch.bfloat16))


def overflow_in(module: torch.nn.Module, dtypes: set[torch.dtype]) -> None:
    """Let a module's output be not a number while its weights have one of these dtypes."""

    def spoil(_module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        return output * float("nan") if output.dtype in dtypes else output

    module.register_forward_hook(spoil)


def paint(pipeline: Pipeline, **changes: Any) -> Sample:
    sample = pipeline.begin(order(**changes), 0)
    while not sample.done:
        pipeline.step([sample])
    return sample


def paints_only(level: float, pipeline: Pipeline) -> Pipeline:
    """Let its decoder paint one colour, of -1 to 1, whatever it is given."""
    with torch.no_grad():
        pipeline.vae.model.decoder.conv_out.weight.zero_()
        pipeline.vae.model.decoder.conv_out.bias.fill_(level)
    return pipeline


@pytest.mark.parametrize("part", ["transformer", "decoder"])
def test_a_picture_that_overflows_in_bf16_is_painted_again_in_fp32(rounded: Pipeline, part: str) -> None:
    module = rounded.vae.model.decoder.conv_out if part == "decoder" else rounded.transformer.all_x_embedder["2-1"]
    overflow_in(module, {torch.bfloat16})

    pixels = finish(rounded, paint(rounded))

    assert isinstance(pixels, np.ndarray)
    assert pixels.max() > BLACK
    assert rounded.transformer.dtype is rounded.vae.model.dtype is torch.bfloat16


def test_the_weights_are_unchanged_after_a_second_painting(rounded: Pipeline) -> None:
    before = {name: value.clone() for name, value in rounded.transformer.state_dict().items()}

    with flat_pictures.full_precision(rounded.transformer):
        assert rounded.transformer.dtype is torch.float32

    after = rounded.transformer.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_picture_that_stays_broken_is_refused(rounded: Pipeline) -> None:
    overflow_in(rounded.vae.model.decoder.conv_out, {torch.bfloat16, torch.float32})

    with pytest.raises(FlatPicture):
        finish(rounded, paint(rounded))


@pytest.mark.parametrize("level", [-1.0, 0.0, 1.0], ids=["black", "grey", "white"])
def test_a_flat_picture_is_refused_and_in_fp32_there_is_nothing_to_try_again(tiny: Path, level: float) -> None:
    pipeline = paints_only(level, Pipeline(load(tiny, device(torch.float32)), device(torch.float32)))

    with pytest.raises(FlatPicture):
        finish(pipeline, paint(pipeline))


@pytest.mark.parametrize("level", [-1.0, 1.0], ids=["black", "white"])
@pytest.mark.parametrize(
    "changes",
    [{"kind": Kind.UPSCALE, "width": 128, "height": 128}, {"kind": Kind.INPAINT, "region": Region.LEFT}],
    ids=str,
)
def test_a_tile_or_a_part_may_be_as_flat_as_what_it_was_painted_over(
    tiny: Path, level: float, changes: dict[str, Any]
) -> None:
    pipeline = paints_only(level, Pipeline(load(tiny, device(torch.float32)), device(torch.float32)))
    flat, lively = (_png(picture) for picture in (Image.new("RGB", (64, 64), int(level > 0) * 0xFFFFFF), LIVELY))

    sample: Sample | np.ndarray = paint(pipeline, source=flat, **changes)
    while isinstance(sample, Sample):
        while not sample.done:
            pipeline.step([sample])
        sample = finish(pipeline, sample)

    assert (sample == 255 * int(level > 0)).all()
    with pytest.raises(FlatPicture):
        finish(pipeline, paint(pipeline, source=lively, **changes))


def test_bf16_stays_close_to_fp32(rounded: Pipeline, pipeline: Pipeline) -> None:
    exact, close = (finish(painter_, paint(painter_)) for painter_ in (pipeline, rounded))

    error = np.mean((exact.astype(float) - close.astype(float)) ** 2)
    assert 10 * np.log10(255**2 / error) >= 40


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
