"""Deletes the messages that somebody wants gone, again and again until Discord says that they are."""

from __future__ import annotations

import asyncio
import logging

import discord

from bot.jobs.ids import WallClock
from bot.rest.answers import LOST
from bot.rest.codes import Meaning, meaning_of
from bot.rest.threads import opened
from bot.storage.database import STORAGE_ERRORS
from bot.storage.removals import Removal, RemovalStore

_DAY = 24 * 3600.0
_LONGEST_PAUSE = _DAY  # a right that was taken away may come back
_GIVEN_UP_AFTER = 30 * _DAY

_log = logging.getLogger(__name__)


class Removals:
    """Works off what the ledger lists. `retry` is the first pause after a try that failed, in seconds."""

    def __init__(self, client: discord.Client, removals: RemovalStore, *, wall: WallClock, retry: float) -> None:
        self._client = client
        self._removals = removals
        self._wall = wall
        self._retry = retry
        self._wanted = asyncio.Event()
        self._tried = asyncio.Event()  # each message on the list, since the last was put there
        self._tried.set()

    def wanted(self) -> None:
        """There is something new on the list."""
        self._wanted.set()
        self._tried.clear()

    async def settled(self) -> None:
        """Until each message on the list was tried."""
        await self._tried.wait()

    async def run(self) -> None:
        """Until cancelled."""
        pause = self._retry
        while True:
            self._wanted.clear()
            try:
                await self._removals.drop_old(self._wall() - _GIVEN_UP_AFTER)
                done = not await self._left_after_a_round()
            except STORAGE_ERRORS as error:
                _log.error("deleted messages cannot be noted: %s", error)
                done = False
            if not self._wanted.is_set():
                self._tried.set()
            try:
                async with asyncio.timeout(None if done else pause):
                    await self._wanted.wait()
                    pause = self._retry
            except TimeoutError:
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _left_after_a_round(self) -> set[int]:
        """Each once, the newest first, though more may come meanwhile; returns those that are still there."""
        left = set[int]()
        while removal := next((one for one in await self._removals.all() if one.message not in left), None):
            if await self._is_gone(removal):
                await self._removals.drop(removal.message)
            else:
                left.add(removal.message)
        return left

    async def _is_gone(self, removal: Removal) -> bool:
        """Whether it is, after a try. The token needs no right in the channel, but only the bot is told the truth."""
        token = removal.token
        try:
            if token is not None and token.works(self._wall()):
                hook = discord.Webhook.partial(token.application, token.token, client=self._client)
                try:
                    await hook.delete_message(removal.message)
                except discord.DiscordServerError:
                    raise
                except discord.HTTPException as error:
                    _log.info("message %s cannot be deleted by a token: %s", removal.message, error)
                else:
                    return True
            channel = self._client.get_partial_messageable(removal.channel)
            await opened(self._client, removal.channel, channel.get_partial_message(removal.message).delete)
        except LOST as error:
            _log.info("unclear whether message %s is deleted: %s", removal.message, error)
            return False
        except discord.HTTPException as error:
            if meaning_of(error) is Meaning.GONE:
                return True
            _log.warning("message %s cannot be deleted now: %s", removal.message, error)
            return False
        return True
