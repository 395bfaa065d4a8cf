"""/admin styles: which styles can be asked for on this server, and with which words."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Range

from bot.client import ImageBot
from bot.jobs.errors import NeedsAdmin
from bot.requests.styles import MOST_NAME, MOST_TEMPLATE, Bilingual, StyleTemplates
from bot.rest import answers
from bot.translations import say
from bot.translations.commands import named
from bot.ui import panels, text

_OPTIONS = ("template", "chinese_name", "chinese_template")
_RENAMED = {"style": named("option-style"), "name": named("option-style_name")}
_DESCRIBED = {"style": named("option-style-text"), "name": named("option-style_name-text")}

Name = Range[str, 1, MOST_NAME]
Template = Range[str, 1, MOST_TEMPLATE]


class Styles(app_commands.Group, name=named("command-admin-styles"), description=named("command-admin-styles-text")):
    """Who may do what is checked with each change."""

    def __init__(self, bot: ImageBot) -> None:
        super().__init__()
        self._bot = bot

    @app_commands.command(name=named("command-admin-styles-list"), description=named("command-admin-styles-list-text"))
    async def listed(self, interaction: discord.Interaction[ImageBot]) -> None:
        by = self._bot.requester(interaction)
        if not by.admin:
            raise NeedsAdmin
        view = panels.styles(interaction.locale.value, self._bot.service.styles.offered(by.guild).values())
        await answers.show(interaction, view)

    @app_commands.command(name=named("command-admin-styles-add"), description=named("command-admin-styles-add-text"))
    @app_commands.rename(name=_RENAMED["name"], **{option: named(f"option-{option}") for option in _OPTIONS})
    @app_commands.describe(name=_DESCRIBED["name"], **{option: named(f"option-{option}-text") for option in _OPTIONS})
    async def add(
        self,
        interaction: discord.Interaction[ImageBot],
        name: Name,
        template: Template,
        chinese_name: Name | None = None,
        chinese_template: Template | None = None,
    ) -> None:
        templates = _templates(name, template, chinese_name, chinese_template)
        added = await self._bot.service.styles.add(templates, by=self._bot.requester(interaction))
        await _answer(interaction, "styles-added", added)

    @app_commands.command(
        name=named("command-admin-styles-change"), description=named("command-admin-styles-change-text")
    )
    @app_commands.rename(**_RENAMED, **{option: named(f"option-{option}") for option in _OPTIONS})
    @app_commands.describe(**_DESCRIBED, **{option: named(f"option-{option}-text") for option in _OPTIONS})
    async def change(
        self,
        interaction: discord.Interaction[ImageBot],
        style: Name,
        name: Name | None = None,
        template: Template | None = None,
        chinese_name: Name | None = None,
        chinese_template: Template | None = None,
    ) -> None:
        templates = _templates(name, template, chinese_name, chinese_template)
        changed = await self._bot.service.styles.change(style, templates, by=self._bot.requester(interaction))
        await _answer(interaction, "styles-changed", changed)

    @app_commands.command(
        name=named("command-admin-styles-remove"), description=named("command-admin-styles-remove-text")
    )
    @app_commands.rename(style=_RENAMED["style"])
    @app_commands.describe(style=_DESCRIBED["style"])
    async def remove(self, interaction: discord.Interaction[ImageBot], style: Name) -> None:
        gone = await self._bot.service.styles.remove(style, by=self._bot.requester(interaction))
        await _answer(interaction, "styles-removed", gone)

    @app_commands.command(
        name=named("command-admin-styles-restore"), description=named("command-admin-styles-restore-text")
    )
    @app_commands.rename(style=_RENAMED["style"])
    @app_commands.describe(style=_DESCRIBED["style"])
    async def restore(self, interaction: discord.Interaction[ImageBot], style: Name) -> None:
        back = await self._bot.service.styles.restore(style, by=self._bot.requester(interaction))
        await _answer(interaction, "styles-restored", back)

    @change.autocomplete("style")
    @remove.autocomplete("style")
    async def offered(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        styles = self._bot.service.styles.offered(interaction.guild_id)
        return text.style_choices(interaction.locale.value, styles, typed)

    @restore.autocomplete("style")
    async def changed(self, interaction: discord.Interaction[ImageBot], typed: str) -> list[app_commands.Choice[str]]:
        styles = self._bot.service.styles.changed(interaction.guild_id)
        return text.style_choices(interaction.locale.value, styles, typed)


def _templates(
    name: str | None, template: str | None, chinese_name: str | None, chinese_template: str | None
) -> StyleTemplates:
    return StyleTemplates(
        name=Bilingual(en=name or "", zh=chinese_name or ""),
        template=Bilingual(en=template or "", zh=chinese_template or ""),
    )


async def _answer(interaction: discord.Interaction[ImageBot], key: str, templates: StyleTemplates) -> None:
    locale = interaction.locale.value
    name = text.inline(templates.name.of(chinese=text.reads_chinese(locale)), MOST_NAME)
    await answers.say(interaction, say(locale, key, name=name))


async def setup(bot: ImageBot) -> None:
    """After `cogs.admin`, whose command it becomes a part of."""
    admin = bot.tree.get_command("admin")
    assert isinstance(admin, app_commands.Group)
    admin.add_command(Styles(bot))
