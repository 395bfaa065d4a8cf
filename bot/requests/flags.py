"""Options that people type into the prompt, as they do elsewhere: `a cat --ar 3:2 --no fog`. Pure.

A flag begins with two hyphens, or with the dash that a phone or a Chinese keyboard makes of them. What stands between
quotation marks is to be written in the picture, and is left alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from types import MappingProxyType
from typing import Any

from bot.jobs.errors import FlagContradicts, FlagNeedsNumber, FlagNeedsWords, FlagTwice, UnknownFlag
from bot.requests import loras
from bot.requests.draft import AS_SAID, RequestDraft
from protocol.request import ImageRequest, Lora

Value = Any  # of a field of a draft, or of one that is taken over as it was said
Read = Callable[["Flag", str], Value]


def _whole(flag: Flag, said: str) -> int:
    _words(flag, said)
    if not re.fullmatch(r"[+-]?\d{1,12}", said):
        raise FlagNeedsNumber(flag=flag.shown, value=said)
    return int(said)


def _number(flag: Flag, said: str) -> float:
    _words(flag, said)
    if not re.fullmatch(r"[+-]?(\d{1,6}\.?\d{0,6}|\.\d{1,6})", said):
        raise FlagNeedsNumber(flag=flag.shown, value=said)
    return float(said)


def _hundredth(flag: Flag, said: str) -> float:
    """Midjourney counts chaos from 0 to 100."""
    return _number(flag, said) / 100


def _words(flag: Flag, said: str) -> str:
    if not said:
        raise FlagNeedsWords(flag=flag.shown)
    return said


def _lora(flag: Flag, said: str) -> Lora:
    name, colon, weight = _words(flag, said).rpartition(":")
    if not colon:
        return Lora(name=said, weight=loras.USUAL_WEIGHT)
    return Lora(name=_words(flag, name.strip()), weight=_number(flag, weight.strip()))


def _switch(_: Flag, said: str) -> bool:
    """On, but where a 0 follows: Midjourney counts quality."""
    return said.strip("0.") != "" or not said


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """One that is known. `field` is what it fills in a draft; `names` are its own, the usual one first.

    What follows belongs to it up to the next space; `greedy`, up to the next flag; `bare`, only where it is a number.
    """

    field: str
    names: tuple[str, ...]
    read: Read
    greedy: bool = False
    bare: bool = False

    @property
    def shown(self) -> str:
        """As people type it."""
        return f"--{self.names[0]}"


FLAGS = (
    Flag(field="shape", names=("ar", "aspect", "shape", "size", "画幅", "比例", "尺寸"), read=_words),
    Flag(field="seed", names=("seed", "种子"), read=_whole),
    Flag(field="steps", names=("steps", "步数"), read=_whole),
    Flag(field="count", names=("count", "n", "张数", "数量"), read=_whole),
    Flag(field="negative", names=("no", "negative", "neg", "反向提示词", "不要"), read=_words, greedy=True),
    Flag(field="guidance", names=("guidance", "引导"), read=_number),
    Flag(field="style", names=("style", "风格"), read=_words, greedy=True),
    Flag(field="variety", names=("variety", "多样性"), read=_number),
    Flag(field="variety", names=("chaos", "c"), read=_hundredth),
    Flag(field="quality", names=("q", "quality", "精修"), read=_switch, bare=True),
    Flag(field="enhance", names=("enhance", "扩写"), read=_switch, bare=True),
    Flag(field="strength", names=("strength", "重绘幅度"), read=_number),
    Flag(field="loras", names=("lora",), read=_lora, greedy=True),
)
_BY_NAME: Mapping[str, Flag] = MappingProxyType({name: flag for flag in FLAGS for name in flag.names})
_CHINESE = "|".join(sorted((name for name in _BY_NAME if not name.isascii()), key=len, reverse=True))
# None within a word, before a number or before a space. Behind a dash of prose only known names count.
_HEAD = re.compile(
    rf"(?<![0-9A-Za-z\-－—–])(?:(?:--+|－－+)(?P<sure>[A-Za-z]+(?:[_-][A-Za-z]+)*)"
    rf"|(?:—+|–+)(?P<maybe>{'|'.join(name for name in _BY_NAME if name.isascii())})(?![A-Za-z])"
    rf"|(?:--+|－－+|—+|–+)(?P<chinese>{_CHINESE}))",
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"[^"\n]*"|“[^”\n]*”|「[^」\n]*」|『[^』\n]*』')
_GAP = re.compile(r"\s*[=:：]?\s*")
_WORD = re.compile(r"[^\s，。；、！？]+")
_SWITCHED = re.compile(r"\d*\.?\d+(?![^\s，。；、])")
_CLOSING = ",;.，；、。！？"


@dataclass(kw_only=True, slots=True)
class _Said:
    """What the flags of one prompt say, by field."""

    values: dict[str, Value] = field(default_factory=dict[str, Value])
    flags: dict[str, Flag] = field(default_factory=dict[str, Flag])

    def add(self, flag: Flag, value: Value) -> None:
        old = self.values.get(flag.field)
        if flag.field == "loras":
            value = (*(old or ()), value)
        elif old is not None and flag.field == "negative":
            value = f"{old}, {value}"
        elif old is not None and old != value:
            raise FlagTwice(flag=flag.shown)
        self.values[flag.field], self.flags[flag.field] = value, flag


def applied(draft: RequestDraft, *, shape_of: Callable[[str], str], old: ImageRequest | None = None) -> RequestDraft:
    """The draft with what the flags among its words say, and without them.

    `shape_of` tells the shape that somebody means. Where the draft changes an `old` request, what it has in common with
    that was not said. Raises UnknownFlag, FlagNeedsNumber, FlagNeedsWords, FlagTwice, FlagContradicts.
    """
    prompt, said = _read(draft.prompt)
    values = dict(said.values)
    if "shape" in values:
        values["shape"] = shape_of(values["shape"])
    if "loras" in values:
        values["loras"] = (*(draft.loras or ()), *values["loras"])
    for name, value in values.items():
        given = draft.as_said.get(name) if name in AS_SAID else getattr(draft, name)
        is_said = given is not None and (old is None or given != getattr(old, name))
        if is_said and given != value and name != "loras":
            raise FlagContradicts(flag=said.flags[name].shown, name=name)
    as_said = dict(draft.as_said) | {name: values.pop(name) for name in AS_SAID if name in values}
    return replace(draft, prompt=prompt, as_said=as_said, **values)


def _read(text: str) -> tuple[str, _Said]:
    heads = list(_heads(text))
    ends = [*(head.start() for head in heads), len(text)]
    said, kept = _Said(), [text[: ends[0]]]
    for head, after in zip(heads, ends[1:], strict=True):
        name = (head["sure"] or head["maybe"] or head["chinese"]).casefold()
        flag = _BY_NAME.get(name)
        if flag is None:
            raise UnknownFlag(flag=f"--{name}", flags=" ".join(flag.shown for flag in FLAGS))
        start, end = _reach(flag, text, head.end(), after)
        said.add(flag, flag.read(flag, unicodedata.normalize("NFKC", text[start:end]).strip().rstrip(_CLOSING)))
        kept.append(text[end:after])
    return reduce(_joined, map(str.strip, kept)), said


def _joined(before: str, after: str) -> str:
    space = " " if before and after and after[0] not in _CLOSING else ""
    return f"{before}{space}{after}"


def _heads(text: str) -> Iterator[re.Match[str]]:
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    for head in _HEAD.finditer(text):
        if not any(start < head.start() < end for start, end in quoted):
            yield head


def _reach(flag: Flag, text: str, start: int, end: int) -> tuple[int, int]:
    """From where to where in the text that flag's value stands."""
    begin = _GAP.match(text, start, end).end()  # pyright: ignore[reportOptionalMemberAccess]  # it matches nothing, too
    if flag.greedy:
        return begin, end
    word = (_SWITCHED if flag.bare else _WORD).match(text, begin, end)
    return (begin, word.end()) if word else (start, start)
