"""Words on a message: people's text made harmless, numbers, times, names of shapes, and the sentence of a refusal."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping

import discord
from discord import app_commands

from bot.jobs.errors import Argument, PerDayReached, Refusal, SizeUnfit, UnknownShape
from bot.jobs.job import Failure
from bot.requests.sizes import size_of
from bot.requests.styles import StyleTemplates
from bot.translations import has, nearest, say
from protocol.card import ModelCard
from protocol.request import ControlKind

SHOWN_PROMPT = 1000  # characters of a prompt on its message; the rest is offered by a button
ALT_TEXT = 1024  # Discord's limit of a description
MOST_OF_CHOICE = 100  # characters: Discord's limit of a choice's name
_MOST_CHOICES = 25  # that Discord shows
_SQUARES = ("512x512", "768x768", "1024x1024")  # that people know from other programs
_LEAST_SIDE = 64  # pixels; "16x9" is a ratio
_BAR = 8  # squares, when the steps are too many to show one each

# Marks that turn the direction of what follows them; ours are put around the whole text instead.
_BIDI_MARKS = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)]  # Unicode's Cc and Cs
_LEFT_OUT = dict.fromkeys({*_BIDI_MARKS, *_CONTROLS} - {ord("\n")})
# What Discord reads as a mark: anywhere (the colon makes a link of what nobody dressed up), and at a line's beginning.
_MARKS, _FIRST_MARK = (
    re.compile(r"[\\*_~`|\[\]<]|:(?=//)"),
    re.compile(r"^([ \t]*(?:\d+(?=\.))?)([-+#>.])", re.MULTILINE),
)
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


def plain(text: str) -> str:
    """Text without control characters and marks of direction, for alt texts and form fields."""
    return re.sub(r"\n{3,}", "\n\n", text.translate(_LEFT_OUT)).strip()


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, with an ellipsis where something is missing."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def safe(text: str, limit: int = SHOWN_PROMPT) -> str:
    """Somebody's text shown as they typed it: no markdown, no link, no mention, no way to turn the rest of the message.

    discord.py's `escape_markdown` takes all from the first "[" to the last ")" for one link, and others stay alive.
    """
    shown = clip(plain(text), limit)
    escaped = _FIRST_MARK.sub(r"\1\\\2", _MARKS.sub(r"\\\g<0>", shown))
    escaped = discord.utils.escape_mentions(escaped)
    if not shown.isascii() and any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in shown):
        return "\n".join(f"{_FIRST_STRONG_ISOLATE}{line}{_POP_ISOLATE}" for line in escaped.split("\n"))
    return escaped


def inline(text: str, limit: int) -> str:
    """Like `safe`, on one line."""
    return safe(re.sub(r"\s+", " ", text), limit)


def code(text: str, limit: int) -> str:
    """Somebody's word on one line between backticks, where nothing is markdown and nothing can be escaped."""
    word = re.sub(r"[\s`]+", " ", plain(text)).strip()
    return f"`{clip(word, limit) or ' '}`"


def number(value: float) -> str:
    """3.0 as 3, 0.85 as 0.85; whole numbers in full."""
    return str(value) if isinstance(value, int) else f"{value:g}"


def seconds(value: float) -> str:
    """0.84 s as 0.8, 12.3 s as 12."""
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def moment(unix: float, *, day: bool = False) -> str:
    """A point in time by the reader's clock, on its `day`; one that is counted down reads wrong once it is over."""
    return f"<t:{math.ceil(unix)}:{'f' if day else 'T'}>"


