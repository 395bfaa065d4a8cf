"""Requests that are answered with "thinking" before they are jobs: written down first, carried on after a restart.

Each is kept as Discord sent it and goes through the same command again, which accepts one origin once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import discord

from bot.gateway import SteadyBot
from bot.jobs.errors import Interrupted
from bot.jobs.job import Requester
from bot.rest import answers
from bot.service.service import JobService
from bot.storage.database import STORAGE_ERRORS, retry_pauses
from bot.storage.pending import PendingRequest
from bot.translations import say

_MOST_TRIES = 3  # restarts; a request that ends the process each time must not do so for ever

_KEPT = "pending"  # in an interaction's extras: it is on the list, or was

_payload: ContextVar[dict[str, Any]] = ContextVar("payload")

# Says to the person what came of an interaction.
Explain = Callable[[discord.Interaction[Any], Exception], Awaitable[None]]

_log = logging.getLogger(__name__)


def channel_of(interaction: discord.Interaction[Any]) -> int | None:
    """Where this interaction, which is being answered, was made. The library forgets that together with a channel
    which it cannot make; its payload says it still."""
    if interaction.channel_id is not None:
        return interaction.channel_id
    told = _payload.get({}).get("channel_id")
    return int(told) if isinstance(told, str) else None


class PendingRequests:
    """Keeps them for the bot. Whoever refuses one calls `refused`; to accept one takes it off the list."""

    def __init__(self, bot: SteadyBot, service: JobService, *, explain: Explain, retry: float) -> None:
        self._bot = bot
        self._service = service
        self._explain = explain
        self._retry = retry  # seconds; doubles
        # The library keeps no payload. Tasks inherit the context in which they are made, the command's is one of them.
        parsers = bot._connection.parsers  # pyright: ignore[reportPrivateUsage]
        parse = parsers["INTERACTION_CREATE"]

        def remembering(data: dict[str, Any]) -> None:
            before = _payload.set(data)
            try:
                parse(data)
            finally:
                _payload.reset(before)

        parsers["INTERACTION_CREATE"] = remembering

    async def think(self, interaction: discord.Interaction[Any], *, by: Requester) -> None:
        """Answer with "thinking", once the request is on disk. Raises DiskFull."""
        if answers.is_answered(interaction):
            return  # carried on
        at = interaction.created_at.timestamp()
        await self._service.keep(str(interaction.id), payload=_payload.get(), by=by, at=at)
        interaction.extras[_KEPT] = True
        try:
            await answers.defer(interaction)
        except (discord.HTTPException, answers.AnsweredElsewhere):
            # Its answer will be the refusal, which a later process must not take for "thinking".
            del interaction.extras[_KEPT]
            await self._service.ledger.pending.drop(str(interaction.id))
            raise

    async def carry_on(self) -> None:
        """Take up what an earlier process left; returns when each is a job or its person knows why not."""
        async with asyncio.TaskGroup() as tasks:
            for request in await self._left():
                tasks.create_task(self._carry_on_alone(request), name=f"pending-{request.origin}")

    async def _left(self) -> list[PendingRequest]:
        """By an earlier process; waits for room on the disk."""
        pauses = retry_pauses(self._retry)
        while True:
            try:
                return await self._service.ledger.pending.take_up()
            except STORAGE_ERRORS as error:
                _log.error("what an earlier process left cannot be carried on yet: %s", error)
            await asyncio.sleep(next(pauses))

    async def refused(self, interaction: discord.Interaction[Any], sentence: str, *, told: bool) -> None:
        """Nothing comes of this interaction. Where its person could not be told so, and it is one of ours, they are
        told in the channel."""
        if _KEPT not in interaction.extras:
            return
        origin, ledger = str(interaction.id), self._service.ledger
        try:
            if await ledger.pending.has(origin):
                if not told:
                    await self._say_in_channel(interaction, sentence)
                await ledger.pending.drop(origin)
        except STORAGE_ERRORS as error:
            _log.error("interaction %s: it cannot be noted that its person was told: %s", origin, error)

    async def _carry_on_alone(self, request: PendingRequest) -> None:
        try:
            await self._carry_on(request)
        except Exception as error:  # noqa: BLE001  # the border of interactions: one must not end the others
            _log.error("interaction %s: cannot be carried on", request.origin, exc_info=error)

    async def _carry_on(self, request: PendingRequest) -> None:
        state = self._bot._connection  # pyright: ignore[reportPrivateUsage]
        payload: Any = request.payload
        _payload.set(payload)
        interaction = discord.Interaction[Any](data=payload, state=state)
        interaction.extras[_KEPT] = True
        answers.count_as_thinking(interaction)
        _log.info("interaction %s is carried on", request.origin)
        if request.tries > _MOST_TRIES:
            await self._explain(interaction, Interrupted())
            return
        await self._bot.tree._call(interaction)  # pyright: ignore[reportPrivateUsage]

    async def _say_in_channel(self, interaction: discord.Interaction[Any], sentence: str) -> None:
        channel_id = channel_of(interaction)
        if channel_id is None:
            return
        channel = self._bot.get_partial_messageable(channel_id)
        words = say(interaction.locale.value, "request-given-up", who=interaction.user.mention, reason=sentence)
        # Discord itself drops a repeat of the nonce.
        if await answers.at_last(interaction, lambda: channel.send(words, nonce=str(interaction.id))):
            await answers.stop_thinking(interaction)  # in an archived thread, which these words have opened
