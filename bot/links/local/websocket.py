"""The bot's side of the WebSocket on 127.0.0.1: engines dial it, with a secret, and speak frames of `protocol.frames`.

Whatever a peer does wrong closes that peer alone, with one line in the log.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from contextlib import suppress
from types import TracebackType
from typing import Self

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from bot.jobs.few_lines import FewLines
from bot.queue.engine_events import EngineEvents
from bot.queue.engines import LOCAL
from protocol import frames
from protocol.messages import PROTOCOL, Beat, BotHello, Command, EngineHello, Event, Loading, Refused, Stop

HOST = "127.0.0.1"
PATH = "/engine"
HEARTBEAT = 5.0  # seconds between pings; a peer that answers none for half as long again is frozen
LAST_WORDS = 1.0  # seconds for a refusal to go out and a close to be answered
MOST_DEATHS = 3  # engines in a row that may die while they load before that counts as a problem
GREETING = 10.0  # seconds within which a peer must say who it is

log = logging.getLogger(__name__)


class _OneLine(logging.Filter):
    """Bytes that are no HTTP are the fault of whoever sent them: a line of the log, not a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            record.msg, record.args, record.exc_info = "somebody who speaks no HTTP was turned away", (), None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


# What anybody on this machine can cause, without the secret.
_strangers = logging.getLogger(f"{__name__}.strangers")
_strangers.addFilter(FewLines())
_http_log = logging.getLogger(f"{__name__}.http")
_http_log.addFilter(_OneLine())
_http_log.addFilter(FewLines())


