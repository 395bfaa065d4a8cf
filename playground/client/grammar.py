"""The composer's language: "/name [sub [sub]] option:value option:value" and "click:Label field:value". Pure.

An option starts only at a known name plus ":" at the start or after white space, so a value may contain colons. What
stands before the first option is the value of the first one, where that is required, as in Discord's client.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.wire.jsons import Json, inner, listed

(SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT) = range(1, 12)
_YES = ("true", "yes", "是")
_NO = ("false", "no", "否")
_COLONS = ":："  # an input method for Chinese types the second
_SLASHES = "/／、"  # and what its key for "/" gives, by the way it is set


class GrammarError(ValueError):
    """What is wrong with a line, in one sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """`name` as written, the trimmed `value`, and where both lie in the text."""

    name: str
    value: str
    start: int
    value_start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A command or subcommand in a text, also as it is shown to the reader; options begin at `rest`."""

    command: Json
    path: tuple[str, ...]
    shown: tuple[str, ...]
    options: list[Json]
    rest: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """An option with its converted value; people, channels, roles and files stay text without their sign."""

    name: str
    type: int
    value: str | int | float | bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """A command that is ready to be sent."""

    command: Json
    path: tuple[str, ...]
    given: tuple[Given, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files that attachment options ask for."""
        return tuple(str(option.value) for option in self.given if option.type == ATTACHMENT)


def parse(text: str, commands: Sequence[Json], locale: str = "") -> Invocation:
    """Reads a command line against registered commands. Raises GrammarError, with names in the locale."""
    found = find_command(text, commands, locale)
    segments, before = split(text, known_names(found.options), start=found.rest)
    shown = "/" + " ".join(found.shown)
    given: dict[str, Given] = {}
    first = next(iter(found.options), None)
    if before and first is not None and first.get("required") and not _is_given(first, segments):
        given[first["name"]] = _given(first, before, locale)
    elif before:
        hint = f' Write "{localized(found.options[0], "name", locale)}:{_short(before)}".' if found.options else ""
        raise GrammarError(f'{shown} does not understand "{_short(before)}" before its first option.{hint}')
    for segment in segments:
        option = by_name(found.options, segment.name)
        if option is None:
            continue
        if option["name"] in given:
            raise GrammarError(f'The option "{segment.name}" is given twice.')
        given[option["name"]] = _given(option, segment.value, locale)
    for option in found.options:
        if option.get("required") and option["name"] not in given:
            raise GrammarError(f'{shown} needs the option "{localized(option, "name", locale)}".')
    return Invocation(command=found.command, path=found.path, given=tuple(given.values()))


def _is_given(option: Json, segments: Sequence[Segment]) -> bool:
    return any(by_name([option], segment.name) for segment in segments)


def _given(option: Json, written: str, locale: str) -> Given:
    return Given(name=option["name"], type=option["type"], value=convert(option, written, locale))


def names_command(text: str) -> bool:
    """Whether this is a command line rather than a message."""
    return text[:1] in tuple(_SLASHES)


def line_for(text: str, commands: Sequence[Json], locale: str = "") -> str | None:
    """The command line that a message may have been meant for, if any: of the first command that takes words."""
    for command in commands:
        first = next(iter(listed(command, "options")), None)
        if command.get("type", 1) == 1 and first is not None and first["type"] == STRING and first.get("required"):
            segments, before = split(text, names_of(first))
            words = " ".join([before, *(segment.value for segment in segments)]).strip()
            return (
                f"/{localized(command, 'name', locale)} {localized(first, 'name', locale)}:{words}" if words else None
            )
    return None


def find_command(text: str, commands: Sequence[Json], locale: str = "") -> Found:
    """The deepest command that the text names, in any language. Raises GrammarError, with names in the locale."""
    words = [(match.group(), match.end()) for match in re.finditer(r"\S+", text)]
    if not words or not names_command(words[0][0]):
        raise GrammarError('A command starts with "/".')
    name, rest = words[0][0][1:], words[0][1]
    chat = [command for command in commands if command.get("type", 1) == 1]
    command = by_name(chat, name.lower())
    if command is None:
        known = enumerated((f"/{localized(other, 'name', locale)}" for other in chat), locale)
        raise GrammarError(
            f'There is no command "/{_short(name)}"; there are {known}.'
            if known
            else f'There is no command "/{_short(name)}".'
        )
    parts, options = [command], listed(command, "options")
    for word, end in words[1:]:
        if not has_subcommands(options):
            break
        child = by_name(options, word.lower())
        if child is None:
            break
        options, rest = listed(child, "options"), end
        parts.append(child)
    shown = tuple(localized(part, "name", locale) for part in parts)
    if has_subcommands(options):
        choices = enumerated((localized(option, "name", locale) for option in options), locale)
        raise GrammarError(f"/{' '.join(shown)} needs one of: {choices}.")
    path = tuple(part["name"] for part in parts)
    return Found(command=command, path=path, shown=shown, options=options, rest=rest)


def has_subcommands(options: Sequence[Json]) -> bool:
    return any(option["type"] in (SUBCOMMAND, GROUP) for option in options)


def split(text: str, names: Iterable[str], *, start: int = 0) -> tuple[list[Segment], str]:
    """Cuts text[start:] at known names; also returns what stands before the first of them, trimmed."""
    ordered = sorted({name for name in names if name}, key=len, reverse=True)
    if not ordered:
        return [], text[start:].strip()
    pattern = re.compile(rf"(?<!\S)((?ai:{'|'.join(map(re.escape, ordered))}))[{_COLONS}]")  # phones write "Prompt:"
    matches = list(pattern.finditer(text, start))
    ends = [*(match.start() for match in matches), len(text)][1:]
    segments = [
        Segment(
            name=match.group(1),
            value=text[match.end() : end].strip(),
            start=match.start(),
            value_start=match.end(),
            end=end,
        )
        for match, end in zip(matches, ends, strict=True)
    ]
    before = text[start : matches[0].start()] if matches else text[start:]
    return segments, before.strip()


