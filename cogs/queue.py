"""/queue and /cancel: where one's requests stand, and taking them back."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import ImageBot
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
        view = panels.queue(interaction.locale.value, everything, mine=mine, standing=service.standing)
        await interaction.response.send_message(view=view, ephemeral=True)

    @app_commands.command(name=named("command-cancel"), description=named("command-cancel-text"))
    @app_commands.rename(picture=named("option-picture"))
    @app_commands.describe(picture=named("option-picture-text"))
    async def cancel(
        self, interaction: discord.Interaction[ImageBot], picture: app_commands.Range[str, 1, 100] | None = None
    ) -> None:
        bot, by = self._bot, self._bot.requester(interaction)
        mine = [job for job in await bot.service.live_jobs(by.principal) if picture in (None, job.id)]
        count = 1
        if picture is None:
            count = await bot.service.cancel_all(by=by)
        else:
            await bot.service.cancel(picture.strip(), by=by)
        for job in mine:
            bot.delivery.cancelling(job)
        await interaction.response.send_message(
            say(interaction.locale.value, "cancel-done", count=count), ephemeral=True
        )

    @cancel.autocomplete("picture")
    async def mine(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        jobs = await self._bot.service.live_jobs(self._bot.requester(interaction).principal)
        prompts = {job.id: text.clip(" ".join(text.plain(job.request.prompt).split()), 90) for job in jobs}
        wanted = typed.strip().casefold()
        return [
            app_commands.Choice(name=prompt or job_id, value=job_id)
            for job_id, prompt in prompts.items()
            if wanted in prompt.casefold()
        ][:25]


async def setup(bot: ImageBot) -> None:
    await bot.add_cog(Queue(bot))
