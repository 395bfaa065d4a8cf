"""/api/v10: authorization, rate limits, faults and the record of each exchange around the routes."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, TypeAlias

from aiohttp import web

from playground.wire.bodies import answer, as_object, read_body
from playground.wire.errors import ApiError, not_found, unauthorized
from playground.wire.exchange import Exchange, OnExchange, SentFile
from playground.wire.faults import Fault
from playground.wire.jsons import Json
from playground.wire.media import UploadedFile
from playground.wire.ratelimits import Buckets
from playground.world.state import State

PREFIX = "/api/v10"
_MAJOR = ("channel_id", "guild_id", "webhook_token")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request as a route sees it."""

    params: dict[str, str]
    query: dict[str, str]
    body: Any
    uploads: list[UploadedFile]

    @property
    def form(self) -> Json:
        return as_object(self.body)


Answer: TypeAlias = tuple[int, Any]
Handler: TypeAlias = Callable[[State, Call], Awaitable[Answer]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """`template` is written as in Discord's documents; `open` ones carry their token in the path."""

    method: str
    template: str
    handler: Handler
    open: bool = False


class RestApi:
    """Serves routes as Discord's API does."""

    def __init__(self, state: State, routes: list[Route], on_exchange: OnExchange | None) -> None:
        rules = state.rules
        self._state = state
        self._routes = routes
        self._on_exchange = on_exchange
        self._buckets = Buckets(rules.rate_limits, rules.monotonic, rules.wall)

    def add_to(self, app: web.Application) -> None:
        for route in self._routes:
            app.router.add_route(route.method, PREFIX + route.template, self._serving(route))
        app.router.add_route("*", PREFIX + "/{anything:.*}", self._nothing_here)

    def _serving(self, route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(request: web.Request) -> web.Response:
            answered = await self._serve(route, request)
            answered.headers["Date"] = formatdate(self._state.rules.wall(), usegmt=True)
            return answered

        return serve

    async def _nothing_here(self, request: web.Request) -> web.Response:
        known = [route for route in self._routes if _fits(route.template, request.path.removeprefix(PREFIX))]
        if known:
            return answer(405, {"message": "405: Method Not Allowed", "code": 0})
        return answer(404, not_found().body())

    async def _serve(self, route: Route, request: web.Request) -> web.Response:
        call = Call(params={}, query={}, body=None, uploads=[])
        fault = self._state.faults.next_fault(request.method, request.path, request.content_length or 0)
        injected = fault is not None and fault.kind in ("status", "strange")
        headers: dict[str, str] = {}
        try:
            await _before(fault, request)
            call = await self._read(request)
            if fault is not None and injected:
                status, body, headers = fault.status, fault.body, fault.headers
            else:
                self._authorize(route, request)
                status, body, headers = await self._answer(route, call)
        except ApiError as error:
            status, body = error.status, error.body()
        self._record(route, request, call, status, body, injected=injected)
        if fault is not None and fault.kind == "lost":
            _cut(request)
        if fault is not None and fault.kind == "late":
            return answer(fault.status, fault.body)
        return answer(status, body, headers)

    async def _read(self, request: web.Request) -> Call:
        ceiling = self._state.rules.request_size
        body, uploads = await read_body(
            request, ceiling=ceiling, payload_part="payload_json", file_parts=r"files\[\d+\]"
        )
        return Call(params=dict(request.match_info), query=dict(request.query), body=body, uploads=uploads)

    def _authorize(self, route: Route, request: web.Request) -> None:
        given = request.headers.get("Authorization", "")
        if not route.open and not hmac.compare_digest(given.encode(), f"Bot {self._state.token}".encode()):
            raise unauthorized()

    async def _answer(self, route: Route, call: Call) -> tuple[int, Any, dict[str, str]]:
        major = next((call.params[name] for name in _MAJOR if name in call.params), "")
        verdict = self._buckets.count_request(route.method, route.template, major)
        headers = verdict.headers if verdict else {}
        if verdict and verdict.retry_after is not None:
            body: Json = {
                "message": "You are being rate limited.",
                "code": 0,
                "retry_after": round(verdict.retry_after, 3),
                "global": False,
            }
            return 429, body, headers | {"Via": "1.1 playground"}
        try:
            status, body = await route.handler(self._state, call)
        except ApiError as error:
            status, body = error.status, error.body()
        return status, body, headers

    def _record(
        self, route: Route, request: web.Request, call: Call, status: int, body: Any, *, injected: bool
    ) -> None:
        if self._on_exchange is None:
            return
        files = tuple(
            SentFile(field=upload.field, filename=upload.filename, size=len(upload.content)) for upload in call.uploads
        )
        exchange = Exchange(
            method=request.method,
            route_path=route.template,
            path=request.path.removeprefix(PREFIX),
            query=call.query,
            json_body=call.body,
            files=files,
            status=status,
            response_json=None if status == 204 else body,
            injected=injected,
        )
        self._on_exchange(exchange)


async def _before(fault: Fault | None, request: web.Request) -> None:
    if fault is None:
        return
    if fault.seconds:
        await asyncio.sleep(fault.seconds)
    if fault.kind == "reset":
        _cut(request)


def _cut(request: web.Request) -> None:
    """Breaks the connection so that the client never learns what happened."""
    if request.transport is not None:
        request.transport.abort()
    raise web.HTTPInternalServerError


def _fits(template: str, path: str) -> bool:
    left, right = template.split("/"), path.split("/")
    return len(left) == len(right) and all(a == b or a.startswith("{") for a, b in zip(left, right, strict=True))