def known_names(things: Iterable[Json]) -> list[str]:
    """Names in all languages."""
    return [name for thing in things for name in names_of(thing)]


def names_of(thing: Json) -> list[str]:
    return [thing["name"], *inner(thing, "name_localizations").values()]


def localized(thing: Json, key: str, locale: str) -> str:
    """The name or description in a locale, or the plain one."""
    return str(inner(thing, f"{key}_localizations").get(locale) or thing.get(key) or "")


def enumerated(names: Iterable[str], locale: str) -> str:
    """Names one after the other, as the locale writes lists."""
    return ("、" if locale.startswith("zh") else ", ").join(names)


def by_name(things: Iterable[Json], name: str) -> Json | None:
    everything, wanted = list(things), name.lower()
    plain = next((thing for thing in everything if thing["name"].lower() == wanted), None)
    return plain or next(
        (thing for thing in everything if wanted in (known.lower() for known in names_of(thing))), None
    )


def convert(option: Json, written: str, locale: str = "") -> str | int | float | bool:
    """The value that Discord would send for what was written. Raises GrammarError, with names in the locale."""
    name, kind = localized(option, "name", locale), option["type"]
    if not written:
        raise GrammarError(f'The option "{name}" is empty.')
    if option.get("choices"):
        return _choice(option, name, written, locale)
    if kind == INTEGER:
        return _in_range(option, name, _integer(name, written))
    if kind == NUMBER:
        return _in_range(option, name, _number(name, written))
    if kind == BOOLEAN:
        return _boolean(name, written)
    if kind == STRING:
        return _right_length(option, name, written)
    return written.strip("<>").lstrip("@＠#＃&!")


def _choice(option: Json, name: str, written: str, locale: str) -> str | int | float:
    wanted = written.casefold()
    for choice in option["choices"]:
        if wanted in (str(choice["value"]).casefold(), *(known.casefold() for known in names_of(choice))):
            return choice["value"]
    offered = enumerated((localized(choice, "name", locale) for choice in option["choices"]), locale)
    raise GrammarError(f'"{_short(written)}" is not a choice of "{name}"; there are {offered}.')


def _integer(name: str, written: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,16}", written):
        raise GrammarError(f'The option "{name}" wants a whole number, not "{_short(written)}".')
    return int(written)


def _number(name: str, written: str) -> float:
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", written, re.IGNORECASE):
        raise GrammarError(f'The option "{name}" wants a number, not "{_short(written)}".')
    return float(written)


def _in_range(option: Json, name: str, value: Any) -> Any:
    low, high = option.get("min_value", -(2**53)), option.get("max_value", 2**53)
    if low is not None and value < low:
        raise GrammarError(f'The option "{name}" must be {_whole(low)} or more.')
    if high is not None and value > high:
        raise GrammarError(f'The option "{name}" must be {_whole(high)} or less.')
    return value


def _whole(bound: float) -> float:
    """A bound as people write it: 30, not 30.0."""
    return int(bound) if bound == int(bound) else bound


def _boolean(name: str, written: str) -> bool:
    if written.casefold() not in (*_YES, *_NO):
        raise GrammarError(f'The option "{name}" wants true or false, not "{_short(written)}".')
    return written.casefold() in _YES


def _right_length(option: Json, name: str, written: str) -> str:
    low, high = option.get("min_length") or 0, option.get("max_length") or 6000
    if not low <= len(written) <= high:
        limit = f"at least {low}" if len(written) < low else f"at most {high}"
        raise GrammarError(f'The option "{name}" takes {limit} characters, not {len(written)}.')
    return written


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def pressed(text: str) -> str | None:
    """What follows "click:"; None where the line presses nothing."""
    match = re.match(rf"click[{_COLONS}]\s*", text, re.IGNORECASE)
    return text[match.end() :].strip() if match else None


def button_of(text: str, labels: Iterable[str]) -> tuple[str, str] | None:
    """The longest label at the start of what follows "click:", and what follows it; case does not matter."""
    wanted = pressed(text) or ""
    for label in sorted({label for label in labels if label}, key=len, reverse=True):
        head, tail = wanted[: len(label)], wanted[len(label) :]
        if head.casefold() == label.casefold() and (not tail or tail[0].isspace()):
            return label, tail.strip()
    return None


def fill(text: str, fields: Mapping[str, str]) -> dict[str, str]:
    """Values by custom_id. `fields` tells the custom_id of each name (custom_id or label) a modal knows."""
    by_folded = {name.casefold(): custom_id for name, custom_id in fields.items()}
    spellings = {match for name in fields for match in _spellings(text, name)}
    segments, before = split(text, spellings)
    if before:
        labels: dict[str, str] = {}
        for name, custom_id in fields.items():
            labels.setdefault(custom_id, name)  # the label comes before the custom_id
        offered = ", ".join(labels.values())
        raise GrammarError(f'The form does not understand "{_short(before)}"; its fields are {offered}.')
    filled: dict[str, str] = {}
    for segment in segments:
        custom_id = by_folded[segment.name.casefold()]
        if custom_id in filled:
            raise GrammarError(f'The field "{segment.name}" is given twice.')
        filled[custom_id] = segment.value
    return filled


def _spellings(text: str, name: str) -> list[str]:
    return re.findall(re.escape(name), text, re.IGNORECASE)
