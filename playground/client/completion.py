"""What the composer offers while a command is typed: commands, options, choices, the bot's own suggestions."""

from playground.client import grammar, interact
from playground.client.actor import Actor
from playground.client.grammar import (
    ATTACHMENT,
    BOOLEAN,
    CHANNEL,
    MENTIONABLE,
    ROLE,
    STRING,
    USER,
    GrammarError,
    Segment,
)
from playground.wire.jsons import Json, listed
from playground.world import people
from playground.world.state import State

MOST_ITEMS = 25


async def items(state: State, actor: Actor, text: str, cursor: int) -> list[Json]:
    """Items for text[:cursor]; each replaces text[start:end] by `insert`."""
    typed = text[:cursor]
    if not grammar.names_command(typed):
        return []
    commands, locale = state.commands_for(actor.person), actor.locale
    try:
        found = grammar.find_command(typed, commands)
    except GrammarError:
        return _commands(typed, commands, locale, cursor)
    if len(typed) == found.rest:
        return _commands(typed, commands, locale, cursor)
    segments, _ = grammar.split(typed, grammar.known_names(found.options), start=found.rest)
    offered: list[Json] = []
    if segments:
        offered = await _values(state, actor, found, segments, cursor)
    given = {option["name"] for segment in segments if (option := grammar.by_name(found.options, segment.name))}
    return (offered + _options(typed, found.options, given, locale, cursor))[:MOST_ITEMS]


def _commands(typed: str, commands: list[Json], locale: str, cursor: int) -> list[Json]:
    wanted = " ".join(typed[1:].casefold().split()) + (" " if typed[-1].isspace() and len(typed) > 1 else "")
    offered: list[Json] = []
    for path, leaf in _leaves(commands):
        spelled = (
            " ".join(grammar.localized(part, "name", locale) for part in path),
            " ".join(p["name"] for p in path),
        )
        if any(name.casefold().startswith(wanted) for name in spelled):
            offered.append(_item("command", f"/{spelled[0]}", _detail(leaf, locale), f"/{spelled[0]} ", 0, cursor))
    return offered[:MOST_ITEMS]


def _leaves(things: list[Json], path: tuple[Json, ...] = ()) -> list[tuple[tuple[Json, ...], Json]]:
    """Everything that can be called, with the way to it."""
    leaves: list[tuple[tuple[Json, ...], Json]] = []
    for thing in things:
        if path or thing.get("type", 1) == 1:
            options = listed(thing, "options")
            here = (*path, thing)
            leaves += _leaves(options, here) if grammar.has_subcommands(options) else [(here, thing)]
    return leaves


def _options(typed: str, options: list[Json], given: set[str], locale: str, cursor: int) -> list[Json]:
    """Options that are not given yet and start with the word before the cursor."""
    start = len(typed) - len(_last_word(typed))
    word = typed[start:].casefold()
    free = [option for option in options if option["name"] not in given]
    return [
        _item("option", grammar.localized(option, "name", locale), _detail(option, locale), f"{name}:", start, cursor)
        for option in free
        if (name := grammar.localized(option, "name", locale))
        if any(known.casefold().startswith(word) for known in (name, option["name"]))
    ]


async def _values(state: State, actor: Actor, found: grammar.Found, segments: list[Segment], cursor: int) -> list[Json]:
    current = segments[-1]
    option = grammar.by_name(found.options, current.name)
    if option is None:
        return []
    raw_start = current.value_start
    if option.get("autocomplete"):
        values = [value for segment in segments if (value := _half(found.options, segment, segment is current))]
        choices = await interact.autocomplete(state, actor, found, values)
        return [_item("choice", choice["name"], "", str(choice["value"]), raw_start, cursor) for choice in choices]
    wanted = current.value.casefold()
    if option.get("choices"):
        return [
            _item("choice", name, "", name, raw_start, cursor)
            for choice in option["choices"]
            if wanted in (name := grammar.localized(choice, "name", actor.locale)).casefold()
            or wanted in str(choice["value"]).casefold()
        ]
    return [
        _item("value", name, "", name, raw_start, cursor)
        for name in _known_values(option, actor.locale)
        if name.casefold().lstrip("@#").startswith(wanted.lstrip("@#"))
    ]


def _known_values(option: Json, locale: str) -> list[str]:
    kind = option["type"]
    names: list[str] = []
    if kind == BOOLEAN:
        names = ["是", "否"] if locale.startswith("zh") else ["true", "false"]
    if kind in (USER, MENTIONABLE):
        names = [f"@{person.name}" for person in people.PEOPLE]
    if kind in (ROLE, MENTIONABLE):
        names += [f"@{role.name.lstrip('@')}" for role in people.ROLES]
    if kind == CHANNEL:
        names = [f"#{channel.name}" for channel in people.CHANNELS]
    return names


def _half(options: list[Json], segment: Segment, focused: bool) -> Json | None:
    """A value as autocomplete sends it: the focused one as typed, the others only if they are whole."""
    option = grammar.by_name(options, segment.name)
    if option is None or option["type"] == ATTACHMENT:
        return None
    sent: Json = {"name": option["name"], "type": option["type"], "value": segment.value}
    if focused:
        return sent | {"focused": True}
    try:
        return sent | {"value": grammar.convert(option, segment.value)}
    except GrammarError:
        return sent if option["type"] == STRING else None


def _last_word(typed: str) -> str:
    return "" if typed[-1:].isspace() else typed.split()[-1] if typed.split() else ""


def _detail(thing: Json, locale: str) -> str:
    return grammar.localized(thing, "description", locale)


def _item(kind: str, label: str, detail: str, insert: str, start: int, end: int) -> Json:
    return {"kind": kind, "label": label, "detail": detail, "insert": insert, "start": start, "end": end}
