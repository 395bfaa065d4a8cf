"""Painting a part of a picture: as the bare pipeline paints it, and the rest untouched to the last bit."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ZImageInpaintPipeline, ZImagePipeline
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from engine.metadata.png import read_facts
from engine.worker.edits.inpaint import FREE_BELOW, NothingToPaint, lay_out
from engine.worker.image.fill import filled
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample
from protocol.geometry import CONTEXT, GRID, ROOM, Box, window
from protocol.messages import Failed, Finished, Generate
from protocol.request import Kind, Margins, Region
from tests.engine.worker.test_loop import of, perform
from tests.support.likeness import assert_same_latents
from tests.support.orders import order
from tests.support.painting import finish

WIDTH, HEIGHT = 64, 96
PHOTO = Image.fromarray(np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8))
NATIVE = 64 * 64


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def ball(size: tuple[int, int] = (WIDTH, HEIGHT), box: tuple[int, int, int, int] = (10, 30, 51, 71)) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


def wish(source: Image.Image = PHOTO, mask: Image.Image | None = None, **changes: Any) -> Generate:
    changes = {"kind": Kind.INPAINT, "width": WIDTH, "height": HEIGHT, "strength": 1.0} | changes
    return order(source=png(source), mask=None if mask is None else png(mask), **changes)


def painted(pipeline: Pipeline, sample: Sample) -> Sample:
    while not sample.done:
        pipeline.step([sample])
    return sample


def finished(pipeline: Pipeline, asked: Generate) -> np.ndarray:
    pixels = finish(pipeline, painted(pipeline, pipeline.begin(asked, 0)))
    assert isinstance(pixels, np.ndarray)
    return pixels


@pytest.mark.parametrize("strength", [0.4, 0.6, 1.0])
@pytest.mark.parametrize("guidance", [0.0, 2.5])
def test_latents_equal_those_of_the_bare_pipeline(
    pipeline: Pipeline, bare: ZImagePipeline, strength: float, guidance: float
) -> None:
    published = ZImageInpaintPipeline(**bare.components)
    published.set_progress_bar_config(disable=True)
    theirs = published(
        wish().request.prompt,
        image=PHOTO,
        mask_image=ball(),
        strength=strength,
        num_inference_steps=8,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(7),
        output_type="latent",
    ).images

    ours = painted(pipeline, pipeline.begin(wish(mask=ball(), strength=strength, guidance=guidance), 0)).latent

    assert_same_latents(ours.squeeze(1)[None], theirs)


def kept_by(region: Region) -> np.ndarray:
    """What a person would say is not in that region."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    inside = {
        Region.LEFT: x < WIDTH / 2,
        Region.RIGHT: x >= WIDTH / 2,
        Region.TOP: y < HEIGHT / 2,
        Region.BOTTOM: y >= HEIGHT / 2,
        Region.CENTRE: (abs(x - WIDTH / 2 + 0.5) < WIDTH / 4) & (abs(y - HEIGHT / 2 + 0.5) < HEIGHT / 4),
    }
    return ~inside[region]


def test_outside_a_mask_the_picture_stays_as_it_is(pipeline: Pipeline) -> None:
    kept = np.asarray(ball()) < 128

    result = finished(pipeline, wish(mask=ball()))

    assert np.array_equal(result[kept], np.asarray(PHOTO)[kept])
    assert (result[~kept] != np.asarray(PHOTO)[~kept]).mean() > 0.9


@pytest.mark.parametrize("region", Region)
def test_outside_a_named_region_the_picture_stays_as_it_is(pipeline: Pipeline, region: Region) -> None:
    kept = kept_by(region)

    result = finished(pipeline, wish(region=region))

    assert np.array_equal(result[kept], np.asarray(PHOTO)[kept])
    assert (result[~kept] != np.asarray(PHOTO)[~kept]).mean() > 0.9


def test_a_picture_on_a_larger_canvas_stays_as_it_is(pipeline: Pipeline) -> None:
    margins = Margins(left=16, top=8, right=32, bottom=24)

    result = finished(pipeline, wish(width=WIDTH + 48, height=HEIGHT + 32, margins=margins))

    assert result.shape == (HEIGHT + 32, WIDTH + 48, 3)
    assert np.array_equal(result[8 : 8 + HEIGHT, 16 : 16 + WIDTH], np.asarray(PHOTO))


