"""Names and descriptions of commands, options and choices in each locale, for Discord's command list."""

from __future__ import annotations

import discord
from discord import app_commands

from bot.translations import DEFAULT, has, nearest, say


def named(key: str) -> app_commands.locale_str:
    """A name or description by its key; its English form is the default."""
    return app_commands.locale_str(say(DEFAULT, key), key=key)


class CommandTranslator(app_commands.Translator):
    """Answers discord.py's question for each of Discord's locales; None leaves the English default."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        key = string.extras.get("key")
        ours = nearest(locale.value)
        if key is None or ours == DEFAULT or not has(key, ours):
            return None
        return say(ours, key)
