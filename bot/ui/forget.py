"""The question before /forget me, and its buttons: it cannot be undone."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot import answers
from bot.jobs.forgetting import Stored
from bot.translations import say
from bot.ui.buttons import Click, Row, press

MESSAGES = ("keep", "delete")  # what becomes of the messages that were posted
_BUTTON = rf"z1:forget:(?P<messages>{'|'.join(MESSAGES)})"


class ForgetButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=_BUTTON):
    """Forgets whoever presses it. It stands in a message that only they see."""

    def __init__(self, messages: str, *, locale: str = "en-US") -> None:
        super().__init__(
            discord.ui.Button(
                label=say(locale, f"button-forget-{messages}"),
                style=discord.ButtonStyle.danger,
                custom_id=f"z1:forget:{messages}",
            )
        )
        self._messages = messages

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["messages"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await press(interaction, None, self.custom_id, self._forget)

    async def _forget(self, click: Click) -> None:
        bot = click.client
        count = await bot.service.forget(bot.requester(click), messages=self._messages == "delete")
        bot.removals.wanted()
        await answers.change(click, say(click.locale.value, f"forget-done-{self._messages}", count=count))


def question(locale: str, stored: Stored) -> discord.ui.LayoutView:
    """What would be deleted, and the ways to have it so."""
    words = [
        say(locale, "forget-question", count=stored.requests),
        *([say(locale, "forget-question-messages", count=stored.messages)] if stored.messages else []),
    ]
    buttons = [ForgetButton(messages, locale=locale) for messages in MESSAGES[: 1 + bool(stored.messages)]]
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay("\n".join(words)))
    row: Row = discord.ui.ActionRow[Any](*buttons)  # pyright: ignore[reportArgumentType]  # as in `bot.ui.buttons.row`
    view.add_item(row)
    return view
