"""/admin: settings of a server and its channels, the state of things, the engines, pause and resume."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import ImageBot
from bot.jobs.errors import NeedsAdmin, NeedsOwner
from bot.jobs.job import Requester
from bot.requests.defaults import KEYS
from bot.rest import answers
from bot.storage.settings import Scope
from bot.translations import say
from bot.translations.commands import named
from bot.ui import panels, text

_SETTINGS = [app_commands.Choice(name=named(f"setting-{key}"), value=key) for key in KEYS]


class Admin(commands.Cog):
    """Discord shows these to those with Manage Server; who may do what is checked again with each change."""

    admin = app_commands.Group(
        name=named("command-admin"),
        description=named("command-admin-text"),
        default_permissions=discord.Permissions(manage_guild=True),
        guild_only=True,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
    )
    defaults = app_commands.Group(
        name=named("command-admin-defaults"), description=named("command-admin-defaults-text"), parent=admin
    )

    def __init__(self, bot: ImageBot) -> None:
        self._bot = bot

    @defaults.command(name=named("command-admin-show"), description=named("command-admin-show-text"))
    @app_commands.rename(channel=named("option-channel"))
    @app_commands.describe(channel=named("option-channel-text"))
    async def show(
        self, interaction: discord.Interaction[ImageBot], channel: discord.TextChannel | None = None
    ) -> None:
        by = self._admin(interaction)
        shown = self._bot.service.defaults.show(by.guild, channel.id if channel else by.settled_by)
        await answers.show(interaction, panels.settings(interaction.locale.value, shown))

    @defaults.command(name=named("command-admin-set"), description=named("command-admin-set-text"))
    @app_commands.rename(setting=named("option-setting"), value=named("option-value"), channel=named("option-channel"))
    @app_commands.describe(
        setting=named("option-setting-text"), value=named("option-value-text"), channel=named("option-channel-text")
    )
    @app_commands.choices(setting=_SETTINGS)
    async def change(
        self,
        interaction: discord.Interaction[ImageBot],
        setting: app_commands.Choice[str],
        value: app_commands.Range[str, 1, 40],
        channel: discord.TextChannel | None = None,
    ) -> None:
        scope, scope_id, by = self._place(interaction, channel)
        locale = interaction.locale.value
        meant = text.setting_of(setting.value, value, self._bot.service.card)
        understood = await self._bot.service.defaults.set(scope, scope_id, setting.value, meant, by=by)
        shown = text.setting(locale, understood)
        sentence = say(
            locale, "admin-set", scope=_name(locale, channel), key=say(locale, f"setting-{setting.value}"), value=shown
        )
        await answers.say(interaction, sentence)

    @change.autocomplete("value")
    async def values(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        if interaction.namespace.setting != "shape":
            return []
        return text.shape_choices(interaction.locale.value, self._bot.service.card, typed)

    @defaults.command(name=named("command-admin-reset"), description=named("command-admin-reset-text"))
    @app_commands.rename(setting=named("option-setting"), channel=named("option-channel"))
    @app_commands.describe(setting=named("option-setting-text"), channel=named("option-channel-text"))
    @app_commands.choices(setting=_SETTINGS)
    async def reset(
        self,
        interaction: discord.Interaction[ImageBot],
        setting: app_commands.Choice[str],
        channel: discord.TextChannel | None = None,
    ) -> None:
        scope, scope_id, by = self._place(interaction, channel)
        locale = interaction.locale.value
        await self._bot.service.defaults.reset(scope, scope_id, setting.value, by=by)
        sentence = say(locale, "admin-reset", scope=_name(locale, channel), key=say(locale, f"setting-{setting.value}"))
        await answers.say(interaction, sentence)

    @admin.command(name=named("command-admin-status"), description=named("command-admin-status-text"))
    async def status(self, interaction: discord.Interaction[ImageBot]) -> None:
        service, by = self._bot.service, self._admin(interaction)
        view = panels.status(interaction.locale.value, await service.queue(by.guild), service.card)
        await answers.show(interaction, view)

    @admin.command(name=named("command-admin-engines"), description=named("command-admin-engines-text"))
    async def engines(self, interaction: discord.Interaction[ImageBot]) -> None:
        service, by = self._bot.service, self._bot.requester(interaction)
        if not by.owner:
            raise NeedsOwner
        view = panels.engines(interaction.locale.value, service.engines.views(), service.card)
        await answers.show(interaction, view)

    @admin.command(name=named("command-admin-pause"), description=named("command-admin-pause-text"))
    @app_commands.rename(everywhere=named("option-everywhere"))
    @app_commands.describe(everywhere=named("option-everywhere-text"))
    async def pause(self, interaction: discord.Interaction[ImageBot], everywhere: bool = False) -> None:
        scope = _reach(everywhere)
        await self._bot.service.pause(scope, by=self._bot.requester(interaction))
        await answers.say(interaction, say(interaction.locale.value, f"admin-paused-{scope}"))

    @admin.command(name=named("command-admin-resume"), description=named("command-admin-resume-text"))
    @app_commands.rename(everywhere=named("option-everywhere"))
    @app_commands.describe(everywhere=named("option-everywhere-text"))
    async def resume(self, interaction: discord.Interaction[ImageBot], everywhere: bool = False) -> None:
        scope = _reach(everywhere)
        await self._bot.service.resume(scope, by=self._bot.requester(interaction))
        await answers.say(interaction, say(interaction.locale.value, f"admin-resumed-{scope}"))

    def _admin(self, interaction: discord.Interaction[ImageBot]) -> Requester:
        by = self._bot.requester(interaction)
        if not by.admin:
            raise NeedsAdmin
        return by

    def _place(
        self, interaction: discord.Interaction[ImageBot], channel: discord.TextChannel | None
    ) -> tuple[Scope, int | None, Requester]:
        """What is to be changed, and who asks. Manage Server reaches every channel of the server."""
        by = self._admin(interaction)
        if channel is None:
            return "guild", by.guild, by
        return "channel", channel.id, replace(by, channel=channel.id)


def _reach(everywhere: bool) -> Literal["guild", "owner"]:
    return "owner" if everywhere else "guild"


def _name(locale: str, channel: discord.TextChannel | None) -> str:
    if channel is None:
        return say(locale, "admin-scope-guild")
    return say(locale, "admin-scope-channel", channel=channel.mention)


async def setup(bot: ImageBot) -> None:
    await bot.add_cog(Admin(bot))
