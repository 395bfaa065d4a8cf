"""Scenes draw what they say, the checker can tell, and captions exist in both languages."""

import itertools
from dataclasses import replace
from random import Random

import pytest

from engine.training.check.measure import judge
from engine.training.check.reading import read
from engine.training.latents import picture
from engine.training.subjects import book, phrases
from engine.training.subjects.scenes import COLOURS, SHAPES, draw, is_held_out, random_scene

SIZES = [(256, 256), (208, 320), (336, 192)]


@pytest.mark.parametrize("held_out", [False, True])
def test_every_drawn_scene_passes_the_checker(held_out: bool) -> None:
    rng = Random(4)

    scenes = [random_scene(rng, held_out=held_out) for _ in range(120)]
    verdicts = [judge(draw(scene, *SIZES[i % 3], rng), scene) for i, scene in enumerate(scenes)]

    assert all(verdict.right for verdict in verdicts)


def test_the_checker_refuses_pictures_of_other_scenes() -> None:
    rng = Random(5)

    scenes = [random_scene(rng) for _ in range(60)]
    verdicts = [judge(draw(scene, 256, 256, rng), other) for scene, other in itertools.pairwise(scenes)]

    assert sum(verdict.right for verdict in verdicts) <= 1
    assert sum(all(verdict.shapes) for verdict in verdicts) < 10


def test_every_drawn_sign_is_read_and_an_empty_board_is_not() -> None:
    rng = Random(8)

    signs = [book.random_sign(rng) for _ in range(60)]
    texts = [read(book.draw_sign(sign, *SIZES[i % 3], rng), sign) for i, sign in enumerate(signs)]
    empty = [read(book.draw_sign(replace(sign, text=""), *SIZES[i % 3], rng), sign) for i, sign in enumerate(signs)]

    assert texts == [sign.text for sign in signs]
    assert empty == [""] * 60


def test_training_never_draws_a_held_out_combination() -> None:
    rng = Random(6)

    seen = {(item.colour, item.shape) for _ in range(3000) for item in random_scene(rng).items}

    assert not any(is_held_out(colour, shape) for colour, shape in seen)
    assert len(seen) == len(COLOURS) * len(SHAPES) - len(COLOURS)


def test_every_scene_can_be_said_in_both_languages() -> None:
    rng = Random(7)

    pairs = [
        (phrases.say(scene, rng, language="en"), phrases.say(scene, rng, language="zh"))
        for make in (random_scene, book.random_landscape, book.random_sign)
        for scene in [make(rng) for _ in range(200)]
    ]

    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in chinese) for _, chinese in pairs)
    assert all("|" not in english + chinese for english, chinese in pairs)
    assert len({english for english, _ in pairs}) > 590


def test_held_out_sentences_do_not_occur_in_training() -> None:
    marks = ("could you put", "card showing", "located", "goes a", "麻烦", "整张", "卡片", "能不能")
    rng = Random(8)

    scenes = [random_scene(rng) for _ in range(1500)]
    said = [phrases.say(scene, rng, language=language) for scene in scenes for language in ("en", "zh")]
    unseen = [
        phrases.say(scene, rng, language=language, held_out=True) for scene in scenes[:200] for language in ("en", "zh")
    ]

    assert not any(mark in text for text in said for mark in marks)
    assert all(any(mark in text for mark in marks) or "my wish" in text or " goes " in text or "two things" in text
               for text in unseen)  # fmt: skip


def test_a_training_picture_is_the_same_every_time() -> None:
    first, second = picture(112, 160, 12), picture(112, 160, 12)

    assert first.tobytes() == second.tobytes()
    assert first.size == (112, 160)


def test_landscapes_and_signs_fill_every_size() -> None:
    rng = Random(9)

    for width, height in SIZES:
        view = book.draw_landscape(book.random_landscape(rng), width, height, rng)
        sign = book.draw_sign(book.random_sign(rng), width, height, rng)
        assert view.size == sign.size == (width, height)
        assert len(view.getcolors(width * height) or []) > 50
