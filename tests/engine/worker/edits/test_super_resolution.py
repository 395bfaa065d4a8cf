"""Sharp upscales: by a super-resolution model of the owner's, tile by tile, and only where there is one."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from engine.metadata import png
from engine.worker.device.memory import find_device
from engine.worker.edits.super_resolution import TILE, Enlargement, SuperResolution
from engine.worker.loading.loading import load
from engine.worker.loading.weight_files import LoadingProblem
from engine.worker.pipeline.pipeline import Pipeline
from protocol.messages import Cancel, Cancelled, Command, Event, Finished, Generate
from protocol.request import Upscaler
from tests.engine.worker.test_loop import perform
from tests.support import orders, tiny_upscaler
from tests.support.orders import request

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_upscaler.write(tmp_path_factory.mktemp("upscaler"))


@pytest.fixture
def sharpening(tiny: Path, folder: Path) -> Pipeline:
    """A pipeline of its own, with the model taken along."""
    device = find_device("cpu")
    parts = load(tiny, device)
    card = msgspec.structs.replace(parts.card, max_side=2048, max_pixels=2048 * 2048)
    pipeline = Pipeline(replace(parts, card=card), device)
    assert pipeline.load_upscaler(folder) == ""
    return pipeline


def gradient(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, 255 - x * 200 // width], axis=-1).astype(np.uint8)


def order(pixels: np.ndarray) -> Generate:
    height, width, _ = pixels.shape
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    wish = request(width=width, height=height).upscaled(source="0" * 64, seed=7, upscaler=Upscaler.SHARP)
    return Generate(job="job", attempt=1, request=wish, wanted=(0,), source=out.getvalue())


def enlarged(pipeline: Pipeline, pixels: np.ndarray) -> np.ndarray:
    """Twice as large, the pipeline's usual way."""
    sample = pipeline.begin(order(pixels), 0)
    while not sample.done:
        pipeline.step([sample])
    result = pipeline.finish(pipeline.start_decoding(sample))
    assert result is not None
    return result


def error(result: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Difference in levels to the plainly enlarged picture."""
    return result.astype(np.float32) - pixels.repeat(2, axis=0).repeat(2, axis=1)


def test_a_picture_comes_out_twice_as_large_and_the_same(sharpening: Pipeline) -> None:
    pixels = gradient(320, 160)

    result = enlarged(sharpening, pixels)

    assert result.shape == (320, 640, 3)
    assert 10 * np.log10(255**2 / np.square(error(result, pixels)).mean()) > 30


def test_no_seam_shows_on_a_gradient(sharpening: Pipeline) -> None:
    pixels = gradient(320, 160)

    steps = np.abs(np.diff(error(enlarged(sharpening, pixels), pixels), axis=1).mean(axis=(0, 2)))

    assert steps[8:-8].max() < 1.0


def test_each_tile_is_a_step_that_can_be_seen_and_stopped(sharpening: Pipeline) -> None:
    sample = sharpening.begin(order(gradient(320, 160)), 0)
    (expected,) = sharpening.expected(sample.order)

    seen = list[int]()
    while not sample.done:
        sharpening.step([sample])
        seen.append(sample.progress)
        (preview,) = sharpening.preview([sample])
        assert preview.shape == (40, 80, 3)

    assert seen == list(range(1, sample.work + 1))
    assert len(seen) == expected.left > 1


def test_the_model_sees_no_more_at_once_however_large_the_picture_is(folder: Path) -> None:
    sizes = set[tuple[int, ...]]()

    class Watched(SuperResolution):
        def enlarge(self, pixels: np.ndarray) -> np.ndarray:
            sizes.add(pixels.shape)
            return super().enlarge(pixels)

    picture = Enlargement(Image.fromarray(gradient(400, 304)), 800, 608, Watched(folder, CPU))
    for number in range(len(picture.tiles)):
        picture.step(number)

    assert len(picture.tiles) > 4
    assert max(max(size) for size in sizes) <= TILE


@pytest.mark.parametrize(("upscale", "window"), [(2, 7), (3, 4), (4, 8)])
def test_windows_and_factors_of_any_size_serve(tmp_path: Path, upscale: int, window: int) -> None:
    model = SuperResolution(tiny_upscaler.write(tmp_path, upscale=upscale, window=window), CPU)
    pixels = gradient(144, 40)
    picture = Enlargement(Image.fromarray(pixels), 288, 80, model)

    for number in range(len(picture.tiles)):
        picture.step(number)

    assert np.abs(error(picture.pixels, pixels)).mean() < 4


def test_a_black_picture_stays_black(sharpening: Pipeline) -> None:
    assert enlarged(sharpening, np.zeros((64, 64, 3), dtype=np.uint8)).mean() < 4


def test_the_weights_come_with_the_first_picture(tmp_path: Path) -> None:
    model = SuperResolution(tiny_upscaler.write(tmp_path), CPU)
    (tmp_path / "model.safetensors").unlink()

    with pytest.raises(LoadingProblem, match=r"does not load: .*\.$"):
        model.enlarge(gradient(16, 16))


def test_a_painter_offers_it_only_with_a_model(pipeline: Pipeline, sharpening: Pipeline) -> None:
    assert not pipeline.card.offers("sharp")
    assert sharpening.card.offers("sharp")


def _config(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "config.json").unlink(), "config.json is missing."),
        (lambda folder: _config(folder, model_type="swinv2"), "is of type swinv2, not swin2sr."),
        (lambda folder: _config(folder, upscale=1), "does not enlarge colour pictures."),
        (lambda folder: _config(folder, upscale="two"), "does not load:"),
        (lambda folder: _config(folder, depths=[2, 2], num_heads=[2, 2]), "lack swin2sr.encoder.stages.1."),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x10" + bytes(20)), "model.safetensors"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_sentence_and_the_rest_paints_on(
    pipeline: Pipeline, tmp_path: Path, spoil: object, sentence: str
) -> None:
    spoil(tiny_upscaler.write(tmp_path))  # type: ignore[operator]

    said = pipeline.load_upscaler(tmp_path)

    assert sentence in said
    assert said.endswith(".")
    assert "\n" not in said
    assert not pipeline.card.offers("sharp")


def test_a_folder_that_is_not_there_is_named(pipeline: Pipeline, tmp_path: Path) -> None:
    assert pipeline.load_upscaler(tmp_path / "no") == f"There is no upscaler folder {tmp_path / 'no'}."


def test_a_text_picture_passes_between_its_tiles_and_a_cancel_ends_it_at_the_next(sharpening: Pipeline) -> None:
    large, small = order(gradient(640, 480)), orders.order(job="small", steps=2)

    def react(event: Event) -> Command | None:
        return Cancel(job="job") if isinstance(event, Finished) and event.job == "small" else None

    events = perform(sharpening, large, small, react=react)

    (picture,) = (event for event in events if isinstance(event, Finished))
    (given_up,) = (event for event in events if isinstance(event, Cancelled))
    assert (picture.job, given_up.job) == ("small", "job")


def test_the_finished_picture_says_that_it_was_sharpened(sharpening: Pipeline) -> None:
    events = perform(sharpening, order(gradient(64, 64)))

    (picture,) = (event for event in events if isinstance(event, Finished))
    facts = png.read_facts(picture.png)
    assert facts is not None
    assert (facts.upscaler, picture.width, picture.height) == (Upscaler.SHARP, 128, 128)
