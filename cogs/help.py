"""/help: one screen."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import ImageBot
from bot.rest import answers
from bot.translations.commands import named
from bot.ui import panels


class Help(commands.Cog):
    """The command that explains the others."""

    def __init__(self, bot: ImageBot) -> None:
        self._bot = bot

    @app_commands.command(name=named("command-help"), description=named("command-help-text"))
    async def help(self, interaction: discord.Interaction[ImageBot]) -> None:
        service = self._bot.service
        usual = service.defaults.of_pictures(self._bot.requester(interaction))
        view = panels.help_screen(
            interaction.locale.value,
            service.card,
            most_steps=service.defaults.most_steps,
            guidance=usual.guidance,
        )
        await answers.show(interaction, view)


async def setup(bot: ImageBot) -> None:
    await bot.add_cog(Help(bot))
