"""What happens when a button is pressed or a form is sent: told by its `custom_id` alone, so after any restart too."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeAlias, cast

import discord
from discord.ext import commands

from bot.client import ImageBot
from bot.jobs.errors import UnknownButton, UnknownForm
from bot.jobs.job import Job
from bot.requests import flags
from bot.requests.derive import Continue
from bot.rest import answers
from bot.translations import say
from bot.ui import buttons, modals, more, notes, text

Interaction: TypeAlias = "discord.Interaction[ImageBot]"
Act = Callable[[Interaction, str, int], Awaitable[None]]  # of a job id and a picture number, from 0


async def answer(
    interaction: Interaction,
    act: Callable[[Interaction], Awaitable[None]],
    *,
    job: str | None,
    again: bool = False,
    outlives: bool = False,
) -> None:
    """The one door of presses and forms. Of a double click one half acts, unless it may be done `again` at once.

    What Discord hands back was drawn by us, but need not have been: the job must be one of this channel. What
    `outlives` its job looks for itself.
    """
    bot = interaction.client
    async with bot.border(interaction, job=job):
        message = interaction.message.id if interaction.message else 0
        if not again and not bot.clicks.first(interaction.user.id, message, _custom_id(interaction)):
            await answers.defer(interaction)
            return
        await bot.turnstile.enter()
        if job is not None:
            by = bot.requester(interaction)
            if not outlives or await bot.service.ledger.left_behind.get(job, by.principal) is None:
                await bot.service.check_is_here(job, by=by)
        await act(interaction)


def _custom_id(interaction: Interaction) -> str:
    return str(cast("dict[str, Any]", interaction.data or {}).get("custom_id"))


async def reroll(click: Interaction, job: str, _: int) -> None:
    bot = click.client
    await _open(click, await bot.service.reroll(job, by=bot.requester(click), **bot.origin(click)))


async def vary(click: Interaction, job: str, k: int) -> None:
    bot = click.client
    await _open(click, await bot.service.vary(job, k, by=bot.requester(click), **bot.origin(click)))


async def upscale(click: Interaction, job: str, k: int) -> None:
    bot = click.client
    await _open(click, await bot.service.upscale(job, k, by=bot.requester(click), **bot.origin(click)))


async def continue_picture(how: Continue, click: Interaction, job: str, k: int) -> None:
    bot = click.client
    await _open(click, await bot.service.continue_picture(job, k, how, by=bot.requester(click), **bot.origin(click)))


async def edit(click: Interaction, job: str, _: int) -> None:
    """Opens the form; `send_edit` takes it."""
    service = click.client.service
    known, most_steps = await service.job(job), service.defaults.most_steps
    form = modals.edit_form(known, service.card, click.locale.value, most_steps=most_steps, nonce=click.id)
    await answers.give(click, lambda: click.response.send_modal(form))


async def send_edit(form: Interaction, job: str) -> None:
    bot = form.client
    data = cast("dict[str, Any]", form.data or {})
    typed = modals.typed(data.get("components", []))
    card, old = bot.service.known_card(), (await bot.service.original_of(job)).request
    draft = modals.draft_of(typed, card, most_steps=bot.service.defaults.most_steps)
    draft = flags.applied(draft, shape_of=lambda said: text.shape_of(said, card.shapes), old=old)
    await _open(form, await bot.service.edit(job, draft, by=bot.requester(form), **bot.origin(form)))


async def delete(click: Interaction, job: str, k: int) -> None:
    """Asks first: it cannot be undone."""
    bot = click.client
    await bot.service.check_may_delete(job, by=bot.requester(click))
    await answers.show(click, buttons.delete_question(job, k, click.locale.value))


async def remove(click: Interaction, job: str, _: int) -> None:
    """The answer to that; the message goes as soon as Discord lets it."""
    bot = click.client
    await bot.service.delete(job, by=bot.requester(click), token=answers.token_of(click))
    bot.removals.wanted()
    await answers.change(click, say(click.locale.value, "delete-done"))


async def cancel(click: Interaction, job: str, _: int) -> None:
    bot = click.client
    await bot.service.cancel(job, by=bot.requester(click))
    await answers.defer(click)


async def show_prompt(click: Interaction, job: str, _: int) -> None:
    known = await click.client.service.job(job)
    whole, title = notes.whole(known.request).encode(), say(click.locale.value, "full-prompt")

    async def send() -> None:  # with a fresh file for each try
        file = discord.File(io.BytesIO(whole), filename="prompt.txt")
        await click.response.send_message(title, file=file, ephemeral=True)

    await answers.give(click, send)


async def show_more(click: Interaction, job: str, k: int) -> None:
    service = click.client.service
    known, picture = await service.job_and_picture(job, k)
    await answers.show(click, more.panel(known, picture, service.known_card(), click.locale.value))


async def _open(interaction: Interaction, job: Job) -> None:
    await interaction.client.delivery.open(interaction, job)


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """What a verb does, and how its door is guarded (see `answer`)."""

    act: Act
    again: bool = False
    outlives: bool = False


# A form, a panel or a question that is closed may be opened again at once; a second one of it makes nothing.
DEEDS: Mapping[str, Deed] = {
    "reroll": Deed(act=reroll),
    "vary": Deed(act=vary),
    "upscale": Deed(act=upscale),
    "edit": Deed(act=edit, again=True),
    "delete": Deed(act=delete, again=True, outlives=True),
    "remove": Deed(act=remove, outlives=True),
    "cancel": Deed(act=cancel),
    "prompt": Deed(act=show_prompt),
    "more": Deed(act=show_more, again=True),
    **{verb: Deed(act=partial(continue_picture, how)) for verb, how in more.VERBS.items()},
}


class JobButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=buttons.template(DEEDS)):
    """A pressed button of a job."""

    def __init__(self, button: discord.ui.Button[Any], verb: str, job: str, k: int) -> None:
        super().__init__(button)
        self.verb, self.job, self.k = verb, job, k

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(cast("discord.ui.Button[Any]", item), match["verb"], match["job"], int(match["k"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        deed, job, k = DEEDS[self.verb], self.job, self.k
        await answer(interaction, lambda i: deed.act(i, job, k), job=job, again=deed.again, outlives=deed.outlives)


class Forms(commands.Cog):
    """Forms that are sent, and what nobody here answers."""

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        bot, custom_id = interaction.client, _custom_id(interaction)
        if interaction.type is discord.InteractionType.modal_submit:
            if form := modals.EDIT.fullmatch(custom_id):
                await answer(interaction, partial(send_edit, job=form["job"]), job=form["job"])
            else:
                await bot.explain(interaction, UnknownForm())
        elif interaction.type is discord.InteractionType.component and not bot.answers_to(custom_id):
            await bot.explain(interaction, UnknownButton())


async def setup(bot: ImageBot) -> None:
    bot.add_dynamic_items(JobButton)
    await bot.add_cog(Forms())
