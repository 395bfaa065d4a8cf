"""What else can be done with a picture: a panel for whoever presses More, with what the loaded model can do.

A line of `GROUPS` is a row of it, a verb there a button: `button-<verb>` is its label, `more-<group>` the row's title.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import discord

from bot import answers
from bot.errors import NothingMore, Refusal
from bot.jobs import derive, outpaint
from bot.jobs.derive import Continue
from bot.jobs.job import Job, Picture
from bot.translations import say
from bot.ui.buttons import Click, JobButton, press, row, template
from engine.card import ModelCard

if TYPE_CHECKING:
    from bot.client import ImageBot

# At most five verbs a group. Each makes a request from the picture; every rule is checked when it is pressed.
GROUPS: Mapping[str, Mapping[str, Continue]] = {
    "zoom": outpaint.ZOOM,
    "pan": outpaint.PAN,
    "vary": derive.VARY,
    "upscale": derive.UPSCALE,
}
_VERBS: Mapping[str, Continue] = {verb: how for group in GROUPS.values() for verb, how in group.items()}


class MoreButton(JobButton, template=template("more", *_VERBS)):
    """Opens the panel, or does one of the things on it."""

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        opens = self.verb == "more"  # a panel that was dismissed may be opened again at once
        await press(interaction, self.job, self.custom_id, self._open if opens else self._continue, again=opens)

    async def _open(self, click: Click) -> None:
        bot: ImageBot = click.client
        job, picture = await bot.service.job_and_picture(self.job, self.k)
        view = panel(job, picture, bot.service.known_card(), click.locale.value)
        await answers.show(click, view)

    async def _continue(self, click: Click) -> None:
        bot: ImageBot = click.client
        by, how = bot.requester(click), _VERBS[self.verb]
        job = await bot.service.continue_picture(self.job, self.k, how, by=by, **bot.origin(click))
        await bot.delivery.open(click, job)


def panel(job: Job, picture: Picture, card: ModelCard, locale: str) -> discord.ui.LayoutView:
    """Everything that this model can make of the picture, group by group. Raises NothingMore."""
    groups = dict(_offered(job, picture, card))
    if not groups:
        raise NothingMore
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay(f"**{say(locale, 'more-title', k=picture.k + 1)}**"))
    for group, verbs in groups.items():
        buttons = [MoreButton(verb, job.id, picture.k, locale=locale) for verb in verbs]
        view.add_item(discord.ui.TextDisplay(f"-# {say(locale, f'more-{group}')}"))
        view.add_item(row(buttons))
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
