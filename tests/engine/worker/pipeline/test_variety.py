"""Variety: pictures of one prompt that differ more, or that stay near another one, from seeds alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.worker.pipeline import variety
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample
from protocol.request import VARY_STRONG, VARY_SUBTLE, Blend, Kind
from tests.support.orders import order, request


def stepped(pipeline: Pipeline, **changes: object) -> Sample:
    """A sample after its last step."""
    sample = pipeline.begin(order(**changes), 0)
    while not sample.done:
        pipeline.step([sample])
    return sample


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


def test_without_variety_and_blend_noise_and_words_are_those_of_the_seed_alone(pipeline: Pipeline) -> None:
    sample = pipeline.begin(order(seed=11), 0)

    own = torch.randn((1, 16, 8, 8), generator=torch.Generator().manual_seed(11))
    assert torch.equal(sample.latent, own[0].unsqueeze(1))
    assert sample.conditioning.early is sample.conditioning.caption
    assert torch.equal(sample.words, pipeline.embeddings.of(sample.request.prompt))


def test_variety_leaves_the_noise_as_it_is_and_moves_half_of_the_embedding(pipeline: Pipeline) -> None:
    plain, varied = pipeline.begin(order(seed=11), 0), pipeline.begin(order(seed=11, variety=0.5), 0)

    assert torch.equal(varied.latent, plain.latent)
    assert varied.words.shape == plain.conditioning.caption.shape
    assert 0.4 < float((varied.words != plain.conditioning.caption).float().mean()) < 0.6
    bound = 0.5 * pipeline.card.variety_reach * plain.conditioning.caption.std(dim=-1, keepdim=True)
    assert bool(((varied.words - plain.conditioning.caption).abs() <= bound + 1e-5).all())


def test_the_last_steps_follow_the_words_as_they_are(pipeline: Pipeline) -> None:
    sample = pipeline.begin(order(seed=11, variety=1.0), 0)

    seen = list[bool]()
    while not sample.done:
        seen.append(sample.words is sample.conditioning.caption)
        pipeline.step([sample])

    assert seen == [False, False, True, True, True, True, True, True]


def test_variety_is_decided_by_the_seed_and_grows_with_the_dial(pipeline: Pipeline) -> None:
    plain, little, much, again, other = (
        stepped(pipeline, seed=seed, variety=dial).latent
        for seed, dial in ((3, 0.0), (3, 0.3), (3, 1.0), (3, 0.3), (4, 0.3))
    )

    assert torch.equal(little, again)
    assert not torch.equal(little, other)
    assert 0 < distance(little, plain) < distance(much, plain)


def test_a_picture_with_variety_or_blend_is_the_same_in_any_company(pipeline: Pipeline) -> None:
    wishes = [
        order(seed=3, variety=0.7, count=2),
        order(seed=5, blend=Blend(seed=9, amount=0.8)),
        order(seed=3, prompt="a cat", guidance=2.0),
    ]
    together = [pipeline.begin(wish, 0) for wish in wishes]
    while not all(sample.done for sample in together):
        pipeline.step([sample for sample in together if not sample.done])

    for sample in together:
        alone = pipeline.begin(sample.order, 0)
        while not alone.done:
            pipeline.step([alone])
        assert distance(sample.latent, alone.latent) <= 1e-5


def test_the_whole_way_to_another_seed_paints_that_seeds_picture(pipeline: Pipeline) -> None:
    picture = stepped(pipeline, seed=9).latent

    there = stepped(pipeline, seed=5, blend=Blend(seed=9, amount=1.0)).latent

    assert distance(there, picture) <= 1e-4


def test_the_way_to_another_picture_from_the_same_source_is_the_way_to_its_noise(pipeline: Pipeline) -> None:
    photo = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(photo, "PNG")
    wish = {"kind": Kind.IMAGE, "strength": 0.6, "source": photo.getvalue()}
    picture, another = (stepped(pipeline, seed=seed, **wish).latent for seed in (9, 5))

    there = stepped(pipeline, seed=5, blend=Blend(seed=9, amount=1.0), **wish).latent

    # not the same to the last bit: the source was encoded with another draw
    assert distance(there, picture) < 0.2 < distance(another, picture)


def test_a_subtle_variation_is_nearer_than_a_strong_one_and_that_nearer_than_any_other_picture(
    pipeline: Pipeline,
) -> None:
    picture = stepped(pipeline, seed=9, variety=0.4).latent
    old = request(seed=9, variety=0.4)

    def apart(amount: float) -> float:
        wish = old.near(picture=9, seed=21, amount=amount)
        return distance(stepped(pipeline, seed=21, variety=0.4, blend=wish.blend).latent, picture)

    assert 0 < apart(VARY_SUBTLE) < apart(VARY_STRONG) < distance(stepped(pipeline, seed=21).latent, picture)


def test_a_variation_of_a_variation_stays_near_the_one_that_was_clicked(pipeline: Pipeline) -> None:
    first = request(seed=9).near(picture=9, seed=21, amount=VARY_STRONG)
    second = first.near(picture=21, seed=33, amount=VARY_SUBTLE)

    grandmother, mother, child = (
        stepped(pipeline, seed=wish.seed, blend=wish.blend).latent for wish in (request(seed=9), first, second)
    )

    assert second.blend == Blend(seed=21, amount=VARY_SUBTLE, toward=Blend(seed=9, amount=VARY_STRONG))
    assert distance(child, mother) < distance(child, grandmother)


def test_generations_of_variations_do_not_grow_a_request_without_end() -> None:
    wish = request(seed=1)

    for seed in range(2, 200):
        wish = wish.near(picture=wish.seed, seed=seed, amount=VARY_SUBTLE)

    assert wish.blend is not None
    assert wish.blend.generations <= 33


@given(amount=st.floats(0, 1), seeds=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)))
def test_noise_between_two_seeds_is_as_strong_as_noise(amount: float, seeds: tuple[int, int]) -> None:
    start, end = (torch.randn((1, 16, 8, 8), generator=torch.Generator().manual_seed(seed)) for seed in seeds)

    between = variety.slerp(start, end, amount)

    assert float(between.norm()) == pytest.approx(float(start.norm() + end.norm()) / 2, rel=0.15)
    assert torch.equal(between, variety.slerp(start, end, amount))
