"""Pictures made larger by the bundled model: no seam shows, and each stays the picture that it was."""

from __future__ import annotations

import io
from random import Random

import numpy as np
import pytest
from PIL import Image

from engine.training.subjects import phrases
from engine.training.subjects.scenes import draw, random_scene
from engine.worker.device.memory import find_device
from engine.worker.edits.upscale import TiledCanvas
from engine.worker.loading.loading import STARTER, load
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample, TileSample
from protocol.messages import Generate
from protocol.request import Upscaler
from tests.support.orders import request
from tests.support.painting import finish


@pytest.fixture(scope="module")
def starter() -> Pipeline:
    """The bundled model."""
    device = find_device("cpu")
    return Pipeline(load(STARTER, device), device)


def enlarged(
    pipeline: Pipeline, picture: np.ndarray, prompt: str, upscaler: Upscaler
) -> tuple[np.ndarray, TiledCanvas]:
    """A picture of 192² at twice the size, and the canvas on which its tiles were laid."""
    wish = request(prompt=prompt, width=192, height=192).upscaled(source="0" * 64, seed=7, upscaler=upscaler)
    sample = pipeline.begin(Generate(job="job", attempt=1, request=wish, wanted=(0,), source=_png(picture)), 0)
    assert isinstance(sample, TileSample)
    result: np.ndarray | Sample = sample
    while isinstance(result, Sample):
        while not result.done:
            pipeline.step([result])
        result = finish(pipeline, result)
    return result, sample.canvas


def seams(result: np.ndarray, picture: np.ndarray, canvas: TiledCanvas) -> float:
    """The largest step, in levels, from one column to the next where tiles meet, beyond the source's; over all rows."""
    smooth = Image.fromarray(picture).resize((result.shape[1], result.shape[0]), Image.Resampling.LANCZOS)
    steps = np.abs(np.diff(result - np.asarray(smooth, dtype=np.float32), axis=1).mean(axis=(0, 2)))
    return max(float(steps[tile.x - 2 : tile.x + tile.left + 2].max()) for tile in canvas.tiles if tile.left)


def psnr(result: np.ndarray, picture: np.ndarray) -> float:
    """How near the result, scaled down again, is to its source, in dB."""
    small = Image.fromarray(result).resize((picture.shape[1], picture.shape[0]), Image.Resampling.BOX)
    return float(10 * np.log10(255**2 / np.square(np.asarray(small, dtype=np.float32) - picture).mean()))


@pytest.mark.parametrize("upscaler", [Upscaler.SUBTLE, Upscaler.CREATIVE])
def test_no_seam_shows_on_gradients(starter: Pipeline, upscaler: Upscaler) -> None:
    y, x = np.mgrid[0:192, 0:192]
    gradient = np.stack([(x + y) // 2, (255 - x + y) // 2, np.full_like(x, 128)], axis=-1).astype(np.uint8)

    for picture in (gradient, gradient.transpose(1, 0, 2).copy()):
        result, canvas = enlarged(starter, picture, "a red star on a blue background", upscaler)
        assert len(canvas.tiles) > 1
        assert seams(result, picture, canvas) < 1.0


@pytest.mark.parametrize(("upscaler", "least"), [(Upscaler.SUBTLE, 34.0), (Upscaler.CREATIVE, 30.0)])
def test_an_enlargement_stays_faithful_to_its_source(starter: Pipeline, upscaler: Upscaler, least: float) -> None:
    rng = Random(5)
    scenes = [random_scene(rng) for _ in range(3)]

    for scene in scenes:
        picture = np.asarray(draw(scene, 192, 192).convert("RGB"))
        result, _ = enlarged(starter, picture, phrases.say(scene, rng, language="en"), upscaler)
        assert psnr(result, picture) >= least


def test_creative_paints_more_anew_than_subtle(starter: Pipeline) -> None:
    scene = random_scene(Random(5))
    picture = np.asarray(draw(scene, 192, 192).convert("RGB"))

    subtle, creative = (
        psnr(enlarged(starter, picture, phrases.say(scene, Random(1), language="en"), upscaler)[0], picture)
        for upscaler in (Upscaler.SUBTLE, Upscaler.CREATIVE)
    )

    assert creative < subtle


def _png(picture: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()
