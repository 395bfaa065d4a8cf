"""A wish with gaps becomes a complete request, or a refusal that says what is wrong."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bot.jobs.errors import (
    EmptyPrompt,
    Invalid,
    NegativeWithoutGuidance,
    NotOffered,
    OutOfRange,
    PromptTooLong,
    StepsOverCeiling,
    StrengthWithoutImage,
    UnknownShape,
)
from bot.requests.defaults import Tastes
from bot.requests.wish import Wish, complete
from protocol.card import ModelCard, StepRange
from protocol.request import ImageRequest, Kind
from tests.support.fake_engine import CARD

TASTES = Tastes(shape="2:3", steps=None, guidance=3.0, count=2)


def composed(wish: Wish, card: ModelCard = CARD, tastes: Tastes = TASTES, source: str | None = None) -> ImageRequest:
    return complete(wish, card=card, tastes=tastes, most_steps=20, seed=99, source=source)


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return file.getvalue()


def test_gaps_are_filled_by_the_tastes_and_the_model() -> None:
    request = composed(Wish(prompt="  a star "))

    assert (request.prompt, request.shape, request.count, request.seed) == ("a star", "2:3", 2, 99)
    assert (request.width, request.height, request.steps, request.guidance) == (208, 320, 8, 0.0)
    assert (request.kind, request.source, request.strength) == (Kind.TEXT, None, 1.0)


def test_what_a_person_says_wins() -> None:
    request = composed(Wish(prompt="x", shape="1:1", seed=2**32 - 1, count=4, steps=12, guidance=2.5))

    assert (request.shape, request.seed, request.count, request.steps, request.guidance) == (
        "1:1", 2**32 - 1, 4, 12, 2.5,
    )  # fmt: skip


def test_a_negative_prompt_turns_guidance_on_at_the_admins_value() -> None:
    request = composed(Wish(prompt="x", negative="text"))

    assert request.guidance == 3.0
    assert request.forwards == 16


@pytest.mark.parametrize(
    ("wish", "refusal"),
    [
        (Wish(prompt="  "), EmptyPrompt),
        (Wish(prompt="x" * 2001), PromptTooLong),
        (Wish(prompt="x", negative="y" * 2001), PromptTooLong),
        (Wish(prompt="x", shape="5:1"), UnknownShape),
        (Wish(prompt="x", seed=-1), OutOfRange),
        (Wish(prompt="x", seed=2**32), OutOfRange),
        (Wish(prompt="x", count=0), OutOfRange),
        (Wish(prompt="x", count=5), OutOfRange),
        (Wish(prompt="x", steps=0), OutOfRange),
        (Wish(prompt="x", steps=61), OutOfRange),
        (Wish(prompt="x", steps=21), StepsOverCeiling),
        (Wish(prompt="x", guidance=-0.5), OutOfRange),
        (Wish(prompt="x", guidance=31), OutOfRange),
        (Wish(prompt="x", negative="y", guidance=0), NegativeWithoutGuidance),
        (Wish(prompt="x", strength=0.5), StrengthWithoutImage),
    ],
)
def test_a_wish_that_cannot_be_painted_is_refused(wish: Wish, refusal: type[Invalid]) -> None:
    with pytest.raises(refusal):
        composed(wish)


def test_a_picture_without_a_shape_takes_the_nearest_shape() -> None:
    wide, tall = Wish(prompt="x", source=png(700, 400)), Wish(prompt="x", source=png(400, 590))

    assert composed(wide, source="a" * 64).shape == "16:9"
    assert composed(tall, source="a" * 64).shape == "2:3"
    assert composed(tall, source="a" * 64).strength == 0.6


@pytest.mark.parametrize("strength", [0.0, 1.1, -1])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(OutOfRange):
        composed(Wish(prompt="x", source=png(8, 8), strength=strength), source="a" * 64)


def test_what_the_model_cannot_do_is_not_offered() -> None:
    plain = ModelCard(
        id="plain", name="Plain", shapes={"1:1": (64, 64)}, max_side=64, max_pixels=4096, native_pixels=4096,
        steps=StepRange(default=4, max=6), prompt_tokens=64, features=("text",),
    )  # fmt: skip

    with pytest.raises(NotOffered):
        composed(Wish(prompt="x", guidance=2), card=plain)
    with pytest.raises(NotOffered):
        composed(Wish(prompt="x", source=png(8, 8)), card=plain, source="a" * 64)
    assert composed(Wish(prompt="x"), card=plain).shape == "1:1"


def test_default_steps_never_pass_the_model_or_the_ceiling() -> None:
    short = ModelCard(
        id="short", name="Short", shapes={"1:1": (64, 64)}, max_side=64, max_pixels=4096, native_pixels=4096,
        steps=StepRange(default=4, max=6), prompt_tokens=64, features=("text",),
    )  # fmt: skip

    request = composed(Wish(prompt="x"), card=short, tastes=Tastes(shape="1:1", steps=15, guidance=3.0, count=1))

    assert request.steps == 6
