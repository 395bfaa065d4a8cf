"""Whoever asks a small model for something that it does not know is told kindly what it does."""

from __future__ import annotations

import msgspec
import pytest

from protocol.card import Knows, Vocabulary
from tests.story.studio import Studio, Visitor, words
from tests.support.fake_engine import CARD

SMALL = msgspec.structs.replace(
    CARD,
    id="small-1",
    knows=Knows(
        en=Vocabulary(about="stars and signs", examples=("a red star", "a sign"), words=("star", "sign")),
        zh=Vocabulary(about="星星和牌子", examples=("红色的星星", "牌子"), words=("星星", "牌子")),
        texts=("OK",),
    ),
)
ENGLISH, CHINESE = "This small model knows stars and signs", "这个小模型会画的有：星星和牌子"


@pytest.fixture
async def small_studio(empty_studio: Studio) -> Studio:
    """Whose engine has a small model."""
    await empty_studio.open_bot()
    await empty_studio.open_engine(card=SMALL)
    return empty_studio


@pytest.mark.usefixtures("small_studio")
async def test_a_prompt_without_a_known_word_is_painted_and_says_what_the_model_knows_in_its_persons_language(
    mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/imagine prompt:a cat")
    english = await mia.sees_pictures()
    await bao.say("/画图 提示词:一只猫")
    chinese = await bao.sees_pictures(more_than=1)

    assert ENGLISH in words(english)
    assert CHINESE in words(chinese)
    assert ENGLISH not in words(chinese)


@pytest.mark.usefixtures("small_studio")
async def test_a_prompt_with_a_known_word_says_nothing_of_it(mia: Visitor) -> None:
    for count, prompt in enumerate(("two Stars, please", "画一颗星星", 'write "OK"')):
        await mia.say(f"/imagine prompt:{prompt}")
        assert "small model" not in words(await mia.sees_pictures(more_than=count))


@pytest.mark.usefixtures("small_studio")
async def test_a_reroll_says_it_again_and_a_variation_does_not(mia: Visitor) -> None:
    await mia.say("/imagine prompt:a cat")
    first = await mia.sees_pictures()

    await mia.click("Reroll", on=first)
    rerolled = await mia.sees_pictures(more_than=1)
    await mia.click("Vary", on=first)
    varied = await mia.sees_pictures(more_than=2)

    assert ENGLISH in words(rerolled)
    assert ENGLISH not in words(varied)


async def test_help_says_it_too_also_after_a_restart_before_any_engine_is_back(
    small_studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/help")
    await mia.is_told(ENGLISH)

    await small_studio.close_engine()
    await small_studio.restart_bot()
    await bao.say("/帮助")

    await bao.is_told(CHINESE)


async def test_a_model_that_paints_anything_says_nothing_of_what_it_knows(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a cat")
    done = await mia.sees_pictures()
    await mia.say("/help")
    await mia.is_told("Painting with words")

    assert "small model" not in words(done)
    assert "small model" not in "".join(map(words, await mia.messages()))
