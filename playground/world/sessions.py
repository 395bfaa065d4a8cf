"""A bot at the gateway: what it hears, in which order, and what it missed while it was away."""

import asyncio
import json
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

REPLAY_LIMIT = 1000  # events kept for a session that is away
SEND_SECONDS = 5.0  # a bot that reads nothing for so long is gone

GUILDS = 1 << 0
GUILD_MESSAGES = 1 << 9
DISPATCH = 0


class Compressor(Protocol):
    def __call__(self, text: str, /) -> bytes | str: ...


@dataclass(slots=True)
class Connection:
    """A socket with the compression that was asked for; it may break while something is sent."""

    socket: web.WebSocketResponse
    pack: Compressor

    async def send_op(self, op: int, data: Any) -> None:
        """Anything but a dispatch."""
        await self.send(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    async def send(self, text: str) -> None:
        packed = self.pack(text)
        if isinstance(packed, bytes):
            await self.socket.send_bytes(packed)
        else:
            await self.socket.send_str(packed)


@dataclass(slots=True)
class GatewaySession:
    """A bot that identified; it may be away and come back with RESUME."""

    id: str
    intents: int
    shard: tuple[int, int]
    seq: int = 0
    missed: deque[tuple[int, str]] = field(default_factory=lambda: deque[tuple[int, str]](maxlen=REPLAY_LIMIT))
    connection: Connection | None = None

    def wants(self, event: str) -> bool:
        if event.startswith("MESSAGE_"):
            return bool(self.intents & GUILD_MESSAGES)
        if event.startswith("GUILD_"):
            return bool(self.intents & GUILDS)
        return True

    def holds(self, guild_id: str) -> bool:
        return (int(guild_id) >> 22) % self.shard[1] == self.shard[0]

    async def emit(self, event: str, data: Any) -> None:
        """Say it in order; what cannot be said now is kept for RESUME."""
        self.seq += 1
        text = json.dumps({"op": DISPATCH, "t": event, "s": self.seq, "d": data})
        self.missed.append((self.seq, text))
        if self.connection is not None and not self.connection.socket.closed:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self.connection.send(text)
            except (ConnectionError, TimeoutError):
                self.connection = None  # it went or froze while we wrote; RESUME will replay this


def compressor(wanted: str | None) -> Compressor:
    """For one connection; `wanted` is what the bot asked for."""
    if wanted == "zlib-stream":
        stream = zlib.compressobj()  # one stream per connection, each message ends with a sync flush
        return lambda text: stream.compress(text.encode()) + stream.flush(zlib.Z_SYNC_FLUSH)
    return lambda text: text  # clients accept text frames whatever they asked for
