"""/settings: what a person's own pictures are like when they do not say."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import ImageBot
from bot.requests.defaults import OF_PICTURES
from bot.rest import answers
from bot.translations import say
from bot.translations.commands import named
from bot.ui import panels, text
from cogs.admin import value_choices

_SETTINGS = [app_commands.Choice(name=named(f"setting-{key}"), value=key) for key in OF_PICTURES]
_EXPLAINED = [app_commands.Choice(name=named(f"about-{key}"), value=key) for key in OF_PICTURES]


class Settings(commands.GroupCog, name=named("command-settings"), description=named("command-settings-text")):
    """They follow a person everywhere, and win over those of a channel or a server."""

    def __init__(self, bot: ImageBot) -> None:
        self._bot = bot

    @app_commands.command(name=named("command-settings-show"), description=named("command-settings-show-text"))
    async def show(self, interaction: discord.Interaction[ImageBot]) -> None:
        by = self._bot.requester(interaction)
        shown = self._bot.service.defaults.show(by.guild, by.settled_by, by.principal)
        mine = {key: shown[key] for key in OF_PICTURES}
        await answers.show(interaction, panels.settings(interaction.locale.value, mine))

    @app_commands.command(name=named("command-settings-set"), description=named("command-settings-set-text"))
    @app_commands.rename(setting=named("option-setting"), value=named("option-value"))
    @app_commands.describe(setting=named("option-setting-text"), value=named("option-value-text"))
    @app_commands.choices(setting=_EXPLAINED)
    async def change(
        self,
        interaction: discord.Interaction[ImageBot],
        setting: app_commands.Choice[str],
        value: app_commands.Range[str, 1, 40],
    ) -> None:
        service, by, locale = self._bot.service, self._bot.requester(interaction), interaction.locale.value
        meant = text.setting_of(setting.value, value, service.card)
        understood = await service.defaults.set("user", by.principal, setting.value, meant, by=by)
        key, shown = say(locale, f"setting-{setting.value}"), text.setting(locale, understood)
        sentence = say(locale, "settings-set", key=key, value=shown)
        await answers.say(interaction, f"{sentence}\n-# {say(locale, f'about-{setting.value}')}")

    @change.autocomplete("value")
    async def values(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        return value_choices(interaction, typed, OF_PICTURES, principal=self._bot.requester(interaction).principal)

    @app_commands.command(name=named("command-settings-reset"), description=named("command-settings-reset-text"))
    @app_commands.rename(setting=named("option-setting"))
    @app_commands.describe(setting=named("option-setting-all-text"))
    @app_commands.choices(setting=_SETTINGS)
    async def reset(
        self, interaction: discord.Interaction[ImageBot], setting: app_commands.Choice[str] | None = None
    ) -> None:
        by, locale = self._bot.requester(interaction), interaction.locale.value
        key = setting.value if setting else None
        dropped = await self._bot.service.defaults.reset("user", by.principal, key, by=by)
        if not dropped:
            sentence = say(locale, "settings-reset-none")
        elif key is None:
            sentence = say(locale, "settings-reset-all")
        else:
            sentence = say(locale, "settings-reset", key=say(locale, f"setting-{key}"))
        await answers.say(interaction, sentence)


async def setup(bot: ImageBot) -> None:
    await bot.add_cog(Settings(bot))
