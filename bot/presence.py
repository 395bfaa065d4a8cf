"""What Discord shows beside the bot's name: whether there is a painter, or that none can come."""

from __future__ import annotations

import logging

import discord
from discord.ext import commands

from bot.jobs.events import EngineState
from bot.service.service import JobService
from bot.translations import say

LANGUAGES = ("en-US", "zh-CN")  # everybody sees the same words, so they stand there in both

_log = logging.getLogger(__name__)


class Presence:
    """Online where a painter is ready, idle while it loads, "do not disturb" where it cannot."""

    def __init__(self, bot: commands.AutoShardedBot, service: JobService) -> None:
        self._bot = bot
        self._service = service
        self._shown: discord.Status | None = None

    async def follow(self) -> None:
        """Show it whenever painters come, go or fail. Runs until it is cancelled."""
        # A new session knows nothing of what was said in the last, and what was said in between is lost.
        self._bot.add_listener(self._begin, "on_ready")
        self._bot.add_listener(self._begin, "on_resumed")
        with self._service.subscribe(EngineState) as events:
            async for _ in events:
                await self._show()

    async def _begin(self) -> None:
        self._shown = None
        await self._show()

    async def _show(self) -> None:
        status, words = self._state()
        if status is self._shown or not self._bot.is_ready():
            return
        self._shown = status
        said = " · ".join(say(language, words) for language in LANGUAGES) if words else ""
        try:
            await self._bot.change_presence(status=status, activity=discord.CustomActivity(said) if said else None)
        except (ConnectionError, discord.ConnectionClosed) as error:
            _log.info("the bot's status could not be shown, until the gateway is back: %s", error)

    def _state(self) -> tuple[discord.Status, str | None]:
        if self._service.engine_ready:
            return discord.Status.online, None
        if self._service.engines.trouble is not None:
            return discord.Status.dnd, "presence-broken"
        return discord.Status.idle, "presence-loading"
