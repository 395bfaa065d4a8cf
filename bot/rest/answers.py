"""The first answer to an interaction, and what is said after it: given again while it is unclear whether it arrived.

The deed is on disk by then, so an answer that was lost on the way is no error of the deed. Discord takes one first
answer within three seconds; a second one is refused, which says that the first is there.
"""

from __future__ import annotations

import asyncio
import io
import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import aiohttp
import discord

from bot.jobs.few_lines import FewLines
from bot.jobs.interaction_token import InteractionToken
from bot.rest.codes import ALREADY_ANSWERED, Meaning, meaning_of
from bot.rest.rate_limits import Sent, counted
from bot.rest.threads import opened

Interaction = discord.Interaction[Any]
_T = TypeVar("_T")
_NONE: Any = discord.utils.MISSING
_MOST_CONTENT = 2000  # characters, https://docs.discord.com/developers/resources/message#create-message

LOST = (aiohttp.ClientError, TimeoutError, ConnectionError, discord.DiscordServerError)
ANOTHER = (
    "another program runs with this bot's token and answers before this one does: what it answers is left to it. "
    "Stop it, or reset the token on Discord's developer portal and give the new one to this program alone"
)
_PAUSES = (0.1, 0.3, 0.9)  # seconds between the tries of a first answer
_LATER_PAUSES = tuple(0.25 * 2**n for n in range(8))  # and of what follows it: about a minute in all
_THINKING = "thinking"  # in an interaction's extras, once it counts as answered: whether it shows "thinking"

_REMEMBERED = 4096  # interactions; a line that is taken up again brings some once more

_log = logging.getLogger(__name__)
_twins = logging.getLogger(f"{__name__}.twins")
_twins.addFilter(FewLines(seconds=math.inf))

_answered = OrderedDict[int, None]()  # interactions, by this process


class AnsweredElsewhere(Exception):
    """Another program that has the same token was quicker: the interaction is its own."""


def token_of(interaction: Interaction) -> InteractionToken:
    """What edits the answer of this interaction later on."""
    at = interaction.created_at.timestamp()
    return InteractionToken(token=interaction.token, application=interaction.application_id, at=at)


async def give(interaction: Interaction, answer: Callable[[], Awaitable[_T]], *, thinking: bool = False) -> _T | None:
    """Answer for the first time, and return what the library says of it, or None where its own answer was lost.

    Afterwards the interaction counts as answered, though nobody may have heard it. Raises what the library raises,
    where every try was clearly refused, and AnsweredElsewhere.
    """
    with counted() as sent:
        given = await _given(interaction, answer, sent)
    _answered[interaction.id] = None
    if len(_answered) > _REMEMBERED:
        _answered.popitem(last=False)
    interaction.extras[_THINKING] = thinking
    return given


async def _given(interaction: Interaction, answer: Callable[[], Awaitable[_T]], sent: Sent) -> _T | None:
    unclear = False
    for pause in (*_PAUSES, None):
        try:
            return await opened(interaction.client, interaction.channel_id, answer)
        except LOST as error:
            _log.info("interaction %s: unclear whether its answer arrived: %s", interaction.id, error)
            unclear = True
        except discord.NotFound as error:
            _log.warning("interaction %s: its answer came too late: %s", interaction.id, error)
            return None
        except discord.HTTPException as error:
            if error.code == ALREADY_ANSWERED:
                if sent.count == 1 and interaction.id not in _answered:
                    _twins.error(ANOTHER)
                    raise AnsweredElsewhere from error
                return None
            meaning = meaning_of(error)
            if unclear and meaning is Meaning.NOT_THIS_WAY:
                return None  # closed since, perhaps, behind an earlier try that had arrived
            if meaning is not Meaning.LATER or (pause is None and not unclear):
                raise
            _log.info("interaction %s: its answer is refused for now: %s", interaction.id, error)
        if pause is not None:
            await asyncio.sleep(pause)
    return None


async def say(interaction: Interaction, sentence: str, *, file: Callable[[], discord.File] | None = None) -> None:
    """Answer the person alone. `file` makes what goes with it, anew for each try."""

    async def send() -> object:
        return await interaction.response.send_message(sentence, ephemeral=True, file=file() if file else _NONE)

    await give(interaction, send)


async def show(interaction: Interaction, view: discord.ui.LayoutView) -> None:
    """Answer the person alone, with more than a sentence."""
    await give(interaction, lambda: interaction.response.send_message(view=view, ephemeral=True))


