"""The form behind Edit. It keeps nothing: its `custom_id` names the job, so it can be submitted after a restart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

import discord

from bot.jobs.errors import OutOfRange
from bot.jobs.interaction_token import TOKEN_LIFE
from bot.jobs.job import Job
from bot.requests.draft import RequestDraft
from bot.translations import say
from bot.ui import text
from protocol.card import ModelCard
from protocol.request import MAX_PROMPT, SEED_RANGE, Kind

# The last part is random for Discord, which remembers what was typed into a form of the same id.
EDIT = re.compile(r"z1:edit:(?P<job>[0-9a-z]{8,32}):(?P<nonce>[0-9]{1,20})")


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
        known = card.shapes if card else (request.shape,)
        note = text.clip(say(locale, "form-shape-note", shapes=text.shapes(locale, known)), 100)
        form.add_item(_field(locale, "shape", text.shape_name(locale, request.shape), most=40, note=note))
    note = say(locale, "form-seed-note")
    form.add_item(_field(locale, "seed", str(request.seed), most=10, required=False, note=note))
    least, most = _step_range(card, most_steps)
    note = say(locale, "form-steps-note", least=least, most=most)
    form.add_item(_field(locale, "steps", str(request.steps), most=2, note=note))
    form.stop()  # discord.py would keep the form for its submit; ours is answered by its id
    return form


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
    """What was typed into a submitted form, by the fields' ids."""
    values: dict[str, str] = {}
    for component in components:
        if "value" in component and "custom_id" in component:
            values[str(component["custom_id"])] = str(component["value"] or "")
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
