"""What Discord refuses in application commands. Pure."""

import re
from collections.abc import Iterable
from typing import Any

from playground.rules.fields import Field, array, check, flag, record, text, whole
from playground.wire import errors
from playground.wire.errors import FieldPath, Problems
from playground.wire.jsons import Json, inner, is_list, is_object, listed

CHAT_INPUT, USER, MESSAGE, ENTRY_POINT = 1, 2, 3, 4
SUBCOMMAND, SUBCOMMAND_GROUP, STRING, INTEGER, BOOLEAN, OPTION_USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = (
    range(1, 12)
)
MOST = {CHAT_INPUT: 100, USER: 15, MESSAGE: 15}
MOST_CHARACTERS = 8000  # names, descriptions and values of one command

# https://discord.com/developers/docs/interactions/application-commands#application-command-object-naming
_NAME = re.compile(r"^[-_'\w]{1,32}$")
_LOCALES = frozenset(
    [
        "id",
        "da",
        "de",
        "en-GB",
        "en-US",
        "es-ES",
        "es-419",
        "fr",
        "hr",
        "it",
        "lt",
        "hu",
        "nl",
        "no",
        "pl",
        "pt-BR",
        "ro",
        "fi",
        "sv-SE",
        "vi",
        "tr",
        "cs",
        "el",
        "bg",
        "ru",
        "uk",
        "hi",
        "th",
        "zh-CN",
        "ja",
        "zh-TW",
        "ko",
        "ar",
        "he",
    ]
)
_COMMAND: dict[str, Field] = {
    "name": text(1, 32, required=True),
    "name_localizations": record(),
    "description": text(0, 100),
    "description_localizations": record(),
    "options": array(0, 25),
    "default_member_permissions": Field(kinds=(int, str)),
    "nsfw": flag(),
    "contexts": array(1, 3),
    "integration_types": array(1, 2),
    "type": whole(1, 4),
    "id": text(1, 20),
    "handler": whole(1, 2),
}
_OPTION: dict[str, Field] = {
    "type": whole(1, 11, required=True),
    "name": text(1, 32, required=True),
    "name_localizations": record(),
    "description": text(1, 100, required=True),
    "description_localizations": record(),
    "required": flag(),
    "autocomplete": flag(),
    "options": array(0, 25),
    "choices": array(0, 25),
    "min_length": whole(0, 6000),
    "max_length": whole(1, 6000),
    "min_value": Field(kinds=(int, float)),
    "max_value": Field(kinds=(int, float)),
}
_CHOICE = {"name": text(1, 100, required=True), "name_localizations": record()}


