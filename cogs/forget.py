"""/forget me: what this bot has stored of a person, deleted."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot import answers
from bot.client import ImageBot
from bot.translations import say
from bot.translations.commands import named


class Forget(commands.Cog):
    """The command by which people take themselves out."""

    forget = app_commands.Group(name=named("command-forget"), description=named("command-forget-text"))

    def __init__(self, bot: ImageBot) -> None:
        self._bot = bot

    @forget.command(name=named("command-forget-me"), description=named("command-forget-me-text"))
    async def me(self, interaction: discord.Interaction[ImageBot]) -> None:
        count = await self._bot.service.forget(self._bot.requester(interaction))
        await answers.say(interaction, say(interaction.locale.value, "forget-done", count=count))


async def setup(bot: ImageBot) -> None:
    await bot.add_cog(Forget(bot))
