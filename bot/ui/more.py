"""What else can be done with a picture: a panel for whoever presses More, with what the loaded model can do.

A line of `GROUPS` is a row of it, a verb there a button: `button-<verb>` is its label, `more-<group>` the row's title.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import discord

from bot.jobs.errors import NothingMore, Refusal
from bot.jobs.job import Job, Picture
from bot.requests import derive
from bot.requests.derive import Continue
from bot.translations import say
from bot.ui.buttons import Row, job_button
from protocol.card import ModelCard

# At most five verbs a group. Each makes a request from the picture; every rule is checked when it is pressed.
GROUPS: Mapping[str, Mapping[str, Continue]] = {
    "zoom": derive.ZOOM,
    "pan": derive.PAN,
    "vary": derive.VARY,
    "upscale": derive.UPSCALE,
}
VERBS: Mapping[str, Continue] = {verb: how for group in GROUPS.values() for verb, how in group.items()}


def panel(job: Job, picture: Picture, card: ModelCard, locale: str) -> discord.ui.LayoutView:
    """Everything that this model can make of the picture, group by group. Raises NothingMore."""
    groups = dict(_offered(job, picture, card))
    if not groups:
        raise NothingMore
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay(f"**{say(locale, 'more-title', k=picture.k + 1)}**"))
    for group, verbs in groups.items():
        buttons = [job_button(verb, job.id, picture.k, locale=locale) for verb in verbs]
        view.add_item(discord.ui.TextDisplay(f"-# {say(locale, f'more-{group}')}"))
        view.add_item(Row(*buttons))
    return view


def has_more(job: Job, picture: Picture, card: ModelCard | None) -> bool:
    """Whether its panel would show anything."""
    return card is None or any(True for _ in _offered(job, picture, card))


def _offered(job: Job, picture: Picture, card: ModelCard) -> Iterator[tuple[str, list[str]]]:
    for group, verbs in GROUPS.items():
        if able := [verb for verb, how in verbs.items() if _is_able(card, how, job, picture)]:
            yield group, able


def _is_able(card: ModelCard, how: Continue, job: Job, picture: Picture) -> bool:
    try:
        return card.can_paint(how(job, picture, card=card, seed=0))
    except Refusal:
        return False
