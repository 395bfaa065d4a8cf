"""Upscaling: tiles that cover everything, never larger than the model's own size, without seams."""

from __future__ import annotations

import io

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.worker.edits.upscale import GRID, TiledCanvas, tiles
from engine.worker.pipeline.pipeline import Pipeline
from protocol.request import Kind
from tests.support.orders import order
from tests.support.painting import finish

SIDES = st.integers(1, 30).map(lambda n: n * GRID)


@given(width=SIDES, height=SIDES, native=st.integers(3, 12).map(lambda n: (n * GRID) ** 2))
def test_tiles_cover_the_picture_and_never_exceed_the_native_area(width: int, height: int, native: int) -> None:
    seen = np.zeros((height, width), dtype=bool)

    for tile in tiles(width, height, native):
        assert tile.width * tile.height <= native
        assert (tile.x % GRID, tile.y % GRID, tile.width % GRID, tile.height % GRID) == (0, 0, 0, 0)
        under = seen[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        assert under.shape == (tile.height, tile.width)
        assert under[:, : tile.left].all()  # feathers lie on what is painted already
        assert under[: tile.top].all()
        under[:] = True

    assert seen.all()


def test_tiles_overlap_where_they_meet() -> None:
    laid = tiles(2048, 2048, 1024 * 1024)

    assert len(laid) == 9
    assert all(tile.left > 0 for tile in laid if tile.x > 0)
    assert all(tile.top > 0 for tile in laid if tile.y > 0)


def test_pasting_the_enlarged_source_over_itself_changes_nothing() -> None:
    y, x = np.mgrid[0:40, 0:64]
    source = Image.fromarray(np.stack([x * 4, y * 6, 255 - x * 2], axis=-1).astype(np.uint8))
    canvas = TiledCanvas(source, 128, 80, native_pixels=48 * 48, noise=torch.zeros(1, 16, 10, 16))
    before = canvas.pixels.copy()

    for tile in canvas.tiles:
        canvas.paste(tile, canvas.source_of(tile))

    assert np.abs(before.astype(int) - canvas.pixels.astype(int)).max() <= 1


def test_a_seam_between_two_tiles_rises_gently() -> None:
    source = Image.new("RGB", (64, 32))
    canvas = TiledCanvas(source, 128, 64, native_pixels=80 * 80, noise=torch.zeros(1, 16, 8, 16))

    for tile, level in zip(canvas.tiles, (0, 160), strict=True):
        canvas.paste(tile, np.full((tile.height, tile.width, 3), level, dtype=np.uint8))

    assert np.abs(np.diff(canvas.pixels[:, :, 0].astype(int), axis=1)).max() <= 10


def test_an_upscale_keeps_the_picture_and_depends_on_its_seed_alone(pipeline: Pipeline) -> None:
    y, x = np.mgrid[0:64, 0:64]
    out = io.BytesIO()
    Image.fromarray(np.stack([x * 4, y * 4, x + y], axis=-1).astype(np.uint8)).save(out, "PNG")
    wish = {"kind": Kind.UPSCALE, "strength": 0.25, "width": 128, "height": 128, "source": out.getvalue()}

    def upscaled(seed: int) -> np.ndarray:
        sample = pipeline.begin(order(seed=seed, **wish), 0)
        while not isinstance(sample, np.ndarray):
            while not sample.done:
                pipeline.step([sample])
            sample = finish(pipeline, sample)
        return sample

    first, again, other = upscaled(1), upscaled(1), upscaled(2)

    assert first.shape == (128, 128, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_tile_is_told_to_show_the_whole_wish_again(pipeline: Pipeline) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (40, 90, 220)).save(out, "PNG")
    wish = {"kind": Kind.UPSCALE, "strength": 0.5, "width": 128, "height": 128, "source": out.getvalue()}

    boat, house = (pipeline.begin(order(prompt=prompt, **wish), 0) for prompt in ("a boat", "a house"))

    assert torch.equal(boat.conditioning.caption, house.conditioning.caption)
    assert not torch.equal(boat.conditioning.caption, pipeline.begin(order(prompt="a boat"), 0).conditioning.caption)
