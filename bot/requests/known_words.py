"""Whether a small model knows anything of a prompt: the words of its card, as people write them. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from protocol.card import Knows

_LETTER = r"[a-z0-9\u00df-\u024f]"  # of English, once case is folded; Chinese beside it separates like a space
_ENGLISH = re.compile(f"{_LETTER}+")
# Words within quotes are letters to paint, not things. A single mark beside a letter is an apostrophe.
_SINGLE = rf"(?<!{_LETTER})(?:‘[^‘’]*’|'[^']*')(?!{_LETTER})"
_QUOTED = re.compile(rf'"[^"]*"|“[^”]*”|「[^」]*」|『[^』]*』|{_SINGLE}', re.IGNORECASE)
_IRREGULAR = {"mice": "mouse", "geese": "goose", "children": "child", "people": "person", "feet": "foot",
              "teeth": "tooth", "oxen": "ox", "cacti": "cactus"}  # fmt: skip

Phrase = tuple[str, ...]


def holds_known_word(prompt: str, knows: Knows) -> bool:
    """Whether a word that the model knows occurs in a prompt of either language, or in quotes a text that it can write.

    English words are whole words, in the singular or plural. Chinese has no spaces: there any place will do, so that
    a short word is found in longer ones too.
    """
    written = _plain(prompt)
    quoted = [words[1:-1].strip() for words in _QUOTED.findall(written)]
    if quoted and any(_plain(text) in quoted for text in knows.texts):
        return True
    said = _QUOTED.sub(" ", written)
    if not re.search(r"\w", said):  # somebody put the whole prompt in quotes
        said = " ".join(quoted)
    said = said.casefold()
    if any(word in said for word in _chinese(knows.zh.words)):
        return True
    phrases, longest = _english(knows.en.words)
    return any(not phrases.isdisjoint(_numbers(phrase)) for phrase in _runs(_ENGLISH.findall(said), longest))


def _plain(text: str) -> str:
    """Letters and marks of full width as those of half."""
    return unicodedata.normalize("NFKC", text)


@lru_cache(maxsize=4)
def _chinese(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_plain(word).casefold() for word in words)


@lru_cache(maxsize=4)
def _english(words: tuple[str, ...]) -> tuple[frozenset[Phrase], int]:
    """Each word and phrase in all its numbers, and of how many words the longest consists."""
    phrases = [tuple(_ENGLISH.findall(_plain(word).casefold())) for word in words]
    known = frozenset(form for phrase in phrases if phrase for form in _numbers(phrase))
    return known, max(map(len, known), default=0)


def _runs(words: list[str], longest: int) -> Iterator[Phrase]:
    for start in range(len(words)):
        for end in range(start + 1, min(start + longest, len(words)) + 1):
            yield tuple(words[start:end])


def _numbers(phrase: Phrase) -> Iterator[Phrase]:
    """The phrase, and what it is in the singular where its last word may be a plural."""
    yield phrase
    for singular in _singulars(phrase[-1]):
        yield (*phrase[:-1], singular)


def _singulars(word: str) -> Iterator[str]:
    if word in _IRREGULAR:
        yield _IRREGULAR[word]
    elif word.endswith("men"):
        yield f"{word[:-3]}man"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        yield word[:-1]
        if word.endswith("ies"):
            yield f"{word[:-3]}y"
        elif word.endswith("ves"):
            yield from (f"{word[:-3]}f", f"{word[:-3]}fe")
        elif word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
            yield word[:-2]
