"""What the starter's card says of it comes from the words that it was trained with, and holds for what it paints."""

from __future__ import annotations

from random import Random

import pytest

from bot.requests.known_words import holds_known_word
from engine.training.export import STARTER
from engine.training.subjects import phrases
from engine.training.subjects.book import random_landscape, random_sign
from engine.training.subjects.knows import EXAMPLES_EN, EXAMPLES_ZH, knows
from engine.training.subjects.scenes import COLOURS, SHAPES, random_scene
from engine.worker.loading.cards import expected_card
from engine.worker.loading.sources import Beside


def test_the_card_of_the_starter_says_what_the_word_lists_say() -> None:
    card = expected_card("starter", device="cpu", beside=Beside())

    assert card is not None
    assert card.knows == knows()
    assert "星" in (STARTER / "zimagine.json").read_text("utf-8")  # to be read by people too


def test_numbers_and_places_are_those_of_the_lists() -> None:
    said = knows()

    assert f"{len(SHAPES)} shapes in {len(COLOURS)} colours" in said.en.about
    assert f"{len(COLOURS)} 种颜色的 {len(SHAPES)} 种图形" in said.zh.about
    assert "on a meadow, on the sea or in the snow" in said.en.about
    assert "草地上、海上和雪地里" in said.zh.about


def test_a_shape_that_is_trained_next_is_known_without_another_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(phrases.SHAPE_EN, "moon", ("crescent", "half moon"))
    monkeypatch.setitem(phrases.SHAPE_ZH, "moon", ("月牙",))

    said = knows()

    assert {"crescent", "half moon"} <= set(said.en.words)
    assert "月牙" in said.zh.words
    assert holds_known_word("a red crescent", said)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("held_out", [False, True])
def test_a_sentence_of_the_training_and_of_its_check_is_known(language: str, held_out: bool) -> None:
    rng, said = Random(5), knows()
    subjects = [make(rng) for make in (random_scene, random_landscape, random_sign) for _ in range(300)]

    prompts = [phrases.say(subject, rng, language=language, held_out=held_out) for subject in subjects]
    missed = [prompt for prompt in prompts if not holds_known_word(prompt, said)]

    assert len(missed) <= len(prompts) // 100, missed  # words that mean nothing, strewn into a phrase, tear it apart


@pytest.mark.parametrize("prompt", [*EXAMPLES_EN, *EXAMPLES_ZH, "5 red stars", 'write "OK"', "写“福”", "雪山"])
def test_examples_are_known(prompt: str) -> None:
    assert holds_known_word(prompt, knows())


@pytest.mark.parametrize(
    "prompt",
    ["a cat", "一只猫", "a tree", "a house", "a red car", "a dog on a beach", "a castle on a hill", "a rose", "红色",
     "big", 'write "hello"', "写“你好”", "a blue dragon", "一辆红色的汽车", "生日蛋糕", "on the left"],
)  # fmt: skip
def test_what_newcomers_type_and_it_cannot_paint_is_not_known(prompt: str) -> None:
    assert not holds_known_word(prompt, knows())