def bar(step: int, steps: int) -> str:
    """▰▰▰▱▱▱▱▱ for step 3 of 8."""
    squares = steps if steps <= 12 else _BAR
    full = min(squares, step * squares // max(steps, 1))
    return "▰" * full + "▱" * (squares - full)


def shape_name(locale: str, shape: str) -> str:
    """ "2:3" as "Portrait 2:3", in the reader's language, and "768x512" as "768 × 512"."""
    key = f"shape-{shape.replace(':', 'x')}"
    return f"{say(locale, key)} {shape}" if has(key) else re.sub(r"(?<=\d)x(?=\d)", " × ", shape)


def setting(locale: str, value: str | float | None) -> str:
    """The value of a setting: a shape by its name, a number, or what the model brings along."""
    if value is None:
        return say(locale, "admin-automatic")
    return shape_name(locale, value) if isinstance(value, str) else number(value)


def setting_of(key: str, typed: str, card: ModelCard | None) -> str:
    """The value that somebody means for a setting."""
    return shape_of(typed, card.shapes if card else {}) if key == "shape" else typed.strip()


def shapes(locale: str, known: Iterable[str]) -> str:
    """All shapes of a model in one line."""
    return listed(locale, (shape_name(locale, shape) for shape in known))


def listed(locale: str, names: Iterable[str]) -> str:
    """Names one after the other, as the locale writes lists."""
    return ("、" if reads_chinese(locale) else ", ").join(names)


def policy(locale: str, known: str) -> str:
    """How an engine keeps its weights."""
    return listed(locale, (_term(locale, word, ("policy",)) for word in known.split(", ")))


def abilities(locale: str, features: Iterable[str]) -> str:
    """What a model can do, in one line."""
    return listed(locale, (_term(locale, name, ("feature",)) for name in features))


def shape_of(typed: str, known: Mapping[str, tuple[int, int]]) -> str:
    """The shape that somebody means by "portrait", "竖图", "Portrait 2:3", "2x3", "768x512" or "768".

    Else what they typed. Where two shapes share a name, the first of the card is meant.
    """
    wanted = unicodedata.normalize("NFKC", typed).strip().casefold()
    if pair := re.search(r"(\d{1,5})\s*([:x×*/])\s*(\d{1,5})", wanted):
        return _shape_of_sides(int(pair[1]), int(pair[3]), known, in_pixels=pair[2] != ":") or typed.strip()
    if wanted.isdecimal():
        return _shape_of_sides(int(wanted), int(wanted), known, in_pixels=True) or typed.strip()
    for shape in known:
        key = f"shape-{shape.replace(':', 'x')}"
        names = {say(locale, key).casefold() for locale in ("en-US", "zh-CN")} if has(key) else set[str]()
        if wanted == shape or wanted in names:
            return shape
    return typed.strip()


def _shape_of_sides(width: int, height: int, known: Mapping[str, tuple[int, int]], *, in_pixels: bool) -> str:
    """The shape of this size, or this size or ratio itself; nothing where a side is 0."""
    if not width or not height:
        return ""
    if in_pixels and max(width, height) >= _LEAST_SIDE:
        return next((shape for shape, size in known.items() if size == (width, height)), f"{width}x{height}")
    common = math.gcd(width, height)
    return f"{width // common}:{height // common}"


def reads_chinese(locale: str) -> bool:
    """Whether a reader of this locale is spoken to in Chinese."""
    return nearest(locale).startswith("zh")


def choices(names: Mapping[str, str], typed: str) -> list[app_commands.Choice[str]]:
    """Of these names by their values, those in which what was typed occurs."""
    wanted = typed.strip().casefold()
    return [
        app_commands.Choice(name=name, value=value)
        for value, name in names.items()
        if wanted in name.casefold() or wanted in value.casefold()
    ][:_MOST_CHOICES]


def shape_choices(locale: str, card: ModelCard | None, typed: str) -> list[app_commands.Choice[str]]:
    """The size that was typed, the shapes of a model by their names in the reader's language, usual squares."""
    if card is None:
        return []
    named = {shape: shape_name(locale, shape) for shape in card.shapes}
    squares = {shape: shape_name(locale, shape) for shape in _SQUARES if _is_free(shape, card)}
    found = choices(named | squares, typed)
    asked = shape_of(typed, card.shapes)
    if _is_free(asked, card) and asked not in squares:
        width, height = size_of(asked, card)
        shown = shape_name(locale, asked)
        size = f"{width} × {height}"
        found.insert(0, app_commands.Choice(name=shown if shown == size else f"{shown} → {size}", value=asked))
    return found[:_MOST_CHOICES]


def _is_free(shape: str, card: ModelCard) -> bool:
    """Whether the model paints it, and in none of the sizes of its card."""
    try:
        return size_of(shape, card) not in card.shapes.values()
    except (UnknownShape, SizeUnfit):
        return False


def style_choices(locale: str, styles: Mapping[str, StyleTemplates], typed: str) -> list[app_commands.Choice[str]]:
    """The styles whose names in either language contain what was typed, by their name in the reader's."""
    wanted, chinese = typed.strip().casefold(), reads_chinese(locale)
    return [
        app_commands.Choice(name=style.name.of(chinese=chinese), value=key)
        for key, style in styles.items()
        if any(wanted in name.casefold() for name in (key, *style.name.given()))
    ][:_MOST_CHOICES]


def lora_choices(
    locale: str, names: Iterable[str], unused: Mapping[str, int], typed: str
) -> list[app_commands.Choice[str]]:
    """LoRAs by name, with how much of a file would not be used."""
    typed = unicodedata.normalize("NFC", typed)
    return choices({name: lora_name(locale, name, unused.get(name, 0), MOST_OF_CHOICE) for name in names}, typed)


def lora_name(locale: str, name: str, unused: int, limit: int) -> str:
    """A LoRA, and how many tensors of its file would not be used, in so many characters."""
    if not unused:
        return clip(name, limit)
    room = limit - len(say(locale, "lora-unused", name="", count=unused))
    return say(locale, "lora-unused", name=clip(name, room), count=unused)


def control_name(locale: str, kind: str) -> str:
    """The kind of a control picture, as a word inside a sentence."""
    return say(locale, f"control-{kind}").lower() if has(f"control-{kind}") else kind


def control_of(typed: str) -> str:
    """The kind of control picture that somebody means by "Sketch", "草图" or "scribble"; else what they typed."""
    wanted = typed.strip().casefold()
    for kind in ControlKind:
        names = {say(locale, f"control-{kind.value}").casefold() for locale in ("en-US", "zh-CN")}
        if wanted in names:
            return kind.value
    return wanted


def control_choices(locale: str, kinds: Iterable[ControlKind], typed: str) -> list[app_commands.Choice[str]]:
    """The kinds of control picture that can be followed here, by their names in the reader's language."""
    return choices({kind.value: say(locale, f"control-{kind.value}") for kind in kinds}, typed)


def refusal(locale: str, refused: Refusal, *, owner: bool = False) -> str:
    """The one sentence that says this refusal; some have another one for the bot's owner, with the details."""
    key = f"refusal-{refused.code}"
    key = f"{key}-owner" if owner and has(f"{key}-owner") else key
    arguments = _arguments(locale, refused.arguments.items(), day=isinstance(refused, PerDayReached))
    return say(locale, key if has(key) else "refusal-refused", **arguments)


def failure(locale: str, failed: Failure | None) -> str:
    """The one sentence that says why nothing was painted."""
    if failed is None or not has(f"failure-{failed.code}"):
        return say(locale, "failure-unknown")
    return say(locale, f"failure-{failed.code}", **_arguments(locale, failed.arguments.items()))


def _arguments(locale: str, arguments: Iterable[tuple[str, Argument]], *, day: bool = False) -> dict[str, Argument]:
    """Arguments of a sentence as a reader wants them: names of options and features translated, text made safe."""
    said: dict[str, Argument] = {}
    for name, value in arguments:
        if name == "retry" and not isinstance(value, str):
            said[name] = moment(value, day=day)
        elif name in ("name", "key", "feature"):
            said[name] = _term(locale, str(value), ("feature",) if name == "feature" else ("setting", "option"))
        elif name in ("shapes", "allowed") and (known := re.findall(r"\d+:\d+", str(value))):
            said[name] = shapes(locale, known)
        elif name == "allowed" and ", " in str(value):
            said[name] = listed(locale, (_term(locale, key, ("setting",)) for key in str(value).split(", ")))
        elif name == "controls":
            said[name] = listed(locale, (control_name(locale, kind) for kind in str(value).split(", ")))
        elif name == "shape":
            said[name] = inline(shape_name(locale, str(value)), 100)
        elif name in ("flag", "flags"):
            said[name] = listed(locale, (code(one, 40) for one in str(value).split()))
        elif name == "models":
            said[name] = listed(locale, inline(str(value), 100).split(", "))
        elif name == "control" and has(f"control-{value}"):
            said[name] = control_name(locale, str(value))
        elif isinstance(value, str):
            said[name] = inline(value, 100)
        else:
            said[name] = value if name == "limit" and isinstance(value, int) else number(value)
    return said


def _term(locale: str, word: str, families: tuple[str, ...]) -> str:
    key = next((f"{family}-{word}" for family in families if has(f"{family}-{word}")), None)
    return say(locale, key) if key else inline(word, 40)
