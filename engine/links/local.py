"""The engine's side of the WebSocket on 127.0.0.1: dials the bot, for ever, and loses nothing that was painted.

Runs on one asyncio loop; knows frames and pictures in hand, not how they are painted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import aiohttp
import msgspec

from engine import wire
from engine.links.desk import Desk
from engine.protocol import (
    PROTOCOL,
    Beat,
    BotHello,
    Cancelled,
    Command,
    EngineHello,
    Event,
    Failed,
    Finished,
    Generate,
    Loading,
    Progress,
    Refused,
    Stored,
)

RETRY = 0.5  # seconds between two dials
DIAL = 10.0  # seconds a bot may take to answer a dial
RESEND = 10.0  # seconds after which an unconfirmed picture is sent again on the same connection
PING = 15.0  # seconds; a bot that answers none is gone

log = logging.getLogger(__name__)


class Secret(msgspec.Struct):
    """What the engine reads of the bot's `engine.json`; other keys are the bot's own."""

    secret: str

    def __repr__(self) -> str:
        return "Secret()"


class LocalLink:
    """Says events to the bot and hands its commands to `hear`. All methods belong to the loop's thread."""

    def __init__(
        self,
        *,
        url: str,
        secret_file: Path,
        hear: Callable[[Command], None],
        alone_for: float,
        retry: float = RETRY,
        resend: float = RESEND,
    ) -> None:
        self._url = url
        self._secret_file = secret_file
        self._hear = hear
        self._alone_for = alone_for
        self._retry = retry
        self._resend = resend
        self._desk = Desk()
        self._introduction: Loading | EngineHello | None = None
        self._outbox: deque[Event] = deque()
        self._spoken = asyncio.Event()
        self._connected = False
        self._said = ""

    def introduce(self, introduction: Loading | EngineHello) -> None:
        """Say who this is, now and after each reconnect."""
        self._introduction = introduction
        if self._connected:
            self._post(self._introduced(introduction))

    def say(self, event: Event) -> None:
        """Send an event. Without a bot, beats and progress are dropped; endings wait for it."""
        event = self._desk.put(event)
        if self._connected or isinstance(event, Cancelled):
            self._post(event)

    async def run(self) -> None:
        """Dial and talk until no bot has been there for `alone_for` seconds."""
        last_seen = time.monotonic()
        async with aiohttp.ClientSession() as session:
            while time.monotonic() - last_seen < self._alone_for:
                if await self._talk(session):
                    last_seen = time.monotonic()
                await asyncio.sleep(self._retry)
        log.info("no bot at %s for %.0f s", self._url, self._alone_for)

    async def _talk(self, session: aiohttp.ClientSession) -> bool:
        """One connection from dial to end; whether a bot had accepted it."""
        self._greeted = False
        try:
            secret = await asyncio.to_thread(_read_secret, self._secret_file)
            headers = {"Authorization": f"Bearer {secret}"}
            async with asyncio.timeout(DIAL):
                socket = await session.ws_connect(
                    self._url, headers=headers, max_msg_size=wire.MAX_FRAME, heartbeat=PING
                )
            try:
                await self._converse(socket)
            finally:
                await socket.close()
        except* (aiohttp.ClientError, OSError, TimeoutError, msgspec.MsgspecError, wire.BadFrame) as errors:
            self._note(f"the bot at {self._url} cannot be reached: {errors.exceptions[0]}")
        finally:
            self._connected = False
            self._outbox = deque(event for event in self._outbox if isinstance(event, Cancelled))
        return self._greeted

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._connected = True
        endings, self._outbox = self._outbox, deque()
        if self._introduction is not None:
            self._post(self._introduced(self._introduction))
        for event in (*endings, *self._desk.unconfirmed()):
            self._post(event)
        async with asyncio.TaskGroup() as tasks:
            owned = [tasks.create_task(self._speak(socket)), tasks.create_task(self._repeat())]
            await self._listen(socket)
            for task in owned:
                task.cancel()

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.BINARY:
                self._note(f"the bot at {self._url} sent something that is no frame")
                return
            command = wire.decode_command(message.data)
            if not self._welcome(command):
                return
        if self._greeted:
            self._note(f"the bot at {self._url} closed the link")

    def _welcome(self, command: Command) -> bool:
        """Act on one command; False ends the connection."""
        match command:
            case Refused(reason=reason):
                self._note(f"the bot refused this engine: {reason}")
                return False
            case BotHello(protocol=protocol, build=build) if protocol != PROTOCOL:
                self._note(f"the bot (build {build}) speaks protocol {protocol}, this engine {PROTOCOL}")
                return False
            case BotHello():
                if not self._greeted:
                    self._note(f"linked to the bot at {self._url}")
                self._greeted = True
            case Stored():
                self._desk.confirm(command)
            case Generate():
                order, ready = self._desk.take(command)
                for event in ready:
                    self._post(event)
                if order is not None:
                    self._hear(order)
            case _:
                self._hear(command)
        return True

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await self._spoken.wait()
            self._spoken.clear()
            while self._outbox:
                event = self._outbox.popleft()
                if isinstance(event, Finished | Failed) and not self._desk.holds(event.job, event.k):
                    continue  # confirmed while it waited to be sent again
                try:
                    await socket.send_bytes(wire.encode(event))
                except (ConnectionError, aiohttp.ClientError):
                    self._outbox.appendleft(event)  # an ending among them is said to the next connection
                    raise

    async def _repeat(self) -> None:
        """Pictures that were on the desk a whole interval ago and still are go out once more."""
        while True:
            before = set(self._desk.held)
            await asyncio.sleep(self._resend)
            for event in self._desk.unconfirmed():
                if (event.job, event.k) in before and event not in self._outbox:
                    self._post(event)

    def _post(self, event: Event) -> None:
        """Queue for sending; a newer beat or progress of the same job takes the place of one that still waits."""
        if isinstance(event, Beat | Progress):
            for index, waiting in enumerate(self._outbox):
                if _same_matter(waiting, event):
                    self._outbox[index] = event
                    return
        self._outbox.append(event)
        self._spoken.set()

    def _introduced(self, introduction: Loading | EngineHello) -> Loading | EngineHello:
        if isinstance(introduction, Loading):
            return introduction
        return msgspec.structs.replace(introduction, running=self._desk.running, held=self._desk.held)

    def _note(self, sentence: str) -> None:
        """Log a change once, not at every dial."""
        if sentence != self._said:
            self._said = sentence
            log.info(sentence)


def _same_matter(one: Event, other: Beat | Progress) -> bool:
    if isinstance(other, Beat):
        return isinstance(one, Beat)
    return isinstance(one, Progress) and one.job == other.job


def _read_secret(path: Path) -> str:
    return msgspec.json.decode(path.read_bytes(), type=Secret).secret
