"""/admin model: what the engine of this machine paints with, and another one in its place."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import discord
from discord import app_commands

from bot.client import ImageBot
from bot.jobs.errors import NeedsOwner
from bot.rest import answers
from bot.translations.commands import named
from bot.ui import panels, text

_LONGEST = 100  # characters of a choice, Discord's most


@app_commands.command(name=named("command-admin-model"), description=named("command-admin-model-text"))
@app_commands.rename(model=named("option-model"))
@app_commands.describe(model=named("option-model-text"))
async def change(interaction: discord.Interaction[ImageBot], model: str | None = None) -> None:
    """Without a model: which it is, and which there are. With one: how far the change is, edit by edit."""
    models, locale = interaction.client.service.models, interaction.locale.value
    by = interaction.client.requester(interaction)
    if not by.owner:
        raise NeedsOwner
    if model is None:
        view = panels.models(locale, await models.current(), await models.offered(), models.stage)
        await answers.show(interaction, view)
        return
    async for stage in await models.change(model.strip(), by=by):
        said = panels.model_stage(locale, stage)
        if not answers.is_answered(interaction):
            await answers.say(interaction, said)
            continue
        # False after a quarter of an hour: a model may take longer to load than the answer can be edited.
        await answers.at_last(interaction, partial(interaction.edit_original_response, content=said))


@change.autocomplete("model")
async def _names(interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
    if not interaction.client.requester(interaction).owner:
        return []
    names = await interaction.client.service.models.offered()
    return text.choices({name: name for name in names if len(name) <= _LONGEST}, typed)


async def setup(bot: ImageBot) -> None:
    """After `cogs.admin`, whose command it becomes a part of."""
    admin = bot.tree.get_command("admin")
    assert isinstance(admin, app_commands.Group)
    admin.add_command(cast("app_commands.Command[Any, ..., None]", change))
