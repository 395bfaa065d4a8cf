"""The forms. They keep nothing: the `custom_id` of one names its job, so it can be submitted after a restart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, cast

import discord

from bot.jobs.errors import OutOfRange, SizeUnfit, UnknownForm, UnknownShape
from bot.jobs.interaction_token import TOKEN_LIFE
from bot.jobs.job import Job
from bot.requests.draft import RequestDraft
from bot.requests.sizes import size_of
from bot.translations import say
from bot.ui import text
from protocol.card import ModelCard
from protocol.request import MAX_PROMPT, SEED_RANGE, Kind, Region

# The last part is random for Discord, which remembers what was typed into a form of the same id.
EDIT = re.compile(r"z1:edit:(?P<job>[0-9a-z]{8,32}):(?P<nonce>[0-9]{1,20})")
REGION = re.compile(r"z1:region:(?P<job>[0-9a-z]{8,32}):(?P<k>[0-3]):(?P<nonce>[0-9]{1,20})")

_MOST_CHOICES = 25  # of a select, Discord's limit


def edit_form(job: Job, card: ModelCard | None, locale: str, *, most_steps: int, nonce: int) -> discord.ui.Modal:
    """Everything that can be changed about a job, filled in as it was."""
    request = job.request
    form = discord.ui.Modal(title=say(locale, "form-title"), custom_id=f"z1:edit:{job.id}:{nonce}", timeout=TOKEN_LIFE)
    form.add_item(_field(locale, "prompt", request.prompt, most=MAX_PROMPT, lines=True))
    if card is None or card.offers("guidance"):
        note = say(locale, "form-negative-note")
        form.add_item(
            _field(locale, "negative", request.negative, most=MAX_PROMPT, lines=True, required=False, note=note)
        )
    if request.kind is not Kind.INPAINT:  # it keeps its size, or the old would not fit the new
        form.add_item(_choice(locale, "shape", _shapes(locale, card, request.shape)))
    note = say(locale, "form-seed-note")
    form.add_item(_field(locale, "seed", str(request.seed), most=10, required=False, note=note))
    least, most = _step_range(card, most_steps)
    note = say(locale, "form-steps-note", least=least, most=most)
    form.add_item(_field(locale, "steps", str(request.steps), most=2, note=note))
    form.stop()  # discord.py would keep the form for its submit; ours is answered by its id
    return form


def region_form(job: Job, k: int, locale: str, *, nonce: int) -> discord.ui.Modal:
    """Which part of picture k is to be painted anew, and from which words."""
    title, custom_id = say(locale, "form-region-title"), f"z1:region:{job.id}:{k}:{nonce}"
    form = discord.ui.Modal(title=title, custom_id=custom_id, timeout=TOKEN_LIFE)
    parts = [discord.SelectOption(label=say(locale, f"region-{region.value}"), value=region.value) for region in Region]
    form.add_item(_choice(locale, "region", parts))
    note = say(locale, "form-part-note")
    form.add_item(_field(locale, "prompt", job.request.prompt, most=MAX_PROMPT, lines=True, note=note))
    form.stop()
    return form


def region_of(values: Mapping[str, str]) -> tuple[str, Region]:
    """The words and the part of a submitted form. Raises UnknownForm where it names none that there is."""
    try:
        return values.get("prompt", ""), Region(values.get("region", ""))
    except ValueError:
        raise UnknownForm from None


def _shapes(locale: str, card: ModelCard | None, chosen: str) -> list[discord.SelectOption]:
    """Those of the model, by name, with their sizes, and the old one where it paints that too."""
    sizes = dict(card.shapes) if card else {}
    with suppress(UnknownShape, SizeUnfit):
        sizes = {chosen: size_of(chosen, card), **sizes} if card else sizes
    return [
        discord.SelectOption(
            label=text.shape_name(locale, shape),
            value=shape,
            description=f"{sizes[shape][0]} × {sizes[shape][1]}" if shape in sizes else None,
            default=shape == chosen,
        )
        for shape in list(sizes or [chosen])[:_MOST_CHOICES]
    ]


def _choice(locale: str, name: str, options: list[discord.SelectOption]) -> discord.ui.Label[Any]:
    select = discord.ui.Select[Any](custom_id=name, options=options, placeholder=say(locale, "form-choose"))
    return discord.ui.Label(text=say(locale, f"form-{name}"), component=select)


def _field(
    locale: str,
    name: str,
    value: str,
    *,
    most: int,
    lines: bool = False,
    required: bool = True,
    note: str | None = None,
) -> discord.ui.Label[Any]:
    style = discord.TextStyle.paragraph if lines else discord.TextStyle.short
    entry = discord.ui.TextInput[Any](
        custom_id=name, default=value[:most] or None, max_length=most, required=required, style=style
    )
    return discord.ui.Label(text=say(locale, f"form-{name}"), description=note, component=entry)


def typed(components: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What was typed and chosen in a submitted form, by the fields' ids."""
    values: dict[str, str] = {}
    for component in components:
        if "value" in component and "custom_id" in component:
            values[str(component["custom_id"])] = str(component["value"] or "")
        if "values" in component and "custom_id" in component:
            values[str(component["custom_id"])] = ", ".join(map(str, component["values"]))
        inner = component.get("components") or ([component["component"]] if component.get("component") else [])
        values |= typed(cast("list[Mapping[str, Any]]", inner))
    return values


def draft_of(values: Mapping[str, str], card: ModelCard | None, *, most_steps: int) -> RequestDraft:
    """The draft of a submitted form; checked again here, for what arrives is not what was drawn.

    Raises OutOfRange where a number is none.
    """
    shape = values.get("shape", "").strip()
    return RequestDraft(
        prompt=values.get("prompt", ""),
        shape=text.shape_of(shape, card.shapes if card else {}) if shape else None,
        seed=_whole("seed", values.get("seed", ""), 0, SEED_RANGE - 1),
        steps=_whole("steps", values.get("steps", ""), *_step_range(card, most_steps)),
        negative=values.get("negative", ""),
    )


def _step_range(card: ModelCard | None, most_steps: int) -> tuple[int, int]:
    return (card.steps.min, min(card.steps.max, most_steps)) if card else (1, most_steps)


def _whole(name: str, value: str, least: int, most: int) -> int | None:
    value = value.strip()
    if not value:
        return None
    if not re.fullmatch(r"[0-9]{1,10}", value) or not least <= int(value) <= most:
        raise OutOfRange(name=name, value=value, least=least, most=most)
    return int(value)
