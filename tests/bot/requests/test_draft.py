"""A request with gaps becomes a complete request, or a refusal that says what is wrong."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from PIL import Image

from bot.jobs.errors import (
    EmptyPrompt,
    Invalid,
    NegativeWithoutGuidance,
    NotOffered,
    OutOfRange,
    PromptTooLong,
    SizeUnfit,
    StepsOverCeiling,
    StrengthWithoutImage,
    UnknownShape,
)
from bot.requests.defaults import PictureDefaults
from bot.requests.draft import RequestDraft, complete, fits, refitted
from bot.storage.blobs import UNSTORED
from protocol.card import Guidance, ModelCard, StepRange
from protocol.request import ImageRequest, Kind
from tests.support.fake_engine import CARD

PICTURE_DEFAULTS = PictureDefaults(shape="2:3", steps=None, guidance=3.0, count=2)


def composed(
    draft: RequestDraft, card: ModelCard = CARD, defaults: PictureDefaults = PICTURE_DEFAULTS, **pictures: bytes
) -> ImageRequest:
    """The request that is made of the draft and of these pictures."""
    draft = replace(draft, **dict.fromkeys(pictures, UNSTORED))
    request = complete(draft, card=card, defaults=defaults, most_steps=20, seed=99, pictures=pictures)
    fits(request, card=card, most_steps=20)
    return request


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("nothing", ["", " \n", "\u200b", "\u3164\u3164", "\u2800", "\ufe0f\u200d", "\u00ad \u2060"])
def test_words_of_which_nothing_can_be_seen_are_none(nothing: str) -> None:
    with pytest.raises(EmptyPrompt):
        composed(RequestDraft(prompt=nothing))
    assert composed(RequestDraft(prompt="a cat", negative=nothing)).negative == ""


@pytest.mark.parametrize("prompt", ["猫", "❤️", "👩‍🚀", "ﷺ", "!", "\ue000"])
def test_a_word_or_sign_that_can_be_seen_is_a_prompt(prompt: str) -> None:
    assert composed(RequestDraft(prompt=f" {prompt}\n")).prompt == prompt


def test_gaps_are_filled_by_the_tastes_and_the_model() -> None:
    request = composed(RequestDraft(prompt="  a star "))

    assert (request.prompt, request.shape, request.count, request.seed) == ("a star", "2:3", 2, 99)
    assert (request.width, request.height, request.steps, request.guidance) == (208, 320, 8, 0.0)
    assert (request.kind, request.source, request.strength) == (Kind.TEXT, None, 1.0)


def test_what_a_person_says_wins() -> None:
    request = composed(RequestDraft(prompt="x", shape="1:1", seed=2**32 - 1, count=4, steps=12, guidance=2.5))

    assert (request.shape, request.seed, request.count, request.steps, request.guidance) == (
        "1:1", 2**32 - 1, 4, 12, 2.5,
    )  # fmt: skip


def test_a_negative_prompt_turns_guidance_on_at_the_admins_value() -> None:
    request = composed(RequestDraft(prompt="x", negative="text"))

    assert request.guidance == 3.0
    assert request.forwards == 16


def test_guidance_is_the_models_own_where_nobody_says_otherwise() -> None:
    own = replace(PICTURE_DEFAULTS, guidance=None)
    base = msgspec.structs.replace(CARD, guidance=Guidance(default=4.0))
    turbo = msgspec.structs.replace(CARD, guidance=Guidance(negative=0.8))

    def guidance(card: ModelCard, defaults: PictureDefaults = own, **said: Any) -> float:
        return composed(RequestDraft(prompt="x", **said), card, defaults).guidance

    assert guidance(base) == guidance(base, negative="fog") == 4.0
    assert guidance(base, guidance=0) == 0.0
    assert guidance(base, PICTURE_DEFAULTS) == 3.0
    assert (guidance(turbo), guidance(turbo, negative="fog")) == (0.0, 0.8)


@pytest.mark.parametrize(
    ("draft", "refusal"),
    [
        (RequestDraft(prompt="  "), EmptyPrompt),
        (RequestDraft(prompt="x" * 2001), PromptTooLong),
        (RequestDraft(prompt="x", negative="y" * 2001), PromptTooLong),
        (RequestDraft(prompt="x", shape="heart"), UnknownShape),
        (RequestDraft(prompt="x", shape="0x64"), UnknownShape),
        (RequestDraft(prompt="x", shape="5:1"), SizeUnfit),
        (RequestDraft(prompt="x", shape="64x64"), SizeUnfit),
        (RequestDraft(prompt="x", shape="512x512"), SizeUnfit),
        (RequestDraft(prompt="x", shape="99999x1"), SizeUnfit),
        (RequestDraft(prompt="x", seed=-1), OutOfRange),
        (RequestDraft(prompt="x", seed=2**32), OutOfRange),
        (RequestDraft(prompt="x", count=0), OutOfRange),
        (RequestDraft(prompt="x", count=5), OutOfRange),
        (RequestDraft(prompt="x", steps=0), OutOfRange),
        (RequestDraft(prompt="x", steps=61), OutOfRange),
        (RequestDraft(prompt="x", steps=21), StepsOverCeiling),
        (RequestDraft(prompt="x", guidance=-0.5), OutOfRange),
        (RequestDraft(prompt="x", guidance=31), OutOfRange),
        (RequestDraft(prompt="x", negative="y", guidance=0), NegativeWithoutGuidance),
        (RequestDraft(prompt="x", strength=0.5), StrengthWithoutImage),
    ],
)
def test_a_wish_that_cannot_be_painted_is_refused(draft: RequestDraft, refusal: type[Invalid]) -> None:
    with pytest.raises(refusal):
        composed(draft)


def test_a_free_size_is_rounded_to_whole_tokens_and_kept_as_it_was_asked_for() -> None:
    request = composed(RequestDraft(prompt="x", shape="300x199"))

    assert (request.shape, request.width, request.height) == ("300x199", 304, 192)
    assert refitted(request, CARD) == request


def test_a_ratio_that_the_card_does_not_list_has_about_its_native_area() -> None:
    request = composed(RequestDraft(prompt="x", shape="5:4"))

    assert (request.shape, request.width, request.height) == ("5:4", 288, 224)


def test_a_default_that_another_model_left_is_passed_over() -> None:
    defaults = replace(PICTURE_DEFAULTS, shape="2048x2048")

    assert composed(RequestDraft(prompt="x"), defaults=defaults).shape == "1:1"


def test_a_picture_without_a_shape_takes_the_nearest_shape() -> None:
    draft = RequestDraft(prompt="x")

    assert composed(draft, source=png(700, 400)).shape == "16:9"
    assert composed(draft, source=png(400, 590)).shape == "2:3"
    assert composed(draft, source=png(400, 590)).strength == 0.6


@pytest.mark.parametrize("strength", [0.0, 1.1, -1])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(OutOfRange):
        composed(RequestDraft(prompt="x", strength=strength), source=png(8, 8))


def test_what_the_model_cannot_do_is_not_offered() -> None:
    plain = ModelCard(
        id="plain", name="Plain", shapes={"1:1": (64, 64)}, max_side=64, max_pixels=4096, native_pixels=4096,
        steps=StepRange(default=4, max=6), prompt_tokens=64, features=("text",),
    )  # fmt: skip

    with pytest.raises(NotOffered):
        composed(RequestDraft(prompt="x", guidance=2), card=plain)
    with pytest.raises(NotOffered):
        composed(RequestDraft(prompt="x"), card=plain, source=png(8, 8))
    assert composed(RequestDraft(prompt="x"), card=plain).shape == "1:1"


def test_default_steps_never_pass_the_model_or_the_ceiling() -> None:
    short = ModelCard(
        id="short", name="Short", shapes={"1:1": (64, 64)}, max_side=64, max_pixels=4096, native_pixels=4096,
        steps=StepRange(default=4, max=6), prompt_tokens=64, features=("text",),
    )  # fmt: skip

    request = composed(
        RequestDraft(prompt="x"),
        card=short,
        defaults=PictureDefaults(shape="1:1", steps=15, guidance=3.0, count=1),
    )

    assert request.steps == 6
