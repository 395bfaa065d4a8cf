"""What the trained model knows, told for its card from the word lists that it was trained with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from engine.training.subjects import phrases
from engine.training.subjects.book import DIGITS, HAN, LANDS, WORDS
from engine.training.subjects.scenes import COLOURS, SHAPES
from protocol.card import Knows, Vocabulary

# Looked at, each with several seeds, like whatever is asked for first: the best that the model does, with the seed of
# the picture that the gallery shows.
EXAMPLES_EN = {
    "a house on a meadow at sunset": 7,
    "a red star above a blue circle": 7,
    "a sailboat on the sea": 7,
    "a sign that says OK": 7,
    "a lighthouse by the sea at night": 7,
    "a mountain in the snow": 7,
    "a green heart": 7,
    "a tree on a meadow": 7,
}
EXAMPLES_ZH = {
    "傍晚草地上的房子": 7,
    "白色背景上的红色星星": 7,
    "大海上的帆船": 7,
    "写着福的牌子": 7,
    "夜晚海上的灯塔": 7,
    "雪山": 7,
    "一颗绿色的爱心": 7,
    "草地上的树": 7,
}
# Things of the picture book that come out by themselves. Others only do in a place, whose word is then in the prompt.
ALONE = ("mountain",)


def knows() -> Knows:
    """Words for what the picture shows, not for how it looks: a red car is no picture that the model can paint."""
    return Knows(en=_english(), zh=_chinese(), texts=(*WORDS, *DIGITS, *HAN))


def _english() -> Vocabulary:
    places = [phrases.LAND_EN[land][0] for land in LANDS]
    about = (
        f"{len(SHAPES)} shapes in {len(COLOURS)} colours, small scenes {', '.join(places[:-1])} or {places[-1]}, "
        "and signs with a short word"
    )
    said = [*_flat(phrases.SHAPE_EN), *_flat(phrases.LAND_EN), *_flat(phrases.ALONE_EN), phrases.BOARD_EN]
    said += [name for kind in ALONE for name in phrases.THING_EN[kind]]
    words = dict.fromkeys(word.removeprefix("a ").removeprefix("the ") for word in said)
    return Vocabulary(about=about, examples=tuple(EXAMPLES_EN), words=_shortest(words, within=_has_words))


def _chinese() -> Vocabulary:
    places = [_joined(phrases.LAND_ZH[land][0]) for land in LANDS]
    about = (
        f"{len(COLOURS)} 种颜色的 {len(SHAPES)} 种图形，{'、'.join(places[:-1])}和{places[-1]}的小风景，"
        "还有只写一两个字的牌子"
    )
    said = [*_flat(phrases.SHAPE_ZH), *_flat(phrases.ALONE_ZH), *phrases.BOARD_ZH]
    said += [place.split("|")[0] for place in _flat(phrases.LAND_ZH)]
    said += [name for kind in ALONE for name in phrases.THING_ZH[kind][1]]
    words = dict.fromkeys(map(_joined, said))
    return Vocabulary(about=about, examples=tuple(EXAMPLES_ZH), words=_shortest(words, within=str.__contains__))


def _flat(names: Mapping[str, Iterable[str]]) -> list[str]:
    return [name for several in names.values() for name in several]


def _joined(words: str) -> str:
    return words.replace("|", "")


def _shortest(words: Iterable[str], *, within: Callable[[str, str], bool]) -> tuple[str, ...]:
    """Without those in which a shorter one is found anyway."""
    given = tuple(words)
    return tuple(word for word in given if not any(other != word and within(word, other) for other in given))


def _has_words(phrase: str, words: str) -> bool:
    return f" {words} " in f" {phrase} "
