"""What /imagine can be asked, and how it reaches the request and the list of commands."""

from __future__ import annotations

from dataclasses import fields

import msgspec
import pytest

from bot.jobs.errors import NotOffered
from bot.requests.defaults import PictureDefaults
from bot.requests.draft import AS_SAID, complete
from cogs.options import Asked
from protocol.request import FEATURES, Feature
from tests.support.fake_engine import CARD

OPTIONS = {field.name for field in fields(Asked)}


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_what_needs_a_feature_is_an_option(feature: Feature) -> None:
    assert set(feature.options) <= OPTIONS


@pytest.mark.parametrize("name", AS_SAID)
def test_an_option_that_needs_no_rule_reaches_the_request_by_its_name_alone(name: str) -> None:
    assert name in OPTIONS
    draft = Asked(prompt="a star", **{name: True}).draft(CARD)

    request = complete(
        draft,
        card=CARD,
        defaults=PictureDefaults(shape="1:1", steps=None, guidance=3.0, count=1),
        most_steps=20,
        seed=7,
    )

    assert getattr(request, name) is True


@pytest.mark.parametrize(
    "words", ["a cat style:anime", "a cat style: anime", "一只猫 风格：水墨", "Style: anime, a cat"]
)
def test_an_option_that_the_model_lacks_is_refused_though_it_comes_as_a_part_of_the_prompt(words: str) -> None:
    card = msgspec.structs.replace(CARD, features=tuple(name for name in CARD.features if name != "style"))

    with pytest.raises(NotOffered) as refused:
        Asked(prompt=words).draft(card)

    assert refused.value.arguments == {"feature": "style"}
    assert Asked(prompt=words).draft(CARD).prompt == words


@pytest.mark.parametrize("words", ["a freestyle:x cat", "in the style of Monet", "a sign that says style:", "风格"])
def test_words_that_only_look_like_such_an_option_are_painted(words: str) -> None:
    card = msgspec.structs.replace(CARD, features=("text",))

    assert Asked(prompt=words).draft(card).prompt == words
