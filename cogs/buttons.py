"""What happens when a button is pressed or a form is sent: told by its `custom_id` alone, so after any restart too."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeAlias, cast

import discord
from discord.ext import commands
from msgspec import structs

from bot.client import ImageBot
from bot.downloads import MIB
from bot.jobs.errors import OriginalTooHeavy, UnknownButton, UnknownForm
from bot.jobs.job import Job
from bot.requests import flags
from bot.requests.derive import Continue
from bot.rest import answers
from bot.rest.codes import Meaning, meaning_of
from bot.translations import say
from bot.ui import buttons, modals, more, notes, text, typed, views

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
    card, old = bot.service.known_card(), (await bot.service.original_of(job)).request
    draft = modals.draft_of(_typed(form), card, most_steps=bot.service.defaults.most_steps)
    draft = flags.applied(draft, shape_of=lambda said: text.shape_of(said, card.shapes), old=old)
    await _open(form, await bot.service.edit(job, draft, by=bot.requester(form), **bot.origin(form)))


def _typed(form: Interaction) -> dict[str, str]:
    return modals.typed(cast("dict[str, Any]", form.data or {}).get("components", []))


async def delete(click: Interaction, job: str, k: int) -> None:
    """Asks first: it cannot be undone."""
    bot = click.client
    await bot.service.check_may_delete(job, by=bot.requester(click))
    await answers.turn(click, buttons.delete_question(job, k, click.locale.value))


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


async def ask_which(click: Interaction, job: str, k: int) -> None:
    """More, of several pictures."""
    if await _is_left_behind(click, job):
        await delete(click, job, k)
        return
    known = await click.client.service.job(job)
    await answers.show(click, more.question(known, shown_in(click.message, known), click.locale.value))


async def show_more(click: Interaction, job: str, k: int) -> None:
    """The panel of one picture, in the place of the question which."""
    if await _is_left_behind(click, job):
        await delete(click, job, k)
        return
    bot, by = click.client, click.client.requester(click)
    known, picture = await bot.service.job_and_picture(job, k)
    panel = more.panel(
        known,
        picture,
        bot.service.card,
        click.locale.value,
        shown=shown_in(click.message, known).get(k),
        most_steps=bot.service.defaults.most_steps,
        may_delete=known.is_by(by) or known.is_moderated_by(by),
    )
    await answers.turn(click, panel)


async def _is_left_behind(click: Interaction, job: str) -> bool:
    """Whether its message is all that there is: it can be deleted, and nothing more."""
    bot = click.client
    return await bot.service.ledger.left_behind.get(job, bot.requester(click).principal) is not None


def shown_in(message: discord.Message | None, job: Job) -> dict[int, str]:
    """The addresses of a job's pictures as this message shows them, by their numbers from 0."""
    found = dict[int, str]()
    for url in _addresses(message.components if message else []):
        name = url.partition("?")[0].rpartition("/")[2]
        found |= {one.k: url for one in job.pictures if name.startswith(views.file_name(job, one.k, ""))}
    return found


def _addresses(components: Iterable[discord.Component]) -> Iterator[str]:
    for component in components:
        match component:
            case discord.Container():
                yield from _addresses(component.children)
            case discord.MediaGalleryComponent():
                yield from (item.media.url for item in component.items)
            case _:
                pass


async def finish(click: Interaction, job: str, k: int) -> None:
    bot = click.client
    await _open(click, await bot.service.finish(job, k, by=bot.requester(click), **bot.origin(click)))


async def finish_all(click: Interaction, job: str, _: int) -> None:
    bot = click.client
    await _open(click, await bot.service.finish(job, None, by=bot.requester(click), **bot.origin(click)))


async def ask_region(click: Interaction, job: str, k: int) -> None:
    """Opens the form; `send_region` takes it."""
    known, _ = await click.client.service.job_and_picture(job, k)
    form = modals.region_form(known, k, click.locale.value, nonce=click.id)
    await answers.give(click, lambda: click.response.send_modal(form))


async def send_region(form: Interaction, job: str, k: int) -> None:
    bot = form.client
    prompt, region = modals.region_of(_typed(form))
    by, origin = bot.requester(form), bot.origin(form)
    await _open(form, await bot.service.repaint(job, k, prompt=prompt, region=region, by=by, **origin))


async def show_original(click: Interaction, job: str, k: int) -> None:
    """The PNG as it was painted, which Discord may have been shown in another form."""
    png, name = await click.client.service.picture(job, k), f"{job}-{k + 1}.png"
    if len(png) > click.filesize_limit:
        raise OriginalTooHeavy(size=round(len(png) / MIB, 1), limit=round(click.filesize_limit / MIB, 1))
    await answers.bring(click, say(click.locale.value, "original"), lambda: discord.File(io.BytesIO(png), name))


async def show_command(click: Interaction, job: str, k: int) -> None:
    """With the words that made the picture, where that is one made larger."""
    service, locale = click.client.service, click.locale.value
    _, picture = await service.job_and_picture(job, k)
    request = structs.replace((await service.original_of(job)).request, seed=picture.seed, count=1)
    key = "copy-this-with-picture" if typed.needs_pictures(request) else "copy-this"
    await answers.hand_over(click, say(locale, key), typed.command(locale, request))


async def show_parameters(click: Interaction, job: str, k: int) -> None:
    known, picture = await click.client.service.job_and_picture(job, k)
    try:
        await answers.show(click, more.parameters(known, picture, click.locale.value))
    except discord.HTTPException as error:
        if meaning_of(error) is not Meaning.NOT_THIS_CONTENT:
            raise
        await answers.show(click, more.parameters(views.without_words(known), picture, click.locale.value))


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
    "which": Deed(act=ask_which, again=True, outlives=True),
    "more": Deed(act=show_more, again=True, outlives=True),
    "finish": Deed(act=finish),
    "finish-all": Deed(act=finish_all),
    "region": Deed(act=ask_region, again=True),
    "original": Deed(act=show_original),
    "command": Deed(act=show_command),
    "parameters": Deed(act=show_parameters),
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
            elif form := modals.REGION.fullmatch(custom_id):
                await answer(interaction, partial(send_region, job=form["job"], k=int(form["k"])), job=form["job"])
            else:
                await bot.explain(interaction, UnknownForm())
        elif interaction.type is discord.InteractionType.component and not bot.answers_to(custom_id):
            await bot.explain(interaction, UnknownButton())


async def setup(bot: ImageBot) -> None:
    bot.add_dynamic_items(JobButton)
    await bot.add_cog(Forms())
