"""Commands as lines to copy, correct and send again: what somebody typed, or what paints a picture. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import discord

from bot.translations import has, say
from bot.ui import modals, text
from protocol.request import ImageRequest

COMMAND = "imagine"
_WHERE_SAID = ("count", "steps", "guidance", "negative", "enhance", "quality", "variety")  # options that are fields


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
    return _command(locale, values)


def command(locale: str, request: ImageRequest) -> str:
    """What paints this request, but for the pictures that it starts from."""
    values: dict[str, Any] = {"prompt": request.prompt, "shape": request.shape, "seed": request.seed}
    values |= {name: getattr(request, name) for name in _WHERE_SAID if getattr(request, name)}
    if request.source is not None:
        values["strength"] = request.strength
    if request.region is not None:
        values["region"] = request.region.value
    if request.style is not None:
        values["style"] = request.style.name
    for place, lora in zip(("lora", "lora2"), request.loras, strict=False):
        values |= {place: lora.name, f"{place}_weight": lora.weight}
    if request.control is not None:
        values |= {"control": request.control.kind.value, "control_strength": request.control.strength}
    if request.count == 1:
        del values["count"]
    return _command(locale, values)


def needs_pictures(request: ImageRequest) -> bool:
    """Whether no line of words alone paints it."""
    return bool(request.pictures) or request.blend is not None


def _command(locale: str, values: Mapping[str, Any]) -> str:
    words = [f"{_option(locale, name)}:{_value(locale, name, value)}" for name, value in values.items() if value != ""]
    return text.plain(" ".join([f"/{say(locale, f'command-{COMMAND}')}", *words]))


def _option(locale: str, name: str) -> str:
    return say(locale, f"option-{name}") if has(f"option-{name}") else name


def _value(locale: str, name: str, value: object) -> str:
    if isinstance(value, bool):
        return say(locale, "yes" if value else "no")
    if isinstance(value, float):
        return text.number(value)
    return say(locale, f"{name}-{value}") if has(f"{name}-{value}") else str(value)
