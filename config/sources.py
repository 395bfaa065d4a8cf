"""Reads the settings from flags, environment, `.env` and `zimagine.toml`, and says in a sentence what is wrong.

Knows where each value came from.
"""

from __future__ import annotations

import argparse
import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any, cast

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import CliSettingsSource, SettingsError

from config.settings import PREFIX, TEXT, TOML_FILE, Settings

ENV_FILE = ".env"
THE_ENVIRONMENT = "the environment"
# What `--help` calls a value, by the class that takes it.
_VALUES = {
    "SecretStr": "TOKEN", "HttpUrl": "URL", "Path": "PATH", "str": "TEXT", "int": "N", "float": "NUMBER",
    "bool": "{true,false}",
}  # fmt: skip

Schema = Mapping[str, Any]
Path = tuple[str, ...]


class BrokenSetting(Exception):
    """A setting that cannot be used; the text is one sentence for the person who set it."""


def read_settings(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> tuple[Settings, argparse.Namespace]:
    """Adds one flag per setting to `parser` and reads everything. Raises BrokenSetting."""
    source: CliSettingsSource[argparse.ArgumentParser] = CliSettingsSource(
        Settings, root_parser=parser, cli_hide_none_type=True, cli_avoid_json=True, cli_kebab_case=True
    )
    _say_plainly(parser)
    flags = parser.parse_args(arguments)
    try:
        _refuse_unreadable_files()
        _refuse_unknown_names()
        return Settings(_cli_settings_source=source(parsed_args=flags)), flags  # pyright: ignore[reportCallIssue]
    except tomllib.TOMLDecodeError as error:
        raise BrokenSetting(f"{TOML_FILE} is not valid TOML: {error}.") from error
    except SettingsError as error:
        raise BrokenSetting(f"The settings cannot be read: {error}.") from error
    except ValidationError as error:
        raise BrokenSetting(" ".join(_sentences(error, vars(flags)))) from error


def _say_plainly(parser: argparse.ArgumentParser) -> None:
    """Without names of classes in what `--help` prints."""
    actions: list[argparse.Action] = vars(parser)["_actions"]  # argparse has no other way to them
    for action in actions:
        if isinstance(action.metavar, str):
            action.metavar = _VALUES.get(action.metavar, action.metavar)
        action.help = action.help and action.help.removesuffix(" (default: None)")


def _refuse_unreadable_files() -> None:
    for file in (File(ENV_FILE), TOML_FILE):
        try:
            if file.is_file():
                file.read_text(TEXT)
        except UnicodeDecodeError as error:  # PowerShell's `>` writes UTF-16
            raise BrokenSetting(f"{file} is not UTF-8 text; save it again as UTF-8.") from error
        except OSError as error:
            raise BrokenSetting(f"{file} cannot be read: {error.strerror or error}.") from error


def _refuse_unknown_names() -> None:
    """A misspelt name would otherwise be passed over in silence."""
    sections = set(Settings.model_fields)
    for names, origin in ((os.environ, THE_ENVIRONMENT), (_dotenv(), ENV_FILE)):
        for name in sorted(names):
            if name.upper().startswith(PREFIX):
                section = name.upper().removeprefix(PREFIX).split("__")[0].lower()
                if section not in sections:
                    raise BrokenSetting(_unknown(name, origin))
    if TOML_FILE.is_file():
        for name in tomllib.loads(TOML_FILE.read_text(TEXT)):
            if name not in sections:
                raise BrokenSetting(_unknown(name, str(TOML_FILE)))


def _dotenv() -> Mapping[str, str | None]:
    return dotenv_values(ENV_FILE, encoding=TEXT)


def _unknown(name: str, origin: str) -> str:
    """`name` as it is written where it stands; so is the one that may be meant."""
    paths = setting_paths()
    known = {written(path, origin).casefold(): written(path, origin) for path in (*paths, *_sections(paths, origin))}
    nearest = difflib.get_close_matches(name.casefold(), known, n=1)
    hint = f"did you mean {known[nearest[0]]}?" if nearest else "config/zimagine.example.toml lists them all."
    return f"{name} (from {origin}) is no setting; {hint}"


def _sections(paths: list[Path], origin: str) -> list[Path]:
    """Names of sections, where they are written on their own."""
    return [path[:1] for path in paths if len(path) > 1] if origin == str(TOML_FILE) else []


def written(path: Path, origin: str) -> str:
    """A setting's name as it is written there: limits.per_day, --limits.per-day, ZIMAGINE_LIMITS__PER_DAY."""
    if origin == str(TOML_FILE):
        return ".".join(path)
    return _flag(path) if origin == _the_flag(path) else variable(path)


def _flag(path: Path) -> str:
    return "--" + ".".join(path).replace("_", "-")


def _the_flag(path: Path) -> str:
    return f"the flag {_flag(path)}"


def variable(path: Path) -> str:
    """The environment's name for a setting."""
    return PREFIX + "__".join(path).upper()


def setting_paths() -> list[Path]:
    """Every setting as its path: ("limits", "per_day")."""
    schema: Schema = Settings.model_json_schema()
    paths: list[Path] = []
    for name, field in cast("Mapping[str, Schema]", schema["properties"]).items():
        section = _section(schema, field)
        paths += [(name, inner) for inner in section["properties"]] if section else [(name,)]
    return paths


def _section(schema: Schema, field: Schema) -> Schema | None:
    """The section that a field refers to, None for a plain value."""
    reference = field.get("$ref") or next((part.get("$ref") for part in field.get("allOf", ())), None)
    return schema["$defs"][reference.rsplit("/", 1)[1]] if reference else None


def field_schema(path: Path) -> Schema | None:
    """JSON schema of one setting, None if there is no such setting."""
    schema: Schema = Settings.model_json_schema()
    field: Schema | None = schema["properties"].get(path[0])
    if field and (section := _section(schema, field)):
        return section["properties"].get(path[1]) if len(path) > 1 else None
    return field


def _sentences(error: ValidationError, flags: Mapping[str, Any]) -> list[str]:
    sentences: list[str] = []
    for problem in error.errors(include_url=False):
        path = tuple(str(part) for part in problem["loc"])
        origin = _origin(path, flags)
        name = written(path, origin)
        schema = field_schema(path)
        if schema is None:
            sentences.append(_unknown(name, origin))
            continue
        value = "•••" if "token" in path else repr(problem["input"])
        place = "" if origin == _the_flag(path) else f" (from {origin})"
        sentences.append(f"{name} is {value}{place}; allowed is {allowed(schema)}.")
    return sentences


def _origin(path: Path, flags: Mapping[str, Any]) -> str:
    """Where the value at this path came from, in words."""
    if ".".join(path) in flags:
        return _the_flag(path)
    names = {variable(path[:1]), variable(path)}  # the first holds a whole section as JSON
    if any(key.upper() in names for key in os.environ):
        return THE_ENVIRONMENT
    if any(key.upper() in names for key in _dotenv()):
        return ENV_FILE
    return str(TOML_FILE)


def allowed(schema: Schema) -> str:
    """What a setting accepts, in words."""
    if "anyOf" in schema:
        return " or ".join(allowed(option) for option in schema["anyOf"] if option.get("type") != "null")
    if "enum" in schema:
        return "one of " + ", ".join(str(choice) for choice in schema["enum"])
    kind = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}.get(schema.get("type", ""))
    if kind is None and "examples" in schema:
        return f"a text such as {schema['examples'][0]}"
    if kind is None:
        return {"uri": "an address such as http://127.0.0.1:9000", "path": "a path"}.get(
            schema.get("format", ""), "a text"
        )
    least, most = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        kind += f" above {schema['exclusiveMinimum']:g}"
    if least is not None and most is not None:
        return f"{kind} from {least:g} to {most:g}"
    if least is not None:
        return f"{kind}, at least {least:g}"
    return f"{kind}, at most {most:g}" if most is not None else kind
