"""The engine's side of the WebSocket on 127.0.0.1: connects to the bot, for ever, and loses nothing that was painted.

Runs on one asyncio loop; knows frames and pictures in hand, not how they are painted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import msgspec

from engine.links.conversation import Conversation
from engine.links.outstanding import Ending
from protocol import frames
from protocol.messages import Command, Event

RETRY = 0.5  # seconds between two attempts to connect
CONNECT_WITHIN = 10.0  # seconds a bot may take to accept a connection
RESEND = 10.0  # seconds after which an unconfirmed picture is sent again on the same connection
PING = 15.0  # seconds; a bot that answers none is gone

log = logging.getLogger(__name__)


class Secret(msgspec.Struct):
    """What the engine reads of the bot's `engine.json`; other keys are the bot's own."""

    secret: str

    def __repr__(self) -> str:
        return "Secret()"


class WebSocketLink(Conversation):
    """One WebSocket at a time."""

    def __init__(
        self,
        *,
        url: str,
        secret_file: Path,
        on_command: Callable[[Command], None],
        alone_for: float,
        retry: float = RETRY,
        resend: float = RESEND,
    ) -> None:
        super().__init__(on_command=on_command, bot=f"the bot at {url}")
        self._url = url
        self._secret_file = secret_file
        self._alone_for = alone_for
        self._retry = retry
        self._resend = resend
        self._online = False

    @property
    def _connected(self) -> bool:
        return self._online

    def send_event(self, event: Event) -> None:
        """Send an event. Without a bot, endings wait for it and everything else is dropped."""
        self._queue_event(self._outstanding.note_event(event))

    async def run(self) -> None:
        """Connect, and stay connected, until no bot has been there for `alone_for` seconds."""
        last_seen = time.monotonic()
        async with aiohttp.ClientSession() as session:
            while time.monotonic() - last_seen < self._alone_for:
                if await self._connect(session):
                    last_seen = time.monotonic()
                await asyncio.sleep(self._retry)
        log.info("no bot at %s for %.0f s", self._url, self._alone_for)

    async def _connect(self, session: aiohttp.ClientSession) -> bool:
        """One connection from its start to its end; whether a bot had accepted it."""
        self.greeted = False
        try:
            secret = await asyncio.to_thread(_read_secret, self._secret_file)
            headers = {"Authorization": f"Bearer {secret}"}
            async with asyncio.timeout(CONNECT_WITHIN):
                socket = await session.ws_connect(
                    self._url, headers=headers, max_msg_size=frames.MAX_FRAME, heartbeat=PING
                )
            try:
                await self._exchange(socket)
            finally:
                await socket.close()
        except* (aiohttp.ClientError, OSError, TimeoutError, msgspec.MsgspecError, frames.BadFrame) as errors:
            self._note(f"the bot at {self._url} cannot be reached: {errors.exceptions[0]}")
        finally:
            self._online = False
        return self.greeted

    async def _exchange(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._online = True
        self._outbox.clear()
        self._introduce()
        self._resend_endings(self._outstanding.unconfirmed())
        async with asyncio.TaskGroup() as tasks:
            owned = [tasks.create_task(self._send_events(socket)), tasks.create_task(self._resend_unconfirmed())]
            await self._listen(socket)
            for task in owned:
                task.cancel()

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.BINARY:
                self._note(f"the bot at {self._url} sent something that is no frame")
                return
            if not self._act_on(frames.decode_command(message.data)):
                return
        if self.greeted:
            self._note(f"the bot at {self._url} closed the link")

    def _resend_endings(self, endings: Sequence[Ending]) -> None:
        for event in endings:
            self._queue_event(event)

    async def _send_events(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            event = await self._next_event()
            if isinstance(event, Ending) and not self._outstanding.holds(event.job, event.k):
                continue  # confirmed while it waited
            await socket.send_bytes(frames.encode(event))

    async def _resend_unconfirmed(self) -> None:
        """Pictures that were unconfirmed a whole interval ago and still are go out once more."""
        while True:
            before = set(self._outstanding.held)
            await asyncio.sleep(self._resend)
            for event in self._outstanding.unconfirmed():
                if (event.job, event.k) in before and event not in self._outbox:
                    self._queue_event(event)


def _read_secret(path: Path) -> str:
    return msgspec.json.decode(path.read_bytes(), type=Secret).secret
