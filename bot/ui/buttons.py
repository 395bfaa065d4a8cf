"""The buttons under a job's message. One carries a verb, a job id and a picture number, and decides nothing.

Discord hands a click back with the `custom_id` alone, so a button drawn before any restart works as well as a new one.
"""

from __future__ import annotations

import io
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import discord

from bot import answers
from bot.translations import say
from bot.ui import modals, notes

if TYPE_CHECKING:
    from bot.client import ImageBot

Click: TypeAlias = "discord.Interaction[ImageBot]"
Row: TypeAlias = "discord.ui.ActionRow[Any]"

SAME_CLICK = 3.0  # seconds within which a second click on the same button is the same wish
_REMEMBERED = 4096  # clicks; far more than people make in three seconds

_STYLES = {"reroll": discord.ButtonStyle.primary} | dict.fromkeys(
    ("cancel", "delete", "remove"), discord.ButtonStyle.danger
)


class Clicks:
    """Tells a first click from the second half of a double click.

    Discord sends a double click as two interactions with two ids, which are two origins and would make two jobs. The
    first click of a person on a button of a message is therefore noted before anything is awaited; a second one
    within `SAME_CLICK` seconds is acknowledged and does nothing. A repeated delivery of one interaction (gateway
    RESUME) has the same id and is caught by the ledger's unique `origin`, also across restarts.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: OrderedDict[tuple[int, int, str], float] = OrderedDict()

    def first(self, person: int, message: int, custom_id: str) -> bool:
        """Whether this click is a new wish."""
        key, now = (person, message, custom_id), self._clock()
        before = self._last.get(key)
        if before is not None and now - before < SAME_CLICK:
            return False
        self._last[key] = now
        self._last.move_to_end(key)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return True


async def press(
    click: Click,
    job: str | None,
    custom_id: str,
    act: Callable[[Click], Coroutine[Any, Any, None]],
    *,
    again: bool = False,
    outlives: bool = False,
) -> None:
    """Do what a button is for, mostly one of a job; of a double click only once, unless it may be done `again` at once.

    What Discord hands back was drawn by us, but need not have been: the job must be one of this channel. A button that
    `outlives` its job looks for itself.
    """
    bot = click.client
    async with bot.border(click, job=job):
        message = click.message.id if click.message else 0
        if not again and not bot.clicks.first(click.user.id, message, custom_id):
            await answers.defer(click)
            return
        await bot.turnstile.enter()
        if job is not None:
            by = bot.requester(click)
            if not outlives or await bot.service.ledger.left_behind(job, by.principal) is None:
                await bot.service.check_is_here(job, by=by)
        await act(click)


def template(*verbs: str) -> str:
    """What the `custom_id` of a button with one of these verbs looks like."""
    return rf"z1:(?P<verb>{'|'.join(verbs)}):(?P<job>[0-9a-z]{{8,32}}):(?P<k>[0-3])"


class JobButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=template("reroll", "vary", "upscale", "edit", "delete", "remove", "cancel", "prompt"),
):
    """Any of them. `k` counts pictures from 0; the label counts from 1."""

    def __init__(self, verb: str, job: str, k: int = 0, *, locale: str = "en-US") -> None:
        super().__init__(
            discord.ui.Button(
                label=say(locale, f"button-{verb}", k=k + 1),
                style=_STYLES.get(verb, discord.ButtonStyle.secondary),
                custom_id=f"z1:{verb}:{job}:{k}",
            )
        )
        self.verb, self.job, self.k = verb, job, k

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["verb"], match["job"], int(match["k"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        # A form or a question that is closed may be opened again at once; a second one of it makes nothing.
        again, outlives = self.verb in ("edit", "delete"), self.verb in ("delete", "remove")
        act = getattr(self, f"_{self.verb}")
        await press(interaction, self.job, self.custom_id, act, again=again, outlives=outlives)

    async def _reroll(self, click: Click) -> None:
        bot = click.client
        job = await bot.service.reroll(self.job, by=bot.requester(click), **bot.origin(click))
        await bot.delivery.open(click, job)

    async def _vary(self, click: Click) -> None:
        bot = click.client
        job = await bot.service.vary(self.job, self.k, by=bot.requester(click), **bot.origin(click))
        await bot.delivery.open(click, job)

    async def _upscale(self, click: Click) -> None:
        bot = click.client
        job = await bot.service.upscale(self.job, self.k, by=bot.requester(click), **bot.origin(click))
        await bot.delivery.open(click, job)

    async def _edit(self, click: Click) -> None:
        bot = click.client
        job = await bot.service.job(self.job)
        most_steps = bot.service.defaults.owner.most_steps
        form = modals.edit_form(job, bot.service.card, click.locale.value, most_steps=most_steps, nonce=click.id)
        await answers.give(click, lambda: click.response.send_modal(form))

    async def _delete(self, click: Click) -> None:
        """Asks first: it cannot be undone."""
        bot, locale = click.client, click.locale.value
        await bot.service.check_may_delete(self.job, by=bot.requester(click))
        view = discord.ui.LayoutView(timeout=None)
        view.add_item(discord.ui.TextDisplay(say(locale, "delete-question")))
        view.add_item(row([JobButton("remove", self.job, self.k, locale=locale)]))
        await answers.show(click, view)

    async def _remove(self, click: Click) -> None:
        """The answer to that; the message goes as soon as Discord lets it."""
        bot = click.client
        await bot.service.delete(self.job, by=bot.requester(click), token=answers.token_of(click))
        bot.removals.wanted()
        await answers.change(click, say(click.locale.value, "delete-done"))

    async def _cancel(self, click: Click) -> None:
        bot = click.client
        await bot.service.cancel(self.job, by=bot.requester(click))
        await answers.defer(click)

    async def _prompt(self, click: Click) -> None:
        bot = click.client
        job = await bot.service.job(self.job)
        whole, title = notes.whole(job.request).encode(), say(click.locale.value, "full-prompt")

        async def send() -> None:  # with a fresh file for each try
            file = discord.File(io.BytesIO(whole), filename="prompt.txt")
            await click.response.send_message(title, file=file, ephemeral=True)

        await answers.give(click, send)


def row(buttons: Sequence[JobButton]) -> Row:
    """At most five of them."""
    # The library's DynamicItem is typed as an item of either kind of view, a row as one of a single kind.
    return discord.ui.ActionRow[Any](*buttons)  # pyright: ignore[reportArgumentType]
