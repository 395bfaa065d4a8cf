"""Puts the parts on one port: REST, gateway, files, page; refuses everybody who does not come from this machine."""

import asyncio
import copy
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from playground.client.gallery import gallery_of
from playground.client.page_api import PageApi
from playground.rest import basics as rest_basics
from playground.rest import commands as rest_commands
from playground.rest import interactions as rest_interactions
from playground.rest import messages as rest_messages
from playground.rest.app import RestApi
from playground.wire.bodies import DRAIN_LIMIT
from playground.wire.exchange import OnExchange
from playground.wire.faults import Fault, Faults
from playground.wire.jsons import Json
from playground.wire.snowflakes import first_at
from playground.world.rules import Rules
from playground.world.state import State
from playground.world.store import open_store

PAGE = Path(__file__).parent / "page"
LOOPBACK = "127.0.0.1"
_OUR_NAMES = ("127.0.0.1", "localhost")
_FILE_POLICY = "default-src 'none'; sandbox"

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Playground:
    """A running playground, as tests hold it."""

    def __init__(self, state: State, port: int) -> None:
        self._state = state
        self.port = port
        self.url = state.base_url
        self.token = state.token

    @property
    def faults(self) -> Faults:
        return self._state.faults

    @property
    def online(self) -> bool:
        """Whether a bot is connected to the gateway."""
        return self._state.gateway.online

    def archive(self, channel_id: str, *, locked: bool = False) -> None:
        """As Discord does with a thread in which nothing was said for a while, and a moderator with a `locked` one."""
        self._state.archive(channel_id, locked=locked)

    @property
    def turned_away(self) -> int:
        """How often a bot has dialled a gateway that was down."""
        return self._state.gateway.turned_away

    @asynccontextmanager
    async def gateway_down(self) -> AsyncGenerator[None]:
        """An outage: no connection lives and none is made while the block lasts. Sessions stay resumable."""
        self._state.gateway.down = True
        await self.drop_gateway()
        try:
            yield
        finally:
            self._state.gateway.down = False

    def spoil_next(self, event: str, change: Callable[[Any], Any]) -> None:
        """The next such event reaches the bot as `change` makes it."""
        gateway = self._state.gateway
        untouched = gateway.spoil

        def spoil(name: str, data: Json) -> Any:
            if name != event:
                return data
            gateway.spoil = untouched
            return change(copy.deepcopy(data))

        gateway.spoil = spoil

    async def send_event(self, event: str, data: Any) -> None:
        """Any event with anything in it, to the bot."""
        await self._state.gateway.send(event, data)

    async def drop_gateway(self, *, code: int = 4000) -> None:
        """Closes the bot's connections; it may resume."""
        await self._state.gateway.drop(code=code)

    async def ask_to_reconnect(self) -> None:
        """Sends op 7."""
        await self._state.gateway.ask_to_reconnect()

    async def invalidate_sessions(self, *, resumable: bool = False) -> None:
        """Sends op 9."""
        await self._state.gateway.invalidate(resumable=resumable)


@asynccontextmanager
async def open_playground(
    *,
    data: Path,
    port: int = 0,
    on_exchange: OnExchange | None = None,
    rules: Rules | None = None,
    model: str | None = None,
) -> AsyncGenerator[Playground]:
    """Serves on 127.0.0.1 until the block ends. Raises OSError when the port is taken.

    `model` is the id of that which the bot paints with; the page shows its gallery.
    """
    with open_store(data) as store:
        state = State(store=store, rules=rules or Rules())
        store.forget_unused_files(first_at(state.rules.wall() - state.rules.token_life))
        app = web.Application(client_max_size=DRAIN_LIMIT, middlewares=[_only_from_here])
        RestApi(
            state,
            [*rest_basics.ROUTES, *rest_commands.ROUTES, *rest_messages.ROUTES, *rest_interactions.ROUTES],
            on_exchange,
        ).add_to(app)
        PageApi(state, gallery_of(model)).add_to(app)
        app.router.add_get("/gateway", state.gateway.handle)
        app.router.add_get("/attachments/{channel}/{attachment}/{filename}", _file_server(state))
        app.router.add_get("/{path:.*}", _page_server(state))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, LOOPBACK, port)
            await site.start()
            bound = int(runner.addresses[0][1])
            state.base_url = f"http://{LOOPBACK}:{bound}"
            state.gateway.url = f"ws://{LOOPBACK}:{bound}/gateway"
            yield Playground(state, bound)
        finally:
            await state.close()
            await runner.cleanup()


@web.middleware
async def _only_from_here(request: web.Request, handler: Any) -> web.StreamResponse:
    """Stops other web pages: a rebound name shows in Host, a foreign script in Origin."""
    host = request.headers.get("Host", "")
    if host.rsplit(":", 1)[0] not in _OUR_NAMES:
        return web.Response(status=403, text="The playground answers only to 127.0.0.1 and localhost.")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{host}":
        return web.Response(status=403, text="The playground does not answer to other web pages.")
    return await handler(request)


def _file(path: Path) -> web.FileResponse:
    response = web.FileResponse(path)
    if path.suffix.lower() == ".webp":  # before Python 3.13 nobody knows what that is
        response.content_type = "image/webp"
    return response


def _file_server(state: State) -> Serve:
    folder = state.store.attachments

    async def serve(request: web.Request) -> web.StreamResponse:
        parts = [request.match_info[name] for name in ("channel", "attachment", "filename")]
        path = folder.joinpath(*parts)
        if any(part in ("", ".", "..") or "/" in part or "\\" in part for part in parts) or not path.is_file():
            return web.Response(status=404, text="There is no such file.")
        fault = state.faults.next_fault("GET", request.path, 0)
        if fault is not None and (wrong := await _gone_wrong(fault, request, path)) is not None:
            return wrong
        response = _file(path)
        response.headers["Content-Security-Policy"] = _FILE_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        if not _is_picture(path.name):
            response.headers["Content-Disposition"] = "attachment"
        return response

    return serve


async def _gone_wrong(fault: Fault, request: web.Request, path: Path) -> web.StreamResponse | None:
    """What befalls a file on its way; None after a mere delay."""
    await asyncio.sleep(fault.seconds)
    match fault.kind:
        case "delay":
            return None
        case "status" | "strange":
            return web.Response(status=fault.status, text=fault.body["message"])
        case _:
            content = await asyncio.to_thread(path.read_bytes)
            half = web.StreamResponse(headers={"Content-Length": str(len(content))})
            await half.prepare(request)
            if fault.kind == "cut":
                await half.write(content[: len(content) // 2])
            if request.transport is not None:
                request.transport.abort()
            return half


def _is_picture(name: str) -> bool:
    return name.lower().endswith((".png", ".jpg", ".jpeg", ".webp", ".gif"))


def _page_server(state: State) -> Serve:
    async def serve(request: web.Request) -> web.StreamResponse:
        path = (PAGE / (request.match_info["path"] or "index.html")).resolve()
        if not path.is_relative_to(PAGE) or not path.is_file():
            return web.Response(status=404, text="There is no such page.")
        response = _file(path)
        # Files are named by 127.0.0.1 in messages, also when the page was opened as localhost.
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self'; connect-src 'self' ws://{request.headers['Host']}; "
            f"img-src 'self' blob: data: {state.base_url}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-cache"
        return response

    return serve
