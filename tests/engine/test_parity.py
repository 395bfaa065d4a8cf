"""The same picture as the bare diffusers pipelines paint, alone and in company."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from diffusers import ZImageImg2ImgPipeline, ZImagePipeline
from PIL import Image

from engine.protocol import Kind
from engine.worker.painter import Painter, Sample
from tests.support.orders import order

SOURCE = Image.fromarray(np.random.default_rng(1).integers(0, 255, (96, 64, 3), dtype=np.uint8))


def painted(painter: Painter, *samples: Sample) -> list[Sample]:
    """All samples to their last step, in one forward each time."""
    while not all(sample.done for sample in samples):
        painter.step([sample for sample in samples if not sample.done])
    return list(samples)


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def assert_same_pixels(ours: np.ndarray, theirs: np.ndarray) -> None:
    difference = np.abs(ours.astype(int) - theirs.astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 0.001


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("width", [64, 144])
@pytest.mark.parametrize("guidance", [0.0, 2.5])
@pytest.mark.parametrize("count", [1, 3])
def test_pictures_equal_those_of_the_bare_pipeline(
    painter: Painter, bare: ZImagePipeline, width: int, guidance: float, count: int
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

    samples = painted(painter, *(painter.begin(wish, k) for k in range(count)))

    for sample, latent, picture in zip(samples, theirs["latent"], theirs["pil"], strict=True):
        assert relative(sample.latent.squeeze(1), latent) <= 1e-5
        assert_same_pixels(painter.finish(sample), np.asarray(picture))


@pytest.mark.parametrize("strength", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("guidance", [0.0, 2.5])
def test_pictures_from_pictures_equal_those_of_the_bare_pipeline(
    painter: Painter, bare: ZImagePipeline, strength: float, guidance: float
) -> None:
    wish = order(
        width=64, height=96, guidance=guidance, kind=Kind.IMAGE, strength=strength, source=png(SOURCE), count=2
    )
    pipeline = ZImageImg2ImgPipeline(**bare.components)
    pipeline.set_progress_bar_config(disable=True)

    samples = painted(painter, *(painter.begin(wish, k) for k in range(2)))

    for k, sample in enumerate(samples):
        theirs = {
            kind: pipeline(
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
        assert relative(sample.latent.squeeze(1), theirs["latent"]) <= 1e-5
        assert_same_pixels(painter.finish(sample), np.asarray(theirs["pil"]))


def test_a_picture_is_the_same_alone_and_in_any_company(painter: Painter) -> None:
    def company() -> list[Sample]:
        return [
            painter.begin(order(width=80, height=112, steps=6), 0),
            painter.begin(order(prompt="a cat, " * 9, guidance=3.0, steps=4, seed=2**32 - 1, count=2), 1),
            painter.begin(order(kind=Kind.IMAGE, strength=0.6, source=png(SOURCE)), 0),
        ]

    together = company()
    painter.step(together[:1])  # the others board one step later
    painted(painter, *together)
    alone = [painted(painter, sample)[0] for sample in company()]

    for one, other in zip(together, alone, strict=True):
        assert relative(one.latent, other.latent) <= 1e-5
        assert_same_pixels(painter.finish(one), painter.finish(other))


def test_the_same_request_gives_the_same_bytes_again(painter: Painter) -> None:
    first, second = (painted(painter, painter.begin(order(), 0))[0] for _ in range(2))

    assert torch.equal(first.latent, second.latent)
    assert np.array_equal(painter.finish(first), painter.finish(second))


def test_picture_k_has_the_seed_that_paints_it_alone(painter: Painter) -> None:
    third = painted(painter, painter.begin(order(seed=2**32 - 1, count=3), 2))[0]
    alone = painted(painter, painter.begin(order(seed=1), 0))[0]

    assert torch.equal(third.latent, alone.latent)
