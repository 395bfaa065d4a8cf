"""/imagine: read the options, ask the service, show the waiting message."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.attachments import KEEP_TRANSPARENCY, mask_of
from bot.client import ImageBot
from bot.requests.sizes import png_size
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
        bot, by = self._bot, self._bot.requester(interaction)
        draft = asked.draft(bot.service.known_card())
        fetch = partial(self._fetch, interaction, asked) if asked.attachments else None
        job = await bot.service.imagine(draft, by=by, fetch=fetch, **bot.origin(interaction))
        await bot.delivery.open(interaction, job)

    async def _fetch(self, interaction: discord.Interaction[ImageBot], asked: Asked) -> dict[str, bytes]:
        """The attachments by the field of a request that they are for, cleaned."""
        reader, given, card = self._bot.pictures, asked.attachments, self._bot.service.known_card()
        for attachment in given.values():
            reader.check(attachment)
        # Fetching and decoding may take longer than Discord's 3 s.
        await self._bot.pending.think(interaction, by=self._bot.requester(interaction))
        pictures = dict[str, bytes]()
        for field, attachment in given.items():
            pictures[field] = await reader.read(attachment, *_purpose(field, asked, card, pictures))
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
        styles = self._bot.service.styles.offered(interaction.guild_id)
        return text.style_choices(interaction.locale.value, styles, typed)

    @imagine.autocomplete("lora")
    @imagine.autocomplete("lora2")
    async def loras(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        card = self._bot.service.card
        if card is None or not card.offers("lora"):
            return []
        return text.lora_choices(interaction.locale.value, card.loras, card.unused_tensors, typed)

    @imagine.autocomplete("control")
    async def controls(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        card = self._bot.service.card
        kinds = card.controls if card is not None and card.offers("control") else ()
        return text.control_choices(interaction.locale.value, kinds, typed)


def _purpose(field: str, asked: Asked, card: ModelCard, pictures: Mapping[str, bytes]) -> tuple[str, ...]:
    """What a picture is for, in the words of `bot.attachments`."""
    if field == "mask":
        return mask_of(png_size(pictures["source"]))
    told_where = asked.mask is not None or asked.region is not None
    return (KEEP_TRANSPARENCY,) if field == "source" and not told_where and card.offers("inpaint") else ()


async def setup(bot: ImageBot) -> None:
    await bot.add_cog(Imagine(bot))
