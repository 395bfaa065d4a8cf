"""/forget me: what this bot has stored of a person, deleted."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot import answers
from bot.client import ImageBot
from bot.translations import say
from bot.translations.commands import named
from bot.ui.forget import question


class Forget(commands.Cog):
    """The command by which people take themselves out."""

    forget = app_commands.Group(name=named("command-forget"), description=named("command-forget-text"))

    def __init__(self, bot: ImageBot) -> None:
        self._bot = bot

    @forget.command(name=named("command-forget-me"), description=named("command-forget-me-text"))
    async def me(self, interaction: discord.Interaction[ImageBot]) -> None:
        """Asks first; the buttons under the question do it."""
        by, locale = self._bot.requester(interaction), interaction.locale.value
        stored = await self._bot.service.ledger.stored(by.principal)
        if stored.requests or stored.messages:
            await answers.show(interaction, question(locale, stored))
            return
        await self._bot.service.forget(by)  # what is left are settings and places in the queue
        await answers.say(interaction, say(locale, "forget-nothing"))


async def setup(bot: ImageBot) -> None:
    await bot.add_cog(Forget(bot))
