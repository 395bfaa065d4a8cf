"""What keeps seams out of pictures: drawn pictures enlarged and zoomed, with what holds them together and without.

    python -m benchmarks.seams [--model FOLDER] [--count 10]

The sources are drawn by code (`engine.training.subjects.scenes`), so no picture has to be painted first.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from engine.training.subjects import phrases
from engine.training.subjects.scenes import draw, random_scene
from engine.worker.device.memory import find_device
from engine.worker.edits import inpaint
from engine.worker.edits.upscale import Anchor, TiledCanvas
from engine.worker.image.pixels import Pixels
from engine.worker.loading.loading import STARTER, load
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import TileSample
from protocol.messages import Generate
from protocol.request import ImageRequest, Margins, Upscaler

SMALL, SIDE = 192, 256  # pixels a side of what is enlarged, and of what is seen from farther away
NEAR, FAR, ALONG = 4, 12, 16  # pixels inside and outside a border, and along it, whose colours are compared


def main() -> None:
    """Paint and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=STARTER)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = find_device("cpu")
    pipeline, rng = Pipeline(load(options.model, device), device), Random(5)
    scenes = [random_scene(rng) for _ in range(options.count)]
    said = [phrases.say(scene, rng, language="en") for scene in scenes]
    drawn = {side: [np.asarray(draw(scene, side, side).convert("RGB")) for scene in scenes] for side in (SMALL, SIDE)}
    larger = Table("", "step at a seam", "without holding", "PSNR, dB", "without")
    for upscaler in (Upscaler.SUBTLE, Upscaler.CREATIVE):
        held = _enlargements(pipeline, said, drawn[SMALL], upscaler)
        with _unheld():
            free = _enlargements(pipeline, said, drawn[SMALL], upscaler)
        larger.add_row(upscaler.value, f"{held[0]:.1f}", f"{free[0]:.1f}", held[1], free[1])
    farther = Table("zoom out", "all free from the first step", "here")
    for factor in (1.5, 2.0):
        here = _frames(pipeline, said, drawn[SIDE], factor)
        levels, inpaint.FREE_BELOW = inpaint.FREE_BELOW, ()
        free = _frames(pipeline, said, drawn[SIDE], factor)
        inpaint.FREE_BELOW = levels
        farther.add_row(f"{factor:g}x", f"{free:.1f}", f"{here:.1f}")
    Console().print(larger, farther)


@contextmanager
def _unheld() -> Generator[None]:
    """Tiles that are neither held to their source while they are painted, nor set to its colours after."""
    held, settled = Anchor.held, TiledCanvas.settled
    Anchor.held = lambda self, latent, sigma: latent
    TiledCanvas.settled = lambda self, tile, painted: painted
    try:
        yield
    finally:
        Anchor.held, TiledCanvas.settled = held, settled


def _enlargements(pipeline: Pipeline, said: list[str], drawn: list[Pixels], upscaler: Upscaler) -> tuple[float, str]:
    """The largest step at a seam on two gradients, in levels; the range of the PSNRs of the scenes."""
    y, x = np.mgrid[0:SMALL, 0:SMALL]
    gradient = np.stack([(x + y) // 2, (255 - x + y) // 2, np.full_like(x, 128)], axis=-1).astype(np.uint8)
    steps = [
        _step(pipeline, picture, upscaler) for picture in (gradient, np.ascontiguousarray(gradient.transpose(1, 0, 2)))
    ]
    likeness = [
        _psnr(_enlarged(pipeline, words, picture, upscaler)[0], picture)
        for words, picture in zip(said, drawn, strict=True)
    ]
    return max(steps), f"{min(likeness):.0f} to {max(likeness):.0f}"


def _step(pipeline: Pipeline, picture: Pixels, upscaler: Upscaler) -> float:
    result, canvas = _enlarged(pipeline, "a red star on a blue background", picture, upscaler)
    smooth = Image.fromarray(picture).resize((result.shape[1], result.shape[0]), Image.Resampling.LANCZOS)
    steps = np.abs(np.diff(result - np.asarray(smooth, dtype=np.float32), axis=1).mean(axis=(0, 2)))
    return max(float(steps[tile.x - 2 : tile.x + tile.left + 2].max()) for tile in canvas.tiles if tile.left)


def _psnr(result: Pixels, picture: Pixels) -> float:
    small = Image.fromarray(result).resize((picture.shape[1], picture.shape[0]), Image.Resampling.BOX)
    return float(10 * np.log10(255**2 / np.square(np.asarray(small, dtype=np.float32) - picture).mean()))


def _enlarged(pipeline: Pipeline, words: str, picture: Pixels, upscaler: Upscaler) -> tuple[Pixels, TiledCanvas]:
    wish = _wish(words, SMALL).upscaled(source="0" * 64, seed=7, upscaler=upscaler)
    sample = pipeline.begin(_order(wish, picture), 0)
    assert isinstance(sample, TileSample)
    canvas = sample.canvas
    while True:
        while not sample.done:
            pipeline.step([sample])
        following = pipeline.following(sample)
        pipeline.finish(pipeline.start_decoding(sample))
        if following is None:
            return canvas.pixels, canvas
        sample = following


def _frames(pipeline: Pipeline, said: list[str], drawn: list[Pixels], factor: float) -> float:
    """How far colours beyond the borders of the old pictures are from those within, in levels, on average."""
    margin = (SIDE - round(SIDE / factor / 16) * 16) // 2
    margins = Margins(left=margin, top=margin, right=margin, bottom=margin)
    found: list[float] = []
    for seed, (words, picture) in enumerate(zip(said, drawn, strict=True)):
        wish = _wish(words, SIDE).outpainted(source="0" * 64, seed=seed, width=SIDE, height=SIDE, margins=margins)
        sample = pipeline.begin(_order(wish, picture), 0)
        while not sample.done:
            pipeline.step([sample])
        result = pipeline.finish(pipeline.start_decoding(sample))
        assert result is not None
        found += [_apart(np.rot90(result, turns).astype(np.float32), margin) for turns in range(4)]
    return float(np.mean(found))


def _apart(levels: np.ndarray, margin: int) -> float:
    """At the upper border."""
    across = levels[:, margin : SIDE - margin]
    inside, outside = across[margin : margin + NEAR], across[margin - FAR : margin - FAR + NEAR]
    apart = outside.mean(axis=0) - inside.mean(axis=0)
    return float(np.abs(np.lib.stride_tricks.sliding_window_view(apart, ALONG, axis=0).mean(axis=-1)).mean())


def _wish(words: str, side: int) -> ImageRequest:
    return ImageRequest(prompt=words, shape="1:1", width=side, height=side, steps=8, seed=7)


def _order(wish: ImageRequest, picture: Pixels) -> Generate:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return Generate(job="job", attempt=1, request=wish, wanted=(0,), source=out.getvalue())


if __name__ == "__main__":
    main()
