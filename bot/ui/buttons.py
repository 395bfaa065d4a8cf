"""The buttons under a job's message. The `custom_id` of one is a verb, a job id and a picture number, and nothing else.

It is all that Discord hands back, so a button drawn before any restart works as well as a new one. What a press does is
said in `cogs/buttons.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import discord

from bot.translations import say

Button: TypeAlias = discord.ui.Button[Any]
Row: TypeAlias = discord.ui.ActionRow[Any]

_STYLES = {"reroll": discord.ButtonStyle.primary} | dict.fromkeys(
    ("cancel", "delete", "remove"), discord.ButtonStyle.danger
)


def template(verbs: Iterable[str]) -> str:
    """What the `custom_id` of a button with one of these verbs looks like."""
    return rf"z1:(?P<verb>{'|'.join(verbs)}):(?P<job>[0-9a-z]{{8,32}}):(?P<k>[0-3])"


def job_button(verb: str, job: str, k: int = 0, *, locale: str, label: str | None = None) -> Button:
    """`k` counts pictures from 0; the label counts from 1. Without a `label` it is called as its verb."""
    return Button(
        label=say(locale, f"button-{label or verb}", k=k + 1),
        style=_STYLES.get(verb, discord.ButtonStyle.secondary),
        custom_id=f"z1:{verb}:{job}:{k}",
    )


def picture_button(verb: str, job: str, k: int, *, of: int, locale: str) -> Button:
    """What is done to picture k `of` so many: where there is one, it needs no number."""
    return job_button(verb, job, k, locale=locale, label=f"{verb}-only" if of == 1 else None)


def delete_question(job: str, k: int, locale: str) -> discord.ui.LayoutView:
    """Asked before the message of a job goes, for it cannot be undone."""
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay(say(locale, "delete-question")))
    view.add_item(Row(job_button("remove", job, k, locale=locale)))
    return view
