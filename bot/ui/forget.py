"""The question before /forget me, with its buttons: it cannot be undone."""

from __future__ import annotations

import discord

from bot.storage.privacy import StoredData
from bot.translations import say
from bot.ui.buttons import Button, Row

MESSAGES = ("keep", "delete")  # what becomes of the messages that were posted
TEMPLATE = rf"z1:forget:(?P<messages>{'|'.join(MESSAGES)})"


def question(locale: str, stored: StoredData) -> discord.ui.LayoutView:
    """What would be deleted, and the ways to have it so."""
    words = [
        say(locale, "forget-question", count=stored.requests),
        *([say(locale, "forget-question-messages", count=stored.messages)] if stored.messages else []),
    ]
    buttons = [_button(messages, locale) for messages in MESSAGES[: 1 + bool(stored.messages)]]
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay("\n".join(words)))
    view.add_item(Row(*buttons))
    return view


def _button(messages: str, locale: str) -> Button:
    return Button(
        label=say(locale, f"button-forget-{messages}"),
        style=discord.ButtonStyle.danger,
        custom_id=f"z1:forget:{messages}",
    )
