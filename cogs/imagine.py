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
        draft, origin = asked.draft(bot.service.known_card()), bot.origin(interaction)
        if asked.attachments:
            announce, fetch = partial(self._announce, interaction, asked), partial(self._fetch, asked)
            job = await bot.service.imagine(draft, by=by, announce=announce, fetch=fetch, **origin)
        else:
            job = await bot.service.imagine(draft, by=by, **origin)
        await bot.delivery.open(interaction, job)

    async def _announce(self, interaction: discord.Interaction[ImageBot], asked: Asked) -> None:
        """Fetching and decoding may take longer than Discord's 3 s."""
        for attachment in asked.attachments.values():
            self._bot.pictures.check(attachment)
        await self._bot.pending.think(interaction, by=self._bot.requester(interaction))

    async def _fetch(self, asked: Asked) -> dict[str, bytes]:
        """The attachments by the field of a request that they are for, cleaned."""
        card, pictures = self._bot.service.known_card(), dict[str, bytes]()
        for field, attachment in asked.attachments.items():
            purpose = _purpose(field, asked, card, pictures)
            pictures[field] = await self._bot.pictures.read(attachment, *purpose)
        return pictures

    @imagine.autocomplete("shape")
    async def shapes(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        """From memory: a list that comes late does not come at all."""
        return text.shape_choices(interaction.locale.value, self._bot.service.card, typed)

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
    """What a picture is for, in the words of `bot.decoding`."""
    if field == "mask":
        return mask_of(png_size(pictures["source"]))
    told_where = asked.mask is not None or asked.region is not None
    return (KEEP_TRANSPARENCY,) if field == "source" and not told_where and card.offers("inpaint") else ()


async def setup(bot: ImageBot) -> None:
    await bot.add_cog(Imagine(bot))
