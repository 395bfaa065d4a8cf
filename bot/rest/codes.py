"""What Discord's refusals mean for a message on its way. This table is the only place that knows a code for it.

What the table does not know means `LATER`: a finished picture is never lost over an answer that nobody foresaw.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import discord

ALREADY_ANSWERED = 40060  # an earlier try of the first answer had arrived
UNKNOWN_MESSAGE = 10008


class Meaning(Enum):
    """What to do after a refusal, each in a sentence."""

    GONE = "what this way led to is gone for ever"
    NOT_THIS_WAY = "this way is closed; another may be open"
    ARCHIVED = "the same will be taken once the thread is open again"
    NOT_THIS_CONTENT = "Discord will not have these words or files, whichever way they come"
    TOO_HEAVY = "the same in fewer bytes may be taken"
    LATER = "nothing is decided; the same again, later"


# https://docs.discord.com/developers/topics/opcodes-and-status-codes#json (JSON Error Codes)
MEANINGS: Mapping[int, Meaning] = {
    10003: Meaning.GONE,  # unknown channel
    10004: Meaning.GONE,  # unknown guild
    UNKNOWN_MESSAGE: Meaning.GONE,
    10015: Meaning.NOT_THIS_WAY,  # unknown webhook: an interaction's token that has ended, or was never answered
    10062: Meaning.NOT_THIS_WAY,  # unknown interaction: the answer came too late
    20009: Meaning.NOT_THIS_CONTENT,  # explicit content cannot be sent to the recipient
    40005: Meaning.TOO_HEAVY,  # request entity too large
    40058: Meaning.NOT_THIS_WAY,  # cannot send a message in a forum channel
    40094: Meaning.NOT_THIS_WAY,  # most follow-up messages of this interaction
    50001: Meaning.NOT_THIS_WAY,  # missing access
    50003: Meaning.NOT_THIS_WAY,  # cannot execute action on a DM channel
    50005: Meaning.NOT_THIS_WAY,  # cannot edit a message authored by another user
    50006: Meaning.NOT_THIS_CONTENT,  # cannot send an empty message
    50007: Meaning.NOT_THIS_WAY,  # cannot send messages to this user
    50008: Meaning.NOT_THIS_WAY,  # cannot send messages in a non-text channel
    50009: Meaning.NOT_THIS_WAY,  # channel verification level is too high
    50013: Meaning.NOT_THIS_WAY,  # missing permissions
    50024: Meaning.NOT_THIS_WAY,  # cannot execute action on this channel type
    50027: Meaning.NOT_THIS_WAY,  # invalid webhook token
    50035: Meaning.NOT_THIS_CONTENT,  # invalid form body
    50045: Meaning.TOO_HEAVY,  # file uploaded exceeds the maximum size
    50046: Meaning.NOT_THIS_CONTENT,  # invalid file uploaded
    50083: Meaning.ARCHIVED,  # operation on an archived thread, or on one that is locked as well
    50110: Meaning.NOT_THIS_CONTENT,  # the provided file is invalid
    160005: Meaning.NOT_THIS_WAY,  # thread is locked
    200000: Meaning.NOT_THIS_CONTENT,  # blocked by automatic moderation
    240000: Meaning.NOT_THIS_CONTENT,  # blocked by the harmful links filter
    400001: Meaning.NOT_THIS_CONTENT,  # access to file uploads has been limited for this guild
    # Told here because their status would suggest otherwise:
    20016: Meaning.LATER,  # slow mode
    20028: Meaning.LATER,  # write rate limit of the channel
    20029: Meaning.LATER,  # write rate limit of the guild
    30046: Meaning.LATER,  # most edits of a message older than an hour, for now
    40001: Meaning.LATER,  # unauthorized: the bot's own token, which its owner will replace
    40004: Meaning.LATER,  # sending messages is temporarily disabled
    40006: Meaning.LATER,  # this feature is temporarily disabled
    40062: Meaning.LATER,  # service resource is being rate limited
    40333: Meaning.LATER,  # internal network error: Cloudflare, not Discord, said 403
    50014: Meaning.LATER,  # invalid authentication token: as 40001
    130000: Meaning.LATER,  # API resource is overloaded
}


def meaning_of(error: discord.HTTPException) -> Meaning:
    """What this refusal means. Files over Discord's limit of a whole request are refused by status alone."""
    if error.status == 413:
        return Meaning.TOO_HEAVY
    return MEANINGS.get(error.code, Meaning.LATER)
