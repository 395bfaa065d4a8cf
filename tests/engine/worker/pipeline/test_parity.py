"""The same picture as the bare diffusers pipelines paint, alone and in company."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from diffusers import ZImageImg2ImgPipeline, ZImagePipeline
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample
from protocol.messages import Generate
from protocol.request import Kind, Region
from tests.support.likeness import assert_same_latents, assert_same_pixels
from tests.support.orders import order
from tests.support.painting import finish

SOURCE = Image.fromarray(np.random.default_rng(1).integers(0, 255, (96, 64, 3), dtype=np.uint8))


def painted(pipeline: Pipeline, *samples: Sample) -> list[Sample]:
    """All samples to their last step, in one forward each time."""
    while not all(sample.done for sample in samples):
        pipeline.step([sample for sample in samples if not sample.done])
    return list(samples)


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("width", [64, 144])
@pytest.mark.parametrize("guidance", [0.0, 2.5])
@pytest.mark.parametrize("count", [1, 3])
def test_pictures_equal_those_of_the_bare_pipeline(
    pipeline: Pipeline, bare: ZImagePipeline, width: int, guidance: float, count: int
) -> None:
    wish = order(width=width, height=96, guidance=guidance, negative="grey", count=count)
    theirs = {
        kind: bare(
            wish.request.prompt,
            negative_prompt="grey",
            width=width,
            height=96,
            num_inference_steps=8,
            guidance_scale=guidance,
            num_images_per_prompt=count,
            generator=[torch.Generator().manual_seed(7 + k) for k in range(count)],
            output_type=kind,
        ).images
        for kind in ("latent", "pil")
    }

    samples = painted(pipeline, *(pipeline.begin(wish, k) for k in range(count)))

    for sample, latent, picture in zip(samples, theirs["latent"], theirs["pil"], strict=True):
        assert_same_latents(sample.latent.squeeze(1), latent)
        assert_same_pixels(finish(pipeline, sample), np.asarray(picture))


def test_what_a_preview_foretells_is_what_the_last_step_brings(pipeline: Pipeline) -> None:
    [sample] = painted(pipeline, pipeline.begin(order(width=64, height=96), 0))

    assert_same_latents(sample.estimate, sample.latent)


@pytest.mark.parametrize("strength", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("guidance", [0.0, 2.5])
def test_pictures_from_pictures_equal_those_of_the_bare_pipeline(
    pipeline: Pipeline, bare: ZImagePipeline, strength: float, guidance: float
) -> None:
    wish = order(
        width=64, height=96, guidance=guidance, kind=Kind.IMAGE, strength=strength, source=png(SOURCE), count=2
    )
    published = ZImageImg2ImgPipeline(**bare.components)
    published.set_progress_bar_config(disable=True)

    samples = painted(pipeline, *(pipeline.begin(wish, k) for k in range(2)))

    for k, sample in enumerate(samples):
        theirs = {
            kind: published(
                wish.request.prompt,
                image=SOURCE,
                strength=strength,
                num_inference_steps=8,
                guidance_scale=guidance,
                generator=torch.Generator().manual_seed(7 + k),
                output_type=kind,
            ).images[0]
            for kind in ("latent", "pil")
        }
        assert_same_latents(sample.latent.squeeze(1), theirs["latent"])
        assert_same_pixels(finish(pipeline, sample), np.asarray(theirs["pil"]))


WORDS = ("a cat", "a red star above a blue circle, " * 9, "x" * 400)
PHOTO = png(SOURCE)


def finished(pipeline: Pipeline, *companions: Sample, late: int = 0) -> list[tuple[torch.Tensor, np.ndarray]]:
    """Last latent and pixels of each; the last `late` of them board one step after the others."""
    riding: dict[int, Sample] = dict(enumerate(companions[: len(companions) - late]))
    results: dict[int, tuple[torch.Tensor, np.ndarray]] = {}
    while riding:
        pipeline.step(list(riding.values()))
        for seat, sample in list(riding.items()):
            if not sample.done:
                continue
            result = finish(pipeline, sample)
            if isinstance(result, Sample):
                riding[seat] = result
            else:
                results[seat] = (riding.pop(seat).latent, result)
        riding |= {len(companions) - late + n: one for n, one in enumerate(companions[len(companions) - late :])}
        late = 0
    return [results[seat] for seat in range(len(companions))]


SIDES = st.integers(1, 8).map(lambda n: 16 * n)
WISHES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(Kind),
        "width": SIDES,
        "height": SIDES,
        "steps": st.integers(1, 5),
        "strength": st.sampled_from([0.25, 0.6, 1.0]),
        "guidance": st.sampled_from([0.0, 3.0]),
        "prompt": st.sampled_from(WORDS),
        "negative": st.sampled_from(WORDS),
        "seed": st.integers(0, 2**32 - 1),
    }
).map(
    lambda wish: order(
        **wish,
        source=None if wish["kind"] is Kind.TEXT else PHOTO,
        region=Region.CENTRE if wish["kind"] is Kind.INPAINT else None,
    )
)


@settings(max_examples=15)
@given(wishes=st.lists(WISHES, min_size=2, max_size=5), late=st.integers(0, 2))
def test_a_picture_is_the_same_alone_and_in_any_company(pipeline: Pipeline, wishes: list[Generate], late: int) -> None:
    """Sizes, captions, guidance, steps, kinds and moments of boarding all differ, tiles of upscales included."""
    together = finished(pipeline, *(pipeline.begin(wish, 0) for wish in wishes), late=min(late, len(wishes) - 1))
    alone = [finished(pipeline, pipeline.begin(wish, 0))[0] for wish in wishes]

    for (latent, pixels), (latent_alone, pixels_alone) in zip(together, alone, strict=True):
        assert_same_latents(latent, latent_alone)
        assert_same_pixels(pixels, pixels_alone)


def test_the_same_request_gives_the_same_bytes_again(pipeline: Pipeline) -> None:
    first, second = (painted(pipeline, pipeline.begin(order(), 0))[0] for _ in range(2))

    assert torch.equal(first.latent, second.latent)
    assert np.array_equal(finish(pipeline, first), finish(pipeline, second))


def test_picture_k_has_the_seed_that_paints_it_alone(pipeline: Pipeline) -> None:
    third = painted(pipeline, pipeline.begin(order(seed=2**32 - 1, count=3), 2))[0]
    alone = painted(pipeline, pipeline.begin(order(seed=1), 0))[0]

    assert torch.equal(third.latent, alone.latent)