def test_what_is_solid_in_a_picture_with_holes_stays_as_it_is(pipeline: Pipeline) -> None:
    holed = PHOTO.convert("RGBA")
    holed.putalpha(ball().point(lambda level: 255 - level))
    kept = np.asarray(ball()) < 128

    result = finished(pipeline, wish(source=holed))

    assert np.array_equal(result[kept], np.asarray(PHOTO)[kept])


def test_a_picture_larger_by_a_few_pixels_is_cropped_and_not_scaled(pipeline: Pipeline) -> None:
    larger = Image.fromarray(np.random.default_rng(2).integers(0, 255, (HEIGHT + 11, WIDTH + 4, 3), dtype=np.uint8))

    result = finished(pipeline, wish(source=larger, region=Region.LEFT))

    assert np.array_equal(result[:, WIDTH // 2 :], np.asarray(larger)[5 : 5 + HEIGHT, 2 : 2 + WIDTH][:, WIDTH // 2 :])


def test_a_mask_follows_its_picture_when_that_is_scaled() -> None:
    canvas = lay_out(wish(source=PHOTO.resize((256, 384)), mask=ball()), NATIVE)

    expected = np.asarray(ball()) >= 128
    assert (canvas.paint != expected).mean() < 0.03


def test_a_mask_that_paints_nothing_is_refused() -> None:
    with pytest.raises(NothingToPaint):
        lay_out(wish(mask=Image.new("L", (WIDTH, HEIGHT))), NATIVE)


def test_a_line_thinner_than_the_latent_is_painted(pipeline: Pipeline) -> None:
    line = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(line).rectangle((0, 43, WIDTH, 44), fill=255)

    result = finished(pipeline, wish(mask=line))

    assert (result[43:45] != np.asarray(PHOTO)[43:45]).mean() > 0.9


def test_only_a_window_of_a_large_picture_is_painted(pipeline: Pipeline) -> None:
    large = Image.fromarray(np.random.default_rng(3).integers(0, 255, (128, 256, 3), dtype=np.uint8))
    asked = wish(source=large, mask=ball((256, 128), (200, 20, 230, 50)), width=256, height=128)

    sample = pipeline.begin(asked, 0)
    result = finish(pipeline, painted(pipeline, sample))

    assert sample.latent.shape[-1] * 8 < 256
    kept = np.asarray(ball((256, 128), (200, 20, 230, 50))) < 128
    assert np.array_equal(result[kept], np.asarray(large)[kept])
    assert pipeline.preview([sample])[0].shape == (16, 32, 3)


def test_the_new_begins_with_what_was_at_the_edge() -> None:
    y, x = np.mgrid[0:64, 0:64]
    source = Image.fromarray(np.stack([x * 2, y * 2, 128 + x], axis=-1).astype(np.uint8))
    canvas = lay_out(wish(source=source, width=128, height=64, margins=Margins(left=32, right=32)), NATIVE * 2)

    painted = np.where(canvas.paint[:, :, None], 255, canvas.pixels).astype(np.uint8)
    levels = canvas.composed(painted).astype(int)

    assert np.abs(np.diff(canvas.pixels.astype(int), axis=1)).max() <= 12  # no cliff for the VAE
    assert np.abs(np.diff(levels, axis=1)).max() <= 40  # nor for the eye, whatever is painted
    assert (levels[:, :20] == 255).all()


def test_an_outermost_pixel_that_is_off_draws_no_lines_into_the_new() -> None:
    source = np.full((64, 64, 3), 100, dtype=np.uint8)
    source[0], source[:, -1] = 60, 200
    canvas = lay_out(
        wish(
            source=Image.fromarray(source), width=128, height=128, margins=Margins(left=32, top=32, right=32, bottom=32)
        ),
        NATIVE * 4,
    )

    beyond = canvas.pixels.astype(int)

    assert np.abs(beyond[:24] - 100).max() <= 15
    assert np.abs(beyond[:, 104:] - 100).max() <= 15


def test_new_parts_are_free_the_earlier_the_farther_they_are_from_the_old() -> None:
    canvas = lay_out(wish(width=WIDTH + 128, margins=Margins(left=128)), NATIVE * 8)

    levels = canvas.free_below(8)[5]

    assert (levels[16:] == 0).all()  # the old is never free
    assert levels[11:16].flip(0).tolist() == pytest.approx(FREE_BELOW)
    assert (levels[:11] > 1).all()


def test_what_lies_under_a_mask_is_free_from_the_first_step() -> None:
    levels = lay_out(wish(region=Region.LEFT), NATIVE).free_below(8)

    assert (levels[:, : WIDTH // 16] > 1).all()
    assert (levels[:, WIDTH // 16 :] == 0).all()


def test_the_new_follows_where_the_vae_changed_the_colours_of_the_old() -> None:
    source = Image.new("RGB", (WIDTH, HEIGHT), (100, 120, 140))
    canvas = lay_out(wish(source=source, width=WIDTH + 64, margins=Margins(left=64)), NATIVE * 4)

    levels = canvas.composed(np.full((HEIGHT, WIDTH + 64, 3), (106, 120, 137), dtype=np.uint8)).astype(int)

    assert np.abs(np.diff(levels, axis=1)).max() <= 1  # no border where they meet
    assert np.array_equal(levels[5, 63], (100, 120, 140))
    assert np.array_equal(levels[5, 0], (106, 120, 137))


def test_orders_that_cannot_be_painted_in_part_fail_alone(pipeline: Pipeline) -> None:
    broken = order("broken", source=png(PHOTO), mask=b"no picture", kind=Kind.INPAINT, width=WIDTH, height=HEIGHT)
    empty = order("empty", source=png(PHOTO), kind=Kind.INPAINT, width=WIDTH, height=HEIGHT)
    whole = order(
        "whole", source=png(PHOTO), region=Region.LEFT, kind=Kind.INPAINT, width=WIDTH, height=HEIGHT, count=2
    )

    events = perform(pipeline, broken, empty, whole, order("text"))

    assert [event.code for event in of(events, Failed, "broken")] == ["bad-source"]
    assert [event.code for event in of(events, Failed, "empty")] == ["nothing-to-paint"]
    facts = [read_facts(event.png) for event in of(events, Finished, "whole")]
    assert [(fact.kind, fact.region, fact.composite) for fact in facts if fact] == [
        (Kind.INPAINT, Region.LEFT, True)
    ] * 2
    assert len(of(events, Finished, "text")) == 1


@given(
    width=st.integers(1, 40).map(lambda n: n * GRID),
    height=st.integers(1, 40).map(lambda n: n * GRID),
    native=st.integers(2, 16).map(lambda n: (n * GRID) ** 2),
    data=st.data(),
)
def test_a_window_holds_the_part_with_its_surroundings(
    width: int, height: int, native: int, data: st.DataObject
) -> None:
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))

    box = window(width, height, Box(x=left, y=top, width=right - left, height=bottom - top), native)

    assert (box.x % GRID, box.y % GRID, box.width % GRID, box.height % GRID) == (0, 0, 0, 0)
    assert 0 <= box.x <= max(0, left - CONTEXT)
    assert 0 <= box.y <= max(0, top - CONTEXT)
    assert min(width, right + CONTEXT) <= box.x + box.width <= width
    assert min(height, bottom + CONTEXT) <= box.y + box.height <= height
    most = (right - left + 2 * (CONTEXT + GRID)) * (bottom - top + 2 * (CONTEXT + GRID))
    assert box.width * box.height <= max(ROOM * native, most)


@pytest.mark.parametrize(("width", "height"), [(384, 256), (96, 64), (33, 250)])
def test_nothing_but_the_colours_of_a_picture_flows_into_what_is_transparent(width: int, height: int) -> None:
    layer = Image.new("RGBA", (width, height))
    layer.paste((200, 100, 40, 255), (0, 0, width // 3, height))

    levels = np.asarray(filled(layer)).astype(int)

    assert np.abs(levels - (200, 100, 40)).max() <= 2


def test_what_is_transparent_takes_the_colours_around_it() -> None:
    layer = Image.new("RGBA", (96, 64))
    layer.paste((200, 40, 40, 255), (0, 0, 32, 64))
    layer.paste((40, 40, 200, 255), (64, 0, 96, 64))

    levels = np.asarray(filled(layer))[32].astype(int)

    assert np.array_equal(levels[:32], np.full((32, 3), (200, 40, 40)))
    assert np.abs(levels[36] - (200, 40, 40)).max() < 60
    assert np.abs(levels[59] - (40, 40, 200)).max() < 60
