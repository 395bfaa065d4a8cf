"""A stranger's file is fetched from where it lies, whole and in time, or not at all."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot import downloads
from bot.downloads import MAX_BYTES, Downloads
from bot.jobs.errors import BadPicture, ForeignPicture, PictureNotFetched, PictureTooHeavy

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def host(serve: Serve) -> AsyncIterator[str]:
    """The address of a host that answers so."""
    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_redirect_leads_nowhere() -> None:
    asked = list[str]()

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/secret"})

    async with host(elsewhere) as url:
        with pytest.raises(BadPicture):
            await Downloads(endpoint=url).fetch(f"{url}/cat.png")

    assert asked == ["/cat.png"]


async def test_a_file_that_is_larger_than_it_was_said_to_be_is_not_read_to_its_end() -> None:
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(bytes(2**20))
            sent += 2**20

    async with host(flood) as url:
        with pytest.raises(PictureTooHeavy):
            await Downloads(endpoint=url).fetch(f"{url}/cat.png")

    assert MAX_BYTES / 2 < sent < 2 * MAX_BYTES  # beside what lay in buffers


async def test_a_packed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(bytes(50 * 2**20))

    async def bomb(_: web.Request) -> web.StreamResponse:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with host(bomb) as url:
        assert await Downloads(endpoint=url).fetch(f"{url}/cat.png") == packed


@pytest.mark.parametrize("status", [None, 502, 429])
async def test_what_broke_off_is_fetched_once_more(status: int | None) -> None:
    answers = iter([_broken if status is None else _status(status), _whole])

    async def serve(request: web.Request) -> web.StreamResponse:
        return await next(answers)(request)

    async with host(serve) as url:
        assert await Downloads(endpoint=url).fetch(f"{url}/cat.png") == b"a picture"


async def test_what_breaks_off_again_is_not_fetched_and_a_sentence_says_so() -> None:
    tries = 0

    async def serve(request: web.Request) -> web.StreamResponse:
        nonlocal tries
        tries += 1
        return await _broken(request)

    async with host(serve) as url:
        with pytest.raises(PictureNotFetched):
            await Downloads(endpoint=url).fetch(f"{url}/cat.png")

    assert tries == 2


async def test_nobody_is_waited_for_longer_than_some_seconds_over_all_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "SECONDS", 0.2)
    left = asyncio.Event()

    async def trickle(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b".")
                await asyncio.sleep(0.02)
        finally:
            left.set()

    async with host(trickle) as url:
        with pytest.raises(PictureNotFetched):
            await Downloads(endpoint=url).fetch(f"{url}/cat.png")
        async with asyncio.timeout(30):
            await left.wait()


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_what_is_not_there_any_more_is_asked_for_once(status: int) -> None:
    asked = 0

    async def serve(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await _status(status)(request)

    async with host(serve) as url:
        with pytest.raises(BadPicture) as refused:
            await Downloads(endpoint=url).fetch(f"{url}/cat.png")

    assert (refused.value.code, asked) == ("bad-picture", 1)


async def test_another_host_is_not_asked_at_all() -> None:
    async with host(_whole) as url:
        with pytest.raises(ForeignPicture):
            await Downloads().fetch(f"{url}/cat.png")


async def _whole(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"a picture")


async def _broken(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "9"})
    await answer.prepare(request)
    await answer.write(b"a pic")
    assert request.transport is not None
    request.transport.close()
    return answer


def _status(status: int) -> Serve:
    async def serve(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    return serve


async def test_a_file_is_fetched_through_the_proxy() -> None:
    asked = list[str]()

    async def forward(request: web.Request) -> web.StreamResponse:
        asked.append(str(request.url))
        return web.Response(body=b"a picture")

    async with host(forward) as proxy:
        found = await Downloads(endpoint="http://files.example", proxy=proxy).fetch("http://files.example/cat.png")

    assert found == b"a picture"
    assert asked == ["http://files.example/cat.png"]