class Peer:
    """One connected engine: an EngineLink."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.name = ""
        self.loading = self.model = ""
        self.problem: str | None = None  # why its model does not load
        self.ready = self.dismissed = False
        self.reason = ""
        self._outbox = asyncio.Queue[Command | None]()

    def send(self, command: Command) -> None:
        self.dismissed |= isinstance(command, Stop)
        self._outbox.put_nowait(command)

    def close(self, reason: str) -> None:
        """Say why, then hang up."""
        self.reason = reason
        self._outbox.put_nowait(Refused(reason=reason))
        self._outbox.put_nowait(None)

    def end(self) -> None:
        """Nothing more will be said."""
        self._outbox.put_nowait(None)

    async def speak(self) -> None:
        """Send what was said, until the line breaks or is closed."""
        with suppress(ConnectionError):
            while (command := await self._outbox.get()) is not None:
                await self.socket.send_bytes(frames.encode(command))
            await self.socket.close(code=WSCloseCode.POLICY_VIOLATION if self.reason else WSCloseCode.OK)


class LocalLink:
    """Listens while its block is open. `port` 0 takes a free one; the attribute tells which. Raises OSError."""

    def __init__(
        self,
        events: EngineEvents,
        *,
        secret: str,
        build: str,
        port: int = 0,
        heartbeat: float = HEARTBEAT,
        max_frame: int = frames.MAX_FRAME,
    ) -> None:
        self.port = port
        self.peers: set[Peer] = set()
        self.arrived = asyncio.Event()  # an engine has ever introduced itself
        self._events = events
        self._expected = f"Bearer {secret}".encode()
        self._build = build
        self._closing = False
        self._deaths = 0  # of engines that were loading, since one was ready
        self._heartbeat = heartbeat
        self._max_frame = max_frame
        app = web.Application()
        app.router.add_get(PATH, self._serve)
        self._listening: asyncio.Server | None = None
        self._lines: set[asyncio.BaseTransport | None] = set()  # of peers
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, logger=_http_log)

    @property
    def url(self) -> str:
        return f"ws://{HOST}:{self.port}{PATH}"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            self._listening = await asyncio.get_running_loop().create_server(self._answer, HOST, self.port)
        except BaseException:
            await self._runner.cleanup()
            raise
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        if self._listening is not None:
            self._listening.close()
        for peer in list(self.peers):
            await peer.socket.close(code=WSCloseCode.GOING_AWAY)
        await self._runner.cleanup()

    def _answer(self) -> RequestHandler:
        """Somebody dials: whoever is no engine's line after GREETING seconds is hung up on, the silent ones too."""
        assert self._runner.server is not None
        handler = self._runner.server()

        def look() -> None:
            if handler.transport is not None and handler.transport not in self._lines:
                handler.transport.abort()

        asyncio.get_running_loop().call_later(GREETING, look)
        return handler

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        offered = request.headers.get("Authorization", "").encode(errors="replace")
        if not hmac.compare_digest(offered, self._expected):
            _strangers.warning("an engine with a wrong secret was turned away")
            raise web.HTTPUnauthorized(text="The secret is wrong.")
        socket = web.WebSocketResponse(
            heartbeat=self._heartbeat, max_msg_size=self._max_frame, compress=False, timeout=LAST_WORDS
        )
        await socket.prepare(request)
        peer, line = Peer(socket), request.transport
        self.peers.add(peer)
        self._lines.add(line)
        speaking = asyncio.create_task(peer.speak())
        try:
            await self._listen(peer)
        finally:
            self.peers.discard(peer)
            self._lines.discard(line)
            if peer.loading:
                self._died_loading(peer)
            if peer.ready and not self._closing:  # a bot that leaves has lost nobody: its engines wait for the next
                self._events.lost(peer, peer.name)
            await self._hang_up(peer, speaking)
        return socket

    def _died_loading(self, peer: Peer) -> None:
        """Another is started in its place: what kept this one from painting is said until that one speaks."""
        self._events.not_loading(peer.loading)
        if self._closing or peer.dismissed:
            return
        self._deaths += 1
        problem = peer.problem
        if problem is None and self._deaths >= MOST_DEATHS:
            problem = f"The engine broke down {self._deaths} times while it loaded {peer.model}; its log is engine.log."
        self._events.loading(LOCAL, peer.model, problem)

    async def _hang_up(self, peer: Peer, speaking: asyncio.Task[None]) -> None:
        """Let the last words out if the line takes them; a frozen peer's never would."""
        peer.end()
        with suppress(TimeoutError):
            await asyncio.wait_for(speaking, LAST_WORDS)

    async def _listen(self, peer: Peer) -> None:
        try:
            while await self._hear_one(peer):
                pass
        except frames.BadFrame as error:
            self._refuse(peer, f"a broken frame: {error}")
        except ConnectionError as error:
            log.info("the line of engine %s broke: %s", peer.name or "without a name", error)
        except TimeoutError:
            self._refuse(peer, f"it did not say who it is within {GREETING:.0f} s")

    async def _hear_one(self, peer: Peer) -> bool:
        """Take one message; False when the line is over."""
        message = await peer.socket.receive(timeout=None if peer.name else GREETING)
        match message.type:
            case WSMsgType.BINARY:
                return await self._take(peer, frames.decode_event(message.data))
            case WSMsgType.CLOSE | WSMsgType.CLOSING | WSMsgType.CLOSED:
                return False
            case WSMsgType.ERROR:
                self._refuse(peer, str(message.data or peer.socket.exception() or "a frozen or broken line"))
                return False
            case _:
                raise frames.BadFrame("text where a frame was expected")

    async def _take(self, peer: Peer, event: Event) -> bool:
        match event:
            case EngineHello() | Loading():
                if event.protocol != PROTOCOL:
                    self._refuse(
                        peer,
                        f"it speaks protocol {event.protocol} (build {event.build}), "
                        f"this bot protocol {PROTOCOL} (build {self._build}); update the older of the two",
                    )
                    return False
                if peer.name not in ("", event.engine):  # its old name would hold jobs for ever
                    self._refuse(peer, f"it calls itself {event.engine[:64]!r} now")
                    return False
                if not peer.name:
                    peer.send(BotHello(protocol=PROTOCOL, build=self._build))
                    self.arrived.set()
                peer.name = event.engine
                await self._introduced(peer, event)
            case Beat() if not peer.ready:
                pass
            case _ if peer.ready:
                await self._events.receive(peer, peer.name, event)
            case _:
                self._refuse(peer, "it spoke of jobs before it said who it is")
                return False
        return not peer.reason

    async def _introduced(self, peer: Peer, event: EngineHello | Loading) -> None:
        match event:
            case Loading():
                peer.loading, peer.model, peer.problem = event.engine, event.model, event.problem
                self._events.loading(event.engine, event.model, event.problem)
            case EngineHello():
                peer.loading, peer.problem, self._deaths = "", None, 0
                await self._events.joined(peer, event)
                peer.ready = True

    def _refuse(self, peer: Peer, reason: str) -> None:
        log.warning("engine %s was turned away: %s", peer.name or "without a name", reason)
        peer.close(reason)
