"""/imagine: read the options, ask the service, show the waiting message."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import ImageBot
from bot.errors import NotOffered, PainterLoading, StrengthWithoutImage
from bot.jobs.compose import LEAST_STRENGTH
from bot.jobs.service import Wish
from bot.translations.commands import named
from bot.ui import text
from engine.protocol import MAX_COUNT, MAX_PROMPT, MAX_STEPS, SEED_RANGE, ModelCard

_OPTIONS = ("prompt", "shape", "seed", "count", "steps", "guidance", "negative", "image", "strength")


class Imagine(commands.Cog):
    """The command that paints."""

    def __init__(self, bot: ImageBot) -> None:
        self._bot = bot

    @app_commands.command(name=named("command-imagine"), description=named("command-imagine-text"))
    @app_commands.rename(**{option: named(f"option-{option}") for option in _OPTIONS})
    @app_commands.describe(**{option: named(f"option-{option}-text") for option in _OPTIONS})
    async def imagine(
        self,
        interaction: discord.Interaction[ImageBot],
        prompt: app_commands.Range[str, 1, MAX_PROMPT],
        shape: app_commands.Range[str, 1, 40] | None = None,
        seed: app_commands.Range[int, 0, SEED_RANGE - 1] | None = None,
        count: app_commands.Range[int, 1, MAX_COUNT] | None = None,
        steps: app_commands.Range[int, 1, MAX_STEPS] | None = None,
        guidance: app_commands.Range[float, 0, 30] | None = None,
        negative: app_commands.Range[str, 1, MAX_PROMPT] | None = None,
        image: discord.Attachment | None = None,
        strength: app_commands.Range[float, LEAST_STRENGTH, 1.0] | None = None,
    ) -> None:
        bot = self._bot
        card = bot.service.card
        if card is None:
            raise PainterLoading
        _refuse_what_does_nothing(
            card, image=image is not None, strength=strength, guided=bool(guidance) or negative is not None
        )
        source = None
        if image is not None:
            bot.pictures.check(image)
            await interaction.response.defer()  # fetching and decoding may take longer than Discord's 3 s
            source = await bot.pictures.read(image)
        wish = Wish(
            prompt=prompt,
            shape=text.shape_of(shape, card.shapes) if shape else None,
            seed=seed,
            count=count,
            steps=steps,
            guidance=guidance,
            negative=negative,
            source=source,
            strength=strength,
        )
        by = bot.requester(interaction)
        request = await bot.service.compose(wish, by)
        job = await bot.service.submit(request, by=by, origin=str(interaction.id))
        await bot.delivery.open(interaction, job)

    @imagine.autocomplete("shape")
    async def shapes(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        """From memory: a list that comes late does not come at all."""
        card, locale = self._bot.service.card, interaction.locale.value
        names = {shape: text.shape_name(locale, shape) for shape in (card.shapes if card else ())}
        wanted = typed.strip().casefold()
        return [
            app_commands.Choice(name=name, value=shape)
            for shape, name in names.items()
            if wanted in name.casefold() or wanted == shape
        ][:25]


def _refuse_what_does_nothing(card: ModelCard, *, image: bool, strength: float | None, guided: bool) -> None:
    if image and not card.offers("image"):
        raise NotOffered(feature="image")
    if guided and not card.offers("guidance"):
        raise NotOffered(feature="guidance")
    if strength is not None and not image:
        raise StrengthWithoutImage


async def setup(bot: ImageBot) -> None:
    await bot.add_cog(Imagine(bot))
