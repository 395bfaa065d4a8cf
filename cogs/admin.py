"""/admin: settings of a server and its channels, the state of things, the engines, pause and resume."""

from __future__ import annotations

from collections.abc import Sequence
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
_EXPLAINED = [app_commands.Choice(name=named(f"about-{key}"), value=key) for key in KEYS]


def value_choices(
    interaction: discord.Interaction[ImageBot], typed: str, keys: Sequence[str], *, principal: str | None = None
) -> list[app_commands.Choice[str]]:
    """Values for the chosen one of `keys`: shapes, or what holds here, and between what it may be."""
    bot, key, locale = interaction.client, interaction.namespace.setting, interaction.locale.value
    if key == "shape":
        return text.shape_choices(locale, bot.service.card, typed)
    if key not in keys or typed.strip():
        return []
    by, defaults = bot.requester(interaction), bot.service.defaults
    value, within = defaults.show(by.guild, by.settled_by, principal)[key].value, defaults.range_of(key)
    if value is None or within is None:
        return []
    now, least, most = (text.setting(locale, one) for one in (value, *within))
    name = say(locale, "admin-range", least=least, most=most, now=now)
    return [app_commands.Choice(name=text.clip(name, text.MOST_OF_CHOICE), value=now)]


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
    @app_commands.choices(setting=_EXPLAINED)
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
        await answers.say(interaction, f"{sentence}\n-# {say(locale, f'about-{setting.value}')}")

    @change.autocomplete("value")
    async def values(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        return value_choices(interaction, typed, KEYS)

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