def check_commands(commands: Any) -> None:
    """The body of a bulk overwrite."""
    problems = Problems()
    if not is_list(commands):
        raise errors.invalid((), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    seen: set[tuple[int, str]] = set()
    counts = {CHAT_INPUT: 0, USER: 0, MESSAGE: 0}
    for index, command in enumerate(commands):
        _check_command(command, (index,), problems)
        if is_object(command):
            kind, name = command.get("type") or CHAT_INPUT, str(command.get("name"))
            if (kind, name) in seen:
                message = "Application command names must be unique"
                problems.add((index, "name"), "APPLICATION_COMMANDS_DUPLICATE_NAME", message)
            seen.add((kind, name))
            counts[kind] = counts.get(kind, 0) + 1
    problems.refuse_if_any()
    for kind, count in counts.items():
        if count > MOST.get(kind, 100):
            message = f"Maximum number of application commands reached ({MOST.get(kind, 100)})."
            raise errors.ApiError(400, 30032, message)


def check_command(command: Any) -> None:
    problems = Problems()
    _check_command(command, (), problems)
    problems.refuse_if_any()


def _check_command(command: Any, path: FieldPath, problems: Problems) -> None:
    if not check(command, _COMMAND, path, problems):
        return
    _check_localizations(command, path, problems, names=(command.get("type") or CHAT_INPUT) == CHAT_INPUT)
    if (command.get("type") or CHAT_INPUT) != CHAT_INPUT:
        if command.get("description"):
            message = "Context menu commands cannot have description"
            problems.add((*path, "description"), "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", message)
        return
    _check_name(command["name"], (*path, "name"), problems)
    if not command.get("description"):
        problems.add((*path, "description"), "BASE_TYPE_REQUIRED", "This field is required")
    _check_options(listed(command, "options"), (*path, "options"), problems, depth=0)
    if _characters(command) > MOST_CHARACTERS:
        message = f"Command exceeds maximum size ({MOST_CHARACTERS})"
        problems.add(path, "APPLICATION_COMMAND_TOO_LARGE", message)


def _check_name(name: str, path: FieldPath, problems: Problems) -> None:
    if not _NAME.match(name) or name != name.lower():
        problems.add(path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def _check_localizations(thing: Json, path: FieldPath, problems: Problems, *, names: bool) -> None:
    for key, most in (("name_localizations", 32), ("description_localizations", 100)):
        for locale, written in inner(thing, key).items():
            place = (*path, key, locale)
            if locale not in _LOCALES:
                problems.add(place, "BASE_TYPE_CHOICES", "This locale is not supported")
            elif not isinstance(written, str) or not 1 <= len(written) <= most:
                problems.add(place, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {most} in length.")
            elif names and key == "name_localizations":
                _check_name(written, place, problems)


def _check_options(options: list[Any], path: FieldPath, problems: Problems, *, depth: int) -> None:
    seen: set[str] = set()
    optional_seen = False
    for index, option in enumerate(options):
        place = (*path, index)
        if not check(option, _OPTION, place, problems):
            continue
        _check_name(option["name"], (*place, "name"), problems)
        _check_localizations(option, place, problems, names=True)
        if option["name"] in seen:
            message = "Option names must be unique"
            problems.add((*place, "name"), "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", message)
        seen.add(option["name"])
        if option.get("required") and optional_seen:
            message = "Required options must be placed before non-required options"
            problems.add((*place, "required"), "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message)
        optional_seen |= option["type"] > SUBCOMMAND_GROUP and not option.get("required")
        _check_one_option(option, place, problems, depth=depth)
    if len({option["type"] <= SUBCOMMAND_GROUP for option in options if is_object(option)}) > 1:
        message = "Sub-command and sub-command group option types are mutually exclusive to all other types"
        problems.add(path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message)


def _check_one_option(option: Json, path: FieldPath, problems: Problems, *, depth: int) -> None:
    kind, choices = option["type"], listed(option, "choices")
    if kind in (SUBCOMMAND, SUBCOMMAND_GROUP):
        too_deep = depth > 1 or (kind == SUBCOMMAND_GROUP and depth > 0)
        if too_deep:
            problems.add((*path, "type"), "BASE_TYPE_CHOICES", "Sub-commands cannot be nested here")
        _check_options(listed(option, "options"), (*path, "options"), problems, depth=depth + 1)
        return
    if option.get("autocomplete") and choices:
        message = "Autocomplete and choices are mutually exclusive"
        problems.add((*path, "autocomplete"), "APPLICATION_COMMAND_AUTOCOMPLETE_WITH_CHOICES", message)
    if option.get("autocomplete") and kind not in (STRING, INTEGER, NUMBER):
        message = "Autocomplete is not allowed for this option type"
        problems.add((*path, "autocomplete"), "APPLICATION_COMMAND_AUTOCOMPLETE_INVALID", message)
    allowed = {STRING: str, INTEGER: int, NUMBER: (int, float)}.get(kind)
    names: set[str] = set()
    for index, choice in enumerate(choices):
        place = (*path, "choices", index)
        if not check(choice, _CHOICE, place, problems):
            continue
        value = choice.get("value")
        if allowed is None or not isinstance(value, allowed) or isinstance(value, bool):
            problems.add((*place, "value"), "BASE_TYPE_REQUIRED", "The value does not fit the option's type")
        elif isinstance(value, str) and not 1 <= len(value) <= 100:
            problems.add((*place, "value"), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
        if choice["name"] in names:
            message = "Choice names must be unique"
            problems.add((*place, "name"), "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS", message)
        names.add(choice["name"])
    for low, high in (("min_value", "max_value"), ("min_length", "max_length")):
        if option.get(low) is not None and option.get(high) is not None and option[low] > option[high]:
            problems.add((*path, low), "NUMBER_TYPE_MAX", f"{low} must not be greater than {high}")


def _characters(thing: Json) -> int:
    """Counted as Discord does: the longest of the localised texts stands for all of them."""
    total = 0
    for key in ("name", "description"):
        texts: Iterable[str] = (thing.get(key) or "", *inner(thing, f"{key}_localizations").values())
        total += max(len(item) for item in texts)
    total += len(str(thing.get("value") or "")) if isinstance(thing.get("value"), str) else 0
    children = (*listed(thing, "options"), *listed(thing, "choices"))
    return total + sum(_characters(child) for child in children)
