"""What somebody typed, as a line that they can copy, correct and send again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import discord

from bot.translations import has, say
from bot.ui import modals, text

COMMAND = "imagine"


def line(locale: str, kind: discord.InteractionType, data: Mapping[str, Any]) -> str:
    """The command with these options, or what a form says; nothing where there are no words in it."""
    values: Mapping[str, Any] = {}
    if kind is discord.InteractionType.modal_submit:
        values = modals.typed(cast("list[Mapping[str, Any]]", data.get("components", [])))
    elif kind is discord.InteractionType.application_command and data.get("name") == COMMAND:
        given = cast("list[Mapping[str, Any]]", data.get("options", []))
        values = {
            one["name"]: one.get("value")
            for one in given
            if one["type"] != discord.AppCommandOptionType.attachment.value  # an id, by which nobody finds the file
        }
    if not str(values.get("prompt") or "").strip():
        return ""
    words = [f"{_option(locale, name)}:{_value(locale, name, value)}" for name, value in values.items() if value != ""]
    return text.plain(" ".join([f"/{say(locale, f'command-{COMMAND}')}", *words]))


def _option(locale: str, name: str) -> str:
    return say(locale, f"option-{name}") if has(f"option-{name}") else name


def _value(locale: str, name: str, value: object) -> str:
    if isinstance(value, bool):
        return say(locale, "yes" if value else "no")
    return say(locale, f"{name}-{value}") if has(f"{name}-{value}") else str(value)
