"""/forget me: what this bot has stored of a person, deleted."""

from __future__ import annotations

import re
from typing import Any, Self, cast

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import ImageBot
from bot.rest import answers
from bot.translations import say
from bot.translations.commands import named
from bot.ui import forget
from cogs.buttons import Interaction, answer


class ForgetButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=forget.TEMPLATE):
    """Forgets whoever presses it. It stands in a message that only they see."""

    def __init__(self, button: discord.ui.Button[Any], messages: str) -> None:
        super().__init__(button)
        self._messages = messages

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(cast("discord.ui.Button[Any]", item), match["messages"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await answer(interaction, self._forget, job=None)

    async def _forget(self, click: Interaction) -> None:
        bot = click.client
        count = await bot.service.forget(bot.requester(click), messages=self._messages == "delete")
        bot.removals.wanted()
        await answers.change(click, say(click.locale.value, f"forget-done-{self._messages}", count=count))


class Forget(commands.Cog):
    """The command by which people take themselves out."""

    group = app_commands.Group(name=named("command-forget"), description=named("command-forget-text"))

    def __init__(self, bot: ImageBot) -> None:
        self._bot = bot

    @group.command(name=named("command-forget-me"), description=named("command-forget-me-text"))
    async def me(self, interaction: Interaction) -> None:
        """Asks first; the buttons under the question do it."""
        by, locale = self._bot.requester(interaction), interaction.locale.value
        stored = await self._bot.service.ledger.privacy.stored(by.principal)
        if stored.requests or stored.messages:
            await answers.show(interaction, forget.question(locale, stored))
            return
        chose = self._bot.service.defaults.chosen_by(by)
        await self._bot.service.forget(by)  # what is left are settings and places in the queue
        await answers.say(interaction, say(locale, "forget-settings" if chose else "forget-nothing"))


async def setup(bot: ImageBot) -> None:
    bot.add_dynamic_items(ForgetButton)
    await bot.add_cog(Forget(bot))
