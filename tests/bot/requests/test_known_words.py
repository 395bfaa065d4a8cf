"""A small model knows a word of a prompt as people write it: plurals, punctuation, quotes, two languages."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.requests.known_words import holds_known_word
from protocol.card import MOST_WORDS, Knows, Vocabulary

SMALL = Knows(
    en=Vocabulary(
        about="some things",
        examples=("a cat", "a star"),
        words=("cat", "box", "berry", "wolf", "knife", "horse", "potato", "glass", "bus", "mouse", "snowman",
               "flowers", "hot air balloon", "T-shirt", "bee", "note", "Café"),
    ),
    zh=Vocabulary(about="一些东西", examples=("猫", "星"), words=("猫", "热气球", "T恤", "消防车")),
    texts=("HI", "7", "福", "你好！"),
)  # fmt: skip

AROUND = st.text(alphabet=st.sampled_from(" .,;:!?…，。！？、()（）-—/*_~\n\t"), max_size=6)
NUMBERS = [
    ("cat", "cats"), ("box", "boxes"), ("berry", "berries"), ("wolf", "wolves"), ("knife", "knives"),
    ("horse", "horses"), ("potato", "potatoes"), ("glass", "glasses"), ("bus", "buses"), ("mouse", "mice"),
    ("snowman", "snowmen"), ("flower", "flowers"), ("hot air balloon", "hot air balloons"), ("T-shirt", "T-shirts"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "several"), NUMBERS)
def test_a_thing_is_known_in_the_singular_and_the_plural(one: str, several: str) -> None:
    assert holds_known_word(f"a {one}", SMALL)
    assert holds_known_word(f"two {several} in the sun", SMALL)


@given(before=AROUND, after=AROUND, word=st.sampled_from([word for pair in NUMBERS for word in pair]), data=st.data())
def test_case_and_what_stands_around_a_word_do_not_matter(
    before: str, after: str, word: str, data: st.DataObject
) -> None:
    typed = "".join(data.draw(st.sampled_from([letter.lower(), letter.upper()])) for letter in word)

    assert holds_known_word(f"{before}{typed}{after}", SMALL)
    assert holds_known_word(f"画{before}{typed}{after}吧", SMALL)


@given(prompt=st.text(max_size=60), word=st.sampled_from(SMALL.zh.words))
def test_a_chinese_word_is_known_wherever_it_stands(prompt: str, word: str) -> None:
    unquoted = "".join(letter for letter in prompt if letter not in "\"'“”‘’「」『』＂＇")

    assert holds_known_word(f"{unquoted}\n{word}{unquoted}", SMALL)


@pytest.mark.parametrize(
    "prompt",
    ["", "a dog", "category", "concatenate", "scat", "to be or not to be", "hot air", "an air balloon, hot", "this",
     "一只狗", "热气", "气球", "消防", "🎈", "кот", "hi", "7 dwarfs", "a HI-fi", "幸福", "shirt", "T 恤衫"],
)  # fmt: skip
def test_a_part_of_a_word_or_phrase_is_not_that_word(prompt: str) -> None:
    assert not holds_known_word(prompt, SMALL)


@pytest.mark.parametrize(
    "prompt",
    ["the cat's whiskers", "CAT,", "a black-cat", "画一只cat", "ｃａｔ", "穿T恤的人", "一辆消防车", "一个cats",
     "a café", "dogs' ears and cats' tails", "it's a cat, isn't it"],
)  # fmt: skip
def test_a_known_word_is_found_as_people_write_it(prompt: str) -> None:
    assert holds_known_word(prompt, SMALL)


@pytest.mark.parametrize(
    ("opening", "closing"), [('"', '"'), ("“", "”"), ("「", "」"), ("『", "』"), ("'", "'"), ("‘", "’"), ("＂", "＂")]
)
def test_what_stands_in_quotes_is_written_and_not_painted(opening: str, closing: str) -> None:
    def quoted(words: str) -> str:
        return f"write {opening}{words}{closing}"

    assert not holds_known_word(quoted("cat"), SMALL)
    assert not holds_known_word(quoted("猫"), SMALL)
    assert holds_known_word(f"{quoted('dog')} under a cat", SMALL)
    for text in SMALL.texts:
        assert holds_known_word(quoted(text), SMALL)
        assert holds_known_word(f"写{opening}{text}{closing}", SMALL)
    assert not holds_known_word(f"写{opening}猫{closing}吧", SMALL)
    assert not holds_known_word(quoted("hi"), SMALL)  # small letters are others to write
    assert holds_known_word(f"{opening}a cat{closing}", SMALL)  # all of it in quotes: then it is what to paint


@given(prompt=st.text(max_size=200))
def test_any_text_gets_an_answer_and_a_model_without_words_knows_nothing_of_it(prompt: str) -> None:
    empty = msgspec.structs.replace(SMALL.en, words=()), msgspec.structs.replace(SMALL.zh, words=())

    assert holds_known_word(prompt, SMALL) in (True, False)
    assert not holds_known_word(prompt, Knows(en=empty[0], zh=empty[1]))


def test_one_of_thousands_of_words_is_found_and_what_only_resembles_them_is_not() -> None:
    english = tuple(f"some thing {n}" for n in range(MOST_WORDS))
    many = msgspec.structs.replace(
        SMALL,
        en=msgspec.structs.replace(SMALL.en, words=english),
        zh=msgspec.structs.replace(SMALL.zh, words=tuple(f"东西{n}" for n in range(MOST_WORDS))),
    )
    longest = ("some thing 东西 " * 200)[:1900]

    assert not holds_known_word(longest, many)
    assert holds_known_word(f"{longest} some thing 3199", many)
    assert holds_known_word(f"{longest} 东西3199", many)
