"""What the starter's card says of it comes from the words that it was trained with, and holds for what it paints."""

from __future__ import annotations

from random import Random

import pytest

from bot.requests.known_words import holds_known_word
from engine.training.export import STARTER
from engine.training.subjects import phrases
from engine.training.subjects.book import Sign, random_sign
from engine.training.subjects.common import COMMON, Row
from engine.training.subjects.knows import EXAMPLES_EN, EXAMPLES_ZH, THINGS, knows
from engine.training.subjects.places import PLACES
from engine.training.subjects.scenes import COLOURS, SHAPES, random_scene
from engine.worker.loading.cards import expected_card
from engine.worker.loading.sources import Beside


def test_the_card_of_the_starter_says_what_the_word_lists_say() -> None:
    card = expected_card("starter", device="cpu", beside=Beside())

    assert card is not None
    assert card.knows == knows()
    assert "星" in (STARTER / "zimagine.json").read_text("utf-8")  # to be read by people too


def test_numbers_are_those_of_the_lists() -> None:
    said = knows()

    assert f"{len(SHAPES)} shapes in {len(COLOURS)} colours" in said.en.about
    assert f"{len(COLOURS)} 种颜色的 {len(SHAPES)} 种图形" in said.zh.about
    assert f"{len(PLACES)} places" in said.en.about
    assert f"{len(PLACES)} 种白天和夜晚的场景" in said.zh.about
    assert str(THINGS) in said.en.about
    assert str(THINGS) in said.zh.about


def test_a_shape_that_is_trained_next_is_known_without_another_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(phrases.SHAPE_EN, "heptagon", ("heptagon", "seven-sided shape"))
    monkeypatch.setitem(phrases.SHAPE_ZH, "heptagon", ("七边形",))

    said = knows()

    assert {"heptagon", "seven-sided shape"} <= set(said.en.words)
    assert "七边形" in said.zh.words
    assert holds_known_word("a red heptagon", said)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("held_out", [False, True])
def test_a_sentence_of_the_training_and_of_its_check_is_known(language: str, held_out: bool) -> None:
    rng, said = Random(5), knows()
    subjects = [make(rng) for make in (random_scene, random_sign) for _ in range(300)]
    subjects = [one for one in subjects if not isinstance(one, Sign) or one.text in said.texts]

    prompts = [phrases.say(subject, rng, language=language, held_out=held_out) for subject in subjects]
    missed = [prompt for prompt in prompts if not holds_known_word(prompt, said)]

    assert len(missed) <= len(prompts) // 100, missed  # words that mean nothing, strewn into a phrase, tear it apart


@pytest.mark.parametrize("row", COMMON.values(), ids=lambda row: row.english[0])
def test_the_commonest_things_are_known_by_each_of_their_names(row: Row) -> None:
    said = knows()

    assert all(holds_known_word(f"please paint {name} for me", said) for name in row.english)
    assert all(holds_known_word(f"请画一个{name}", said) for name in row.chinese)


@pytest.mark.parametrize("prompt", [*EXAMPLES_EN, *EXAMPLES_ZH, "5 red stars", 'write "OK"', "写“福”", "雪山"])
def test_examples_are_known(prompt: str) -> None:
    assert holds_known_word(prompt, knows())


@pytest.mark.parametrize(
    "prompt",
    ["the Eiffel Tower", "a Ferrari", "mona lisa", "abstract art", "a portrait of an old fisherman, oil painting",
     "孙悟空", "长城", "古风少年", "江南水乡", "哆啦A梦", "李白喝酒", "红色", "big", 'write "hello"', 'write "Q"',
     "写“谢谢”", "on the left"],
)  # fmt: skip
def test_what_newcomers_type_and_it_cannot_paint_is_not_known(prompt: str) -> None:
    assert not holds_known_word(prompt, knows())
