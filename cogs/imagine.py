"""/imagine: read the options, ask the service, show the waiting message."""

from __future__ import annotations

from collections.abc import Mapping

import discord
from discord import app_commands
from discord.ext import commands

from bot.attachments import KEEP_TRANSPARENCY, mask_of
from bot.client import ImageBot
from bot.requests import sizes as canvas
from bot.requests import wish as compose
from bot.translations.commands import named
from bot.ui import text
from cogs.options import Asked, asks
from protocol.card import ModelCard


class Imagine(commands.Cog):
    """The command that paints."""

    def __init__(self, bot: ImageBot) -> None:
        self._bot = bot

    @app_commands.command(name=named("command-imagine"), description=named("command-imagine-text"))
    @asks(Asked)
    async def imagine(self, interaction: discord.Interaction[ImageBot], asked: Asked) -> None:
        bot = self._bot
        card = bot.service.known_card()
        given = asked.attachments
        wish = asked.wish(card, dict.fromkeys(given, b""))
        # What can be refused without its pictures is refused before they are fetched, to the person alone.
        compose.check(wish, card)
        if given:
            wish = asked.wish(card, await self._fetched(interaction, asked, card))
        by = bot.requester(interaction)
        request = await bot.service.compose(wish, by)
        job = await bot.service.submit(request, by=by, **bot.origin(interaction))
        await bot.delivery.open(interaction, job)

    async def _fetched(
        self, interaction: discord.Interaction[ImageBot], asked: Asked, card: ModelCard
    ) -> dict[str, bytes]:
        """The attachments by their option, cleaned."""
        reader, given = self._bot.pictures, asked.attachments
        for attachment in given.values():
            reader.check(attachment)
        # Fetching and decoding may take longer than Discord's 3 s.
        await self._bot.pending.think(interaction, by=self._bot.requester(interaction))
        pictures = dict[str, bytes]()
        for name, attachment in given.items():  # in the order of the options: an image before its mask
            pictures[name] = await reader.read(attachment, *_purpose(name, asked, card, pictures))
        return pictures

    @imagine.autocomplete("shape")
    async def shapes(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        """From memory: a list that comes late does not come at all."""
        card = self._bot.service.card
        return text.shape_choices(interaction.locale.value, card.shapes if card else (), typed)

    @imagine.autocomplete("style")
    async def styles(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        if self._bot.service.card is not None and not self._bot.service.card.offers("style"):
            return []
        sheets = self._bot.service.styles.offered(interaction.guild_id)
        return text.style_choices(interaction.locale.value, sheets, typed)

    @imagine.autocomplete("lora")
    @imagine.autocomplete("lora2")
    async def loras(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        card = self._bot.service.card
        names = card.loras if card is not None and card.offers("lora") else ()
        return text.choices({name: name for name in names}, typed)

    @imagine.autocomplete("control")
    async def controls(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        card = self._bot.service.card
        kinds = card.controls if card is not None and card.offers("control") else ()
        return text.control_choices(interaction.locale.value, kinds, typed)


def _purpose(name: str, asked: Asked, card: ModelCard, pictures: Mapping[str, bytes]) -> tuple[str, ...]:
    """What an attachment is for, in the words of `bot.attachments`."""
    if name == "mask":
        return mask_of(canvas.png_size(pictures["image"]))
    told_where = asked.mask is not None or asked.region is not None
    return (KEEP_TRANSPARENCY,) if name == "image" and not told_where and card.offers("inpaint") else ()


async def setup(bot: ImageBot) -> None:
    await bot.add_cog(Imagine(bot))
