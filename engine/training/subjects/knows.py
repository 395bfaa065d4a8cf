"""What the trained model knows, told for its card from the word lists that it was trained with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from engine.training.subjects import phrases, places, stage_phrases
from engine.training.subjects.book import sign_texts
from engine.training.subjects.common import COMMON
from engine.training.subjects.scenes import COLOURS, SHAPES
from protocol.card import Knows, Vocabulary

# Looked at, each with several seeds, like whatever is asked for first: the best that the model does, with the seed of
# the picture that the gallery shows.
EXAMPLES_EN = {
    "a house by the sea": 2,
    "a red car": 5,
    "a fox in the snow": 1,
    "a rocket in space": 7,
    "a castle on a meadow": 11,
    "a robot": 12,
    "a sailboat on the sea at sunset": 7,
    "a sign that says OK": 11,
}
EXAMPLES_ZH = {
    "狐狸在雪地里": 1,
    "红色的苹果": 7,
    "太空中的火箭": 7,
    "写着“福”的红色牌子": 11,
    "傍晚草地上的房子": 7,
    "雪地里的圣诞老人": 7,
    "大海上的帆船": 7,
    "西瓜": 7,
}
THINGS = 800  # at least, that come out right when they are asked for by name, of the 900 that it was taught
UNREADABLE = {"WELCOME", "HELLO", "HOME", "CAFE", "FUN", "SALE", "Q"}  # texts of the training that it spells wrong


def knows() -> Knows:
    """Words for what the picture shows, not for how it looks; of the things the commonest, which people ask for."""
    texts = tuple(text for text in sign_texts() if text not in UNREADABLE)
    return Knows(en=_english(), zh=_chinese(), texts=texts)


def _english() -> Vocabulary:
    about = (
        f"about {THINGS} things by name, in {len(places.PLACES)} places by day and at night, {len(SHAPES)} shapes in "
        f"{len(COLOURS)} colours, and signs with a letter or a short word"
    )
    said = [*_flat(phrases.SHAPE_EN), *_flat(stage_phrases.PLACE_EN), *stage_phrases.ALONE_EN.values()]
    said += [phrases.BOARD_EN, *(name for row in COMMON.values() for name in row.english)]
    articles = ("a ", "an ", "the ")
    words = dict.fromkeys(next((word[len(one) :] for one in articles if word.startswith(one)), word) for word in said)
    return Vocabulary(about=about, examples=tuple(EXAMPLES_EN), words=_shortest(words, within=_has_words))


def _chinese() -> Vocabulary:
    about = (
        f"大约 {THINGS} 种叫得出名字的东西、{len(places.PLACES)} 种白天和夜晚的场景、{len(COLOURS)} 种颜色的 "
        f"{len(SHAPES)} 种图形，还有只写一两个字的牌子"
    )
    said = [*_flat(phrases.SHAPE_ZH), *stage_phrases.ALONE_ZH.values(), *phrases.BOARD_ZH]
    said += [place.split("|")[0] for place in _flat(stage_phrases.PLACE_ZH)]
    said += [name for row in COMMON.values() for name in row.chinese]
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
