"""The bot's end of the local link, real on the wire: records events, confirms pictures, says what it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from aiohttp import WSMsgType, web

from protocol import frames
from protocol.messages import (
    PROTOCOL,
    BotHello,
    Command,
    EngineHello,
    Event,
    Failed,
    Finished,
    Generate,
    Loading,
    Stored,
)

SECRET = "open sesame"
Wanted = TypeVar("Wanted")


class FakeBot:
    """One engine at a time. `events` holds everything heard so far, over all connections."""

    def __init__(self, *, store: bool = True) -> None:
        self.events: list[Event] = []
        self.connections = 0
        self.store = store
        self.greeting: Command = BotHello(protocol=PROTOCOL, build="test")
        self.url = ""
        self._socket: web.WebSocketResponse | None = None
        self._heard = asyncio.Condition()

    async def say(self, command: Command) -> None:
        assert self._socket is not None
        await self._socket.send_bytes(frames.encode(command))

    async def order(self, generate: Generate) -> None:
        await self.say(generate)

    async def hang_up(self) -> None:
        assert self._socket is not None
        await self._socket.close()

    async def wait_for(
        self, kind: type[Wanted], check: Callable[[Wanted], bool] = lambda event: True, *, since: int = 0
    ) -> Wanted:
        """The first event of a kind that fits, heard already or still to come."""
        async with self._heard:
            while True:
                for event in self.events[since:]:
                    if isinstance(event, kind) and check(event):
                        return event
                await self._heard.wait()

    def heard(self, kind: type[Wanted]) -> list[Wanted]:
        return [event for event in self.events if isinstance(event, kind)]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {SECRET}":
            return web.Response(status=401)
        socket = web.WebSocketResponse(max_msg_size=frames.MAX_FRAME)
        await socket.prepare(request)
        self._socket = socket
        self.connections += 1
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                continue
            event = frames.decode_event(message.data)
            async with self._heard:
                self.events.append(event)
                self._heard.notify_all()
            if isinstance(event, Loading | EngineHello):
                await self.say(self.greeting)
            if isinstance(event, Finished | Failed) and self.store:
                await self.say(Stored(job=event.job, k=event.k))
        return socket


@asynccontextmanager
async def fake_bot(folder: Path, *, store: bool = True, port: int = 0) -> AsyncIterator[FakeBot]:
    """A listening bot whose secret lies in `folder`/engine.json."""
    bot = FakeBot(store=store)
    app = web.Application()
    app.router.add_get("/engine", bot.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        bot.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/engine"
        (folder / "engine.json").write_text(json.dumps({"secret": SECRET, "port": runner.addresses[0][1]}))
        yield bot
    finally:
        await runner.cleanup()