async def bring(interaction: Interaction, sentence: str, file: Callable[[], discord.File]) -> None:
    """Answer the person alone with a file that may be long on its way. `file` makes it anew for each try."""
    deferring = partial(interaction.response.defer, ephemeral=True, thinking=True)
    await give(interaction, deferring, thinking=True)

    async def send() -> object:
        return await interaction.edit_original_response(content=sentence, attachments=[file()])

    if await at_last(interaction, send):
        interaction.extras[_THINKING] = False


async def turn(click: Interaction, view: discord.ui.LayoutView) -> None:
    """Answer the person alone: a click in a private message by what that shows from now on."""
    if click.message is not None and click.message.flags.ephemeral:
        await give(click, lambda: click.response.edit_message(view=view))
    else:
        await show(click, view)


async def hand_over(interaction: Interaction, sentence: str, words: str) -> None:
    """Answer the person alone with words to be copied: a file where Discord does not take them in a message."""
    block = _with_block(sentence, words)
    if block is not None:
        try:
            await say(interaction, block)
        except discord.HTTPException as error:
            if meaning_of(error) is not Meaning.NOT_THIS_CONTENT:
                raise
        else:
            return
    await say(interaction, sentence, file=partial(_as_file, words))


async def defer(interaction: Interaction) -> None:
    """Answer a command with "thinking", and a click with nothing that is seen."""
    thinking = interaction.type is discord.InteractionType.application_command
    await give(interaction, interaction.response.defer, thinking=thinking)


async def change(interaction: Interaction, sentence: str) -> None:
    """Answer a click by what its private message says from now on, without buttons."""
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.TextDisplay(sentence))
    await give(interaction, lambda: interaction.response.edit_message(view=view))


def is_answered(interaction: Interaction) -> bool:
    """Whether what is said now comes after the first answer."""
    return _THINKING in interaction.extras or interaction.response.is_done()


def count_as_thinking(interaction: Interaction) -> None:
    """An earlier process has answered it so."""
    interaction.extras[_THINKING] = True


async def tell(interaction: Interaction, sentence: str, *, words: str = "") -> bool:
    """Say it to the person alone, whatever was answered before. False where Discord lets nothing through.

    `words` are theirs, handed back to be copied: below the sentence, or as a file where they do not fit there.
    """
    file = None
    if words:
        block = _with_block(sentence, words)
        file = partial(_as_file, words) if block is None else None
        sentence = block or sentence
    if is_answered(interaction):
        await stop_thinking(interaction)

        async def send() -> object:
            return await interaction.followup.send(sentence, ephemeral=True, file=file() if file else _NONE)

        return await at_last(interaction, send)
    try:
        await say(interaction, sentence, file=file)
    except discord.HTTPException as error:
        _log.warning("interaction %s: could not be answered: %s", interaction.id, error)
        return False
    except AnsweredElsewhere:
        return True  # by whoever it belongs to
    return True


def _with_block(sentence: str, words: str) -> str | None:
    """The words below the sentence, as they are; None where they do not fit there."""
    block = f"{sentence}\n```\n{words}\n```"
    fits = len(block) <= _MOST_CONTENT and "``" not in words and not words.endswith("`")
    return block if fits else None


def _as_file(words: str) -> discord.File:
    return discord.File(io.BytesIO(words.encode()), filename="prompt.txt")


async def stop_thinking(interaction: Interaction) -> None:
    """A public "thinking" cannot become private, so it goes."""
    if interaction.extras.get(_THINKING) and await at_last(interaction, interaction.delete_original_response):
        interaction.extras[_THINKING] = False


async def at_last(interaction: Interaction, act: Callable[[], Awaitable[object]]) -> bool:
    """Do what follows the first answer, again until Discord decides; False where that is a no, or never comes."""
    for pause in _LATER_PAUSES:
        try:
            await opened(interaction.client, interaction.channel_id, act)
        except LOST as error:
            _log.info("interaction %s: unclear whether this arrived: %s", interaction.id, error)
        except discord.HTTPException as error:
            if meaning_of(error) is not Meaning.LATER:
                _log.warning("interaction %s: not said: %s", interaction.id, error)
                return False
            _log.info("interaction %s: refused for now: %s", interaction.id, error)
        else:
            return True
        await asyncio.sleep(pause)
    return False
