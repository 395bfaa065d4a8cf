"""Frames of every link: one msgpack message each, capped in size before it is decoded.

Used by both sides. Knows no transport.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from protocol.messages import Command, Event

# The largest honest frame is a 4096² PNG of noise (48 MiB); transports refuse longer ones before allocating.
MAX_FRAME = 64 * 1024 * 1024  # bytes

Message = TypeVar("Message")

_encoder = msgspec.msgpack.Encoder()
_commands = msgspec.msgpack.Decoder(Command)
_events = msgspec.msgpack.Decoder(Event)


class BadFrame(Exception):
    """Bytes that are no message of this protocol; the link that sent them is closed."""


def encode(message: Command | Event) -> bytes:
    """A message as one frame."""
    return _encoder.encode(message)


def decode_command(frame: bytes) -> Command:
    """What the bot says. Raises BadFrame."""
    return _decode(_commands, frame)


def decode_event(frame: bytes) -> Event:
    """What an engine says. Raises BadFrame."""
    return _decode(_events, frame)


def _decode(decoder: msgspec.msgpack.Decoder[Message], frame: bytes) -> Message:
    if len(frame) > MAX_FRAME:
        raise BadFrame(f"a frame of {len(frame)} bytes is over the limit of {MAX_FRAME}")
    try:
        return decoder.decode(frame)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadFrame(str(error)) from error
