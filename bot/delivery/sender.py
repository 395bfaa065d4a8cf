"""The ways to a job's message, in the order in which posting exactly once tries them.

1. the interaction's token, which edits without any permission for 15 minutes; 2. the same message as the bot;
3. where there never was one, a new message, after a look for one that was sent before. Each may be repeated without
harm. What somebody has deleted gets no successor.
"""

from __future__ import annotations

import datetime
import io
import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, cast

import discord

from bot.jobs.ids import WallClock
from bot.jobs.interaction_token import InteractionToken
from bot.rest import threads
from bot.rest.answers import LOST
from bot.rest.codes import UNKNOWN_MESSAGE, Meaning, meaning_of
from bot.rest.rate_limits import OutcomeUnknown, RefusedForNow

_LOOK_BACK = 60.0  # seconds before the job ended, for clocks that differ
_LOOK_AT = 200  # messages

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """What a message is to show: its layout, and the files in it by their names."""

    view: discord.ui.LayoutView
    attachments: tuple[tuple[str, bytes], ...] = ()

    def files(self) -> list[discord.File]:
        """Fresh ones, for a library that closes them after each try."""
        return [discord.File(io.BytesIO(content), filename=name) for name, content in self.attachments]


class TooHeavy(Exception):
    """Discord refused the upload for its size."""


class Rejected(Exception):
    """Discord will not have this content, whichever way it comes."""


class Archived(RefusedForNow):
    """Nothing here can be edited before its thread is open again."""


class Unreachable(Exception):
    """Nothing reaches the reader: kicked, no permission, the channel is gone."""


class Location(NamedTuple):
    """A message and the channel that it is in."""

    channel: int
    message: int


@dataclass(kw_only=True, slots=True)
class MessageRef:
    """Where a job's message is.

    `channel` is None where the interaction did not say it; an edit will. `message` is None before it is known, and
    once its channel is gone. `deleted`: somebody took the message away.
    """

    job: str
    channel: int | None
    message: int | None
    token: InteractionToken | None
    deleted: bool = False


class Sender:
    """Edits and sends, and says what became of it."""

    def __init__(self, client: discord.Client, *, wall: WallClock) -> None:
        self._client = client
        self._wall = wall

    async def edit(self, ref: MessageRef, drawing: Drawing) -> Location | None:
        """Where the edited message is, or None when neither route found it; `ref` learns what is gone.

        Raises Archived, OutcomeUnknown, TooHeavy, Rejected.
        """
        if ref.deleted:
            return None
        if ref.token is not None and ref.token.works(self._wall()):
            try:
                with known_errors():
                    return await self._edit_by_token(ref, ref.token, drawing)
            except WayClosed as closed:
                ref.token = None  # dead early, or its message is gone; the bot's own route tells
                # An answer that never arrived is another code: 10015, unknown webhook.
                ref.deleted = ref.message is None and closed.code == UNKNOWN_MESSAGE
        if ref.channel is not None and ref.message is not None:
            try:
                with known_errors():
                    return await self._edit_as_bot(ref.channel, ref.message, drawing)
            except WayClosed as closed:
                if closed.code == UNKNOWN_MESSAGE:
                    ref.deleted = True
                elif closed.meaning is Meaning.GONE:
                    ref.message = None
        return None

    async def reopen(self, ref: MessageRef, words: str) -> None:
        """Open its archived thread. Where Discord does not let us do so outright, `words` said there open it.

        Raises OutcomeUnknown, Unreachable.
        """
        if ref.channel is None:
            raise Unreachable("its thread was never told")
        try:
            with known_errors():
                await threads.reopen(self._client, ref.channel)
        except WayClosed as closed:
            _log.info("thread %s may not be opened outright: %s", ref.channel, closed)
        else:
            return
        try:
            with known_errors():
                await self._client.get_partial_messageable(ref.channel).send(words)
        except (WayClosed, Archived, Rejected) as closed:
            raise Unreachable(str(closed)) from closed

    async def send(self, ref: MessageRef, drawing: Drawing, *, since: float) -> Location | None:
        """A new message with the job's pictures, or that which an earlier try had sent; None where it is deleted again.

        `since` is when the job ended. Raises OutcomeUnknown, TooHeavy, Rejected, Unreachable.
        """
        if ref.channel is None:
            raise Unreachable("its channel was never told")
        if ref.message is not None:
            raise Unreachable("its message is there; with a new one beside it the pictures might be seen twice")
        channel = self._client.get_partial_messageable(ref.channel)
        try:
            with known_errors():
                sent = await self._sent_before(channel, ref.job, since)
                if sent is None:
                    # discord.py adds enforce_nonce: Discord itself drops a repeat within a few minutes
                    sent = (await channel.send(view=drawing.view, files=drawing.files(), nonce=ref.job)).id
        except Archived as locked:
            raise Unreachable(str(locked)) from locked
        except WayClosed as closed:
            if closed.code == UNKNOWN_MESSAGE:
                return None  # a message of this nonce was sent and has been deleted since: it was delivered
            raise Unreachable(str(closed)) from closed
        return Location(ref.channel, sent)

    async def _edit_by_token(self, ref: MessageRef, token: InteractionToken, drawing: Drawing) -> Location:
        hook = discord.Webhook.partial(token.application, token.token, client=self._client)
        target = ref.message if ref.message is not None else cast(int, "@original")
        edited = await hook.edit_message(target, view=drawing.view, attachments=drawing.files())
        return Location(edited.channel.id if ref.channel is None else ref.channel, edited.id)

    async def _edit_as_bot(self, channel: int, message: int, drawing: Drawing) -> Location:
        partial = self._client.get_partial_messageable(channel).get_partial_message(message)
        return Location(channel, (await partial.edit(view=drawing.view, attachments=drawing.files())).id)

    async def _sent_before(self, channel: discord.PartialMessageable, job: str, since: float) -> int | None:
        after = datetime.datetime.fromtimestamp(since - _LOOK_BACK, datetime.UTC)
        me = self._client.user
        try:
            async for message in channel.history(limit=_LOOK_AT, after=after):
                if message.author == me and any(file.filename.startswith(job) for file in message.attachments):
                    return message.id
        except discord.Forbidden as error:
            if meaning_of(error) is Meaning.LATER:
                raise
        return None  # without Read Message History the nonce alone has to do


class WayClosed(Exception):
    """Discord has closed this way; `code` is its own."""

    def __init__(self, error: discord.HTTPException) -> None:
        super().__init__(str(error))
        self.code = error.code
        self.meaning = meaning_of(error)


@contextmanager
def known_errors() -> Generator[None]:
    """The library's errors as the few cases that matter here. Raises OutcomeUnknown, WayClosed, TooHeavy, Rejected."""
    try:
        yield
    except LOST as error:
        raise OutcomeUnknown(str(error)) from error
    except discord.HTTPException as error:
        match meaning_of(error):
            case Meaning.GONE | Meaning.NOT_THIS_WAY:
                raise WayClosed(error) from error
            case Meaning.ARCHIVED:
                raise Archived(str(error)) from error
            case Meaning.NOT_THIS_CONTENT:
                raise Rejected(str(error)) from error
            case Meaning.TOO_HEAVY:
                raise TooHeavy(str(error)) from error
            case Meaning.LATER:
                raise RefusedForNow(str(error)) from error
