"""Archived threads: a new message opens one by itself; before anything in it is edited or deleted, it has to be opened.

Discord lets everybody who may write in a thread do so, unless a moderator has locked it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import discord

from bot.rest.codes import Meaning, meaning_of

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


async def reopen(client: discord.Client, thread: int) -> None:
    """Open it, whether or not it is archived. Raises what the library raises."""
    await client.http.edit_channel(thread, archived=False)
    _log.info("thread %s was archived and is open again", thread)


async def opened(client: discord.Client, thread: int | None, act: Callable[[], Awaitable[_T]]) -> _T:
    """Do it; where an archived thread is in the way, open that and do it again. Raises what the library raises."""
    try:
        return await act()
    except discord.HTTPException as error:
        if thread is None or meaning_of(error) is not Meaning.ARCHIVED:
            raise
    await reopen(client, thread)
    return await act()
