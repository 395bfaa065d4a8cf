"""Flat or non-finite pictures are painted again at higher precision, and never handed over."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
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
from protocol.messages import Generate
from protocol.request import Control, ControlKind, Kind, Region
from tests.support import tiny_control
from tests.support.orders import order
from tests.support.painting import finish

LIVELY = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8))
TILES_AND_PART = [{"kind": Kind.UPSCALE, "width": 128, "height": 128}, {"kind": Kind.INPAINT, "region": Region.LEFT}]


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
    return paint_order(pipeline, order(**changes))


def paint_order(pipeline: Pipeline, wish: Generate) -> Sample:
    sample = pipeline.begin(wish, 0)
    while not sample.done:
        pipeline.step([sample])
    return sample


def whole(pipeline: Pipeline, **changes: Any) -> np.ndarray:
    """The finished picture, of all its tiles where it has some."""
    sample: Sample | np.ndarray = paint(pipeline, **changes)
    while isinstance(sample, Sample):
        while not sample.done:
            pipeline.step([sample])
        sample = finish(pipeline, sample)
    return sample


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - other.astype(float)) ** 2))


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


@pytest.mark.parametrize("changes", TILES_AND_PART, ids=str)
def test_tiles_and_parts_that_overflow_are_painted_again_too(
    rounded: Pipeline, pipeline: Pipeline, changes: dict[str, Any]
) -> None:
    overflow_in(rounded.vae.model.decoder.conv_out, {torch.bfloat16})

    again, exact = (whole(one, source=_png(LIVELY), **changes) for one in (rounded, pipeline))

    assert psnr(again, exact) >= 40


def test_a_picture_that_follows_another_is_painted_again_with_its_controlnet(rounded: Pipeline, tmp_path: Path) -> None:
    assert rounded.load_controlnet(tiny_control.write_folder(tmp_path / "tiny-union", "2.1")) == ""
    overflow_in(rounded.vae.model.decoder.conv_out, {torch.bfloat16})
    control = Control(kind=ControlKind.DEPTH, picture="0" * 64)
    wish = order(control=_png(LIVELY))
    wish = msgspec.structs.replace(wish, request=msgspec.structs.replace(wish.request, control=control))

    first, second = (finish(rounded, paint_order(rounded, wish)) for _ in range(2))

    assert isinstance(first, np.ndarray)
    assert first.max() > BLACK
    assert np.array_equal(first, second)  # the weights are what they were


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
@pytest.mark.parametrize("changes", TILES_AND_PART, ids=str)
def test_a_tile_or_a_part_may_be_as_flat_as_what_it_was_painted_over(
    tiny: Path, level: float, changes: dict[str, Any]
) -> None:
    pipeline = paints_only(level, Pipeline(load(tiny, device(torch.float32)), device(torch.float32)))
    flat, lively = (_png(picture) for picture in (Image.new("RGB", (64, 64), int(level > 0) * 0xFFFFFF), LIVELY))

    painted = whole(pipeline, source=flat, **changes)

    assert (painted == 255 * int(level > 0)).all()
    with pytest.raises(FlatPicture):
        finish(pipeline, paint(pipeline, source=lively, **changes))


def test_bf16_stays_close_to_fp32(rounded: Pipeline, pipeline: Pipeline) -> None:
    exact, close = (whole(one) for one in (pipeline, rounded))

    assert psnr(exact, close) >= 40


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
