"""/queue and /cancel: where one's requests stand, and taking them back."""

from __future__ import annotations

from collections.abc import Iterable

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import ImageBot
from bot.jobs.errors import NotAmongYours, SeveralFit
from bot.jobs.job import Job
from bot.rest import answers
from bot.translations import say
from bot.translations.commands import named
from bot.ui import panels, text


class Queue(commands.Cog):
    """The commands about what waits."""

    def __init__(self, bot: ImageBot) -> None:
        self._bot = bot

    @app_commands.command(name=named("command-queue"), description=named("command-queue-text"))
    async def queue(self, interaction: discord.Interaction[ImageBot]) -> None:
        service, by = self._bot.service, self._bot.requester(interaction)
        mine, everything = await service.live_jobs(by.principal), await service.queue(by.guild)
        view = panels.queue(interaction.locale.value, everything, mine=mine, standing=service.position, owner=by.owner)
        await answers.show(interaction, view)

    @app_commands.command(name=named("command-cancel"), description=named("command-cancel-text"))
    @app_commands.rename(picture=named("option-picture"))
    @app_commands.describe(picture=named("option-picture-text"))
    async def cancel(
        self, interaction: discord.Interaction[ImageBot], picture: app_commands.Range[str, 1, 100] | None = None
    ) -> None:
        service, by = self._bot.service, self._bot.requester(interaction)
        if picture is None:
            count = await service.cancel_all(by=by)
        else:
            count, job_id = 1, picture.strip()
            if await service.ledger.jobs.get(job_id) is None:  # it was typed, not chosen from the list
                job_id = _meant(job_id, await service.live_jobs(by.principal))
            await service.cancel(job_id, by=by)
        await answers.say(interaction, say(interaction.locale.value, "cancel-done", count=count))

    @cancel.autocomplete("picture")
    async def mine(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        jobs = await self._bot.service.live_jobs(self._bot.requester(interaction).principal)
        return [app_commands.Choice(name=title, value=job) for job, title in _fitting(typed, jobs).items()][:25]


def _fitting(typed: str, jobs: Iterable[Job]) -> dict[str, str]:
    """Ids and titles of the jobs whose title has what was typed in it."""
    titles = {job.id: text.clip(" ".join(text.plain(job.request.prompt).split()), 90) or job.id for job in jobs}
    wanted = typed.strip().casefold()
    return {job: title for job, title in titles.items() if wanted in title.casefold()}


def _meant(typed: str, jobs: Iterable[Job]) -> str:
    """The id of the one job that was meant. Raises NotAmongYours, SeveralFit."""
    fitting = _fitting(typed, jobs)
    exact = [job for job, title in fitting.items() if title.casefold() == typed.casefold()]
    if not fitting:
        raise NotAmongYours(typed=typed)
    if len(exact) != 1 and len(fitting) > 1:
        raise SeveralFit(typed=typed)
    return next(iter(exact or fitting))


async def setup(bot: ImageBot) -> None:
    await bot.add_cog(Queue(bot))
