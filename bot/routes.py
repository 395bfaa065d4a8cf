"""The ways to a job's message, in the order in which posting exactly once tries them.

1. the interaction's token, which edits without any permission for 15 minutes; 2. the same message as the bot;
3. a new message, after a look for one that was sent before. Each may be repeated without harm.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import aiohttp
import discord

from bot.codes import UNKNOWN_MESSAGE, Meaning, meaning_of
from bot.jobs.ids import WallClock
from bot.jobs.rows import InteractionToken

TOKEN_LIFE = 14.5 * 60  # seconds; Discord's 15 minutes less what a slow upload takes
_LOOK_BACK = 60.0  # seconds before the job ended, for clocks that differ
_LOOK_AT = 200  # messages

Drawn = tuple[discord.ui.LayoutView, list[discord.File]]
Draw = Callable[[], Drawn]  # makes fresh files for each try


class Unclear(Exception):
    """No answer, or one that does not tell whether it was done. Trying again is harmless."""


class TooHeavy(Exception):
    """Discord refused the upload for its size."""


class Rejected(Exception):
    """Discord will not have this content, whichever way it comes."""


class NoRoute(Exception):
    """Nothing reaches the reader: kicked, no permission, the channel is gone."""


@dataclass(kw_only=True, slots=True)
class Place:
    """Where a job's message is. `message` is None before it is known or after it was deleted."""

    job: str
    channel: int
    message: int | None
    token: InteractionToken | None


class Routes:
    """Edits and sends, and says what became of it."""

    def __init__(self, client: discord.Client, *, wall: WallClock) -> None:
        self._client = client
        self._wall = wall

    async def edit(self, place: Place, draw: Draw) -> int | None:
        """The id of the edited message, or None when neither route found it; `place` forgets what has died.

        Raises Unclear, TooHeavy, Rejected.
        """
        if place.token is not None and self._wall() - place.token.at < TOKEN_LIFE:
            try:
                with _plain_words():
                    return await self._edit_by_token(place, place.token, draw)
            except _Refused:
                place.token = None  # dead early, or its message is gone; the bot's own route tells
        if place.message is not None:
            try:
                with _plain_words():
                    return await self._edit_as_bot(place.channel, place.message, draw)
            except _Refused:
                place.message = None
        return None

    async def send(self, place: Place, draw: Draw, *, since: float) -> int:
        """The id of a new message with the job's pictures, or of the one that an earlier try had sent.

        `since` is when the job ended. Raises Unclear, TooHeavy, Rejected, NoRoute.
        """
        channel = self._client.get_partial_messageable(place.channel)
        try:
            with _plain_words():
                sent = await self._sent_before(channel, place.job, since)
                if sent is not None:
                    return sent
                view, files = draw()
                # discord.py adds enforce_nonce: Discord itself drops a repeat within a few minutes
                return (await channel.send(view=view, files=files, nonce=place.job)).id
        except _Refused as refused:
            if refused.code == UNKNOWN_MESSAGE:
                return 0  # a message of this nonce was sent and has been deleted since: it was delivered
            raise NoRoute from refused

    async def _edit_by_token(self, place: Place, token: InteractionToken, draw: Draw) -> int:
        hook = discord.Webhook.partial(token.application, token.token, client=self._client)
        view, files = draw()
        target = place.message if place.message is not None else cast(int, "@original")
        return (await hook.edit_message(target, view=view, attachments=files)).id

    async def _edit_as_bot(self, channel: int, message: int, draw: Draw) -> int:
        view, files = draw()
        partial = self._client.get_partial_messageable(channel).get_partial_message(message)
        return (await partial.edit(view=view, attachments=files)).id

    async def _sent_before(self, channel: discord.PartialMessageable, job: str, since: float) -> int | None:
        after = datetime.datetime.fromtimestamp(since - _LOOK_BACK, datetime.UTC)
        me = self._client.user
        try:
            async for message in channel.history(limit=_LOOK_AT, after=after):
                if message.author == me and any(file.filename.startswith(job) for file in message.attachments):
                    return message.id
        except discord.Forbidden:
            return None  # without Read Message History the nonce alone has to do
        return None


class _Refused(Exception):
    """Discord's clear no; `code` is its own."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@contextmanager
def _plain_words() -> Generator[None]:
    """The library's errors as the few cases that matter here."""
    try:
        yield
    except (TimeoutError, aiohttp.ClientError, ConnectionError, discord.DiscordServerError) as error:
        raise Unclear(str(error)) from error
    except discord.HTTPException as error:
        match meaning_of(error):
            case Meaning.GONE | Meaning.NOT_THIS_WAY:
                raise _Refused(error.code) from error
            case Meaning.NOT_THIS_CONTENT:
                raise Rejected(str(error)) from error
            case Meaning.TOO_HEAVY:
                raise TooHeavy(str(error)) from error
            case Meaning.LATER:
                raise Unclear(str(error)) from error
