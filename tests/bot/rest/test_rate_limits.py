"""A request of delivery's holds a slot only while its bytes travel, and is told of a rate limit instead of sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from bot.rest.rate_limits import OutcomeUnknown, RateLimited, one_attempt, request_trace
from tests.support.patience import until


@dataclass
class Server:
    """Answers as told, `go_on` permitting; counts what it is answering at this moment."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    now: int = 0
    most: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.now += 1
        self.most = max(self.most, self.now)
        await self.go_on.wait()
        self.now -= 1
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    server.go_on.set()
    app = web.Application()
    app.router.add_get("/", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield server
    server.go_on.set()
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(trace_configs=[request_trace()]) as session:
        yield session


async def get(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as reply:
        return reply.status


@pytest.mark.parametrize(
    ("headers", "everywhere"),
    [({}, False), ({"X-RateLimit-Scope": "shared"}, False), ({"X-RateLimit-Global": "true"}, True),
     ({"X-RateLimit-Scope": "global"}, True)],
)  # fmt: skip
async def test_a_rate_limit_is_told_and_its_slot_is_free(
    server: Server, session: aiohttp.ClientSession, headers: dict[str, str], everywhere: bool
) -> None:
    server.status, server.headers = 429, {"Retry-After": "57.9"} | headers
    slots = asyncio.Semaphore(1)

    with pytest.raises(RateLimited) as told, one_attempt(slots):
        await get(session, server.url)

    assert (told.value.after, told.value.everywhere) == (57.9, everywhere)
    assert not slots.locked()


async def test_a_rate_limit_that_does_not_say_how_long_lasts_a_minute(
    server: Server, session: aiohttp.ClientSession
) -> None:
    server.status = 429

    with pytest.raises(RateLimited) as told, one_attempt(asyncio.Semaphore(1)):
        await get(session, server.url)

    assert told.value.after == 60


async def test_a_server_error_leaves_it_unclear_and_its_slot_is_free(
    server: Server, session: aiohttp.ClientSession
) -> None:
    server.status = 502
    slots = asyncio.Semaphore(1)

    with pytest.raises(OutcomeUnknown), one_attempt(slots):
        await get(session, server.url)

    assert not slots.locked()


async def test_a_connection_that_fails_gives_its_slot_back(server: Server, session: aiohttp.ClientSession) -> None:
    slots = asyncio.Semaphore(1)

    with pytest.raises(aiohttp.ClientError), one_attempt(slots):
        await get(session, "http://127.0.0.1:1/")
    with one_attempt(slots):
        assert await get(session, server.url) == 200

    assert not slots.locked()


async def test_an_answer_gives_the_slot_back_before_anybody_reads_it(
    server: Server, session: aiohttp.ClientSession
) -> None:
    slots = asyncio.Semaphore(1)

    with one_attempt(slots):
        async with session.get(server.url) as reply:
            assert reply.status == 200
            assert not slots.locked()


async def test_no_more_travel_at_once_than_there_are_slots(server: Server, session: aiohttp.ClientSession) -> None:
    server.go_on.clear()
    slots = asyncio.Semaphore(2)

    async def ask() -> None:
        with one_attempt(slots):
            await get(session, server.url)

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(ask())
        await until(lambda: server.now == 2)
        assert await get(session, f"{server.url}nowhere") == 404  # all else needs no slot
        server.go_on.set()

    assert server.most == 2


async def test_elsewhere_the_library_hears_each_answer_itself(server: Server, session: aiohttp.ClientSession) -> None:
    server.status = 429
    with one_attempt(asyncio.Semaphore(1)):
        pass

    assert await get(session, server.url) == 429
