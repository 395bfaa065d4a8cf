"""Any bytes from anybody, on both links: refused, said once in the log, and nobody else is disturbed."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nats.aio.client import Client

from bot.jobs.states import JobState
from bot.links.local import websocket as local
from protocol import broker as cluster
from protocol import frames as wire
from protocol.broker import OPEN
from tests.support.any_frames import FRAMES, TEXTS
from tests.support.broker import broker
from tests.support.fake_engine import FakeEngine, Script
from tests.support.stage import SECRET, Stage, ready, stage

QUICK = Script(step_seconds=0.001, previews=False)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = st.text(
    st.characters(codec="ascii", exclude_characters=" .*>\x00\r\n\t", categories=["L", "N", "P"]), min_size=1
)


async def fuzzed(what: st.SearchStrategy[Any], attempt: Callable[[Any], Awaitable[None]]) -> None:
    """Try it with what hypothesis thinks of, one after the other on this loop, over parts that stay."""
    loop = asyncio.get_running_loop()

    @FEW
    @given(what)
    def each(drawn: Any) -> None:
        asyncio.run_coroutine_threadsafe(attempt(drawn), loop).result(30)  # type: ignore[arg-type]

    await asyncio.to_thread(each)


async def undisturbed(core: Stage, good: FakeEngine, caplog: pytest.LogCaptureFixture, *, most_lines: int) -> None:
    """The good engine still paints what is asked, once; nothing was logged as a bug, and nothing over and over."""
    before = len(good.begun)
    [job] = await core.ended(await core.ask())
    assert job.state is JobState.RENDERED
    assert good.begun[before:] == [(job.id, 1)]
    loud = [record for record in caplog.records if record.levelno >= logging.WARNING]
    lines, said = [record for record in loud if record.msg != OPEN], caplog.text  # the broker of this test is open
    caplog.clear()
    assert not [record for record in lines if record.exc_info], said
    assert len(lines) <= most_lines, said


async def test_any_bytes_from_a_peer_with_the_secret_harm_that_peer_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(tmp_path, grace=0.05) as core, core.engine("good", QUICK).running() as good:
        await ready(core)

        async def talk(frames: list[bytes]) -> None:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(core.link.url, headers={"Authorization": f"Bearer {SECRET}"}) as socket,
            ):
                for frame in frames:
                    try:
                        await socket.send_bytes(frame)
                    except ConnectionError:
                        break
            await undisturbed(core, good, caplog, most_lines=1)

        await fuzzed(st.lists(FRAMES, max_size=10), talk)


async def test_any_bytes_on_the_bare_socket_harm_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with stage(tmp_path) as core, core.engine("good", QUICK).running() as good:
        await ready(core)

        async def talk(case: tuple[bool, bytes]) -> None:
            upgraded, rest = case
            reader, writer = await asyncio.open_connection("127.0.0.1", core.link.port)
            if upgraded:
                writer.write(_upgrade(SECRET))
                await reader.readuntil(b"\r\n\r\n")
            writer.write(rest)
            await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
            try:
                async with asyncio.timeout(30):
                    await reader.read()
            except ConnectionError:
                pass
            writer.close()
            await undisturbed(core, good, caplog, most_lines=1)

        http = st.binary(max_size=100).map(lambda rest: b"GET /engine HTTP/1.1\r\n" + rest + b"\r\n\r\n")
        await fuzzed(st.tuples(st.booleans(), st.binary(max_size=200) | http), talk)


async def test_a_frame_that_says_it_is_huge_is_refused_before_any_of_it_has_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(tmp_path) as core, core.engine("good", QUICK).running() as good:
        await ready(core)

        for length in (wire.MAX_FRAME + 1, 2**40, 2**63 - 1):
            reader, writer = await asyncio.open_connection("127.0.0.1", core.link.port)
            writer.write(_upgrade(SECRET))
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"\x82\xff" + struct.pack(">Q", length) + b"mask")  # and not one byte of it
            async with asyncio.timeout(30):
                await reader.read()  # its end, for the bot hangs up
            writer.close()
            await undisturbed(core, good, caplog, most_lines=1)


@pytest.mark.parametrize("offered", ["", "s", SECRET[:-1], SECRET + "x", "x" + SECRET[1:]])
async def test_however_near_a_wrong_secret_is_it_takes_as_long(
    tmp_path: Path, offered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = local.hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(local.hmac, "compare_digest", watched)
    headers = {"Authorization": f"Bearer {offered}"}
    async with stage(tmp_path) as core, aiohttp.ClientSession() as session:
        answer = await session.get(core.link.url.replace("ws", "http"), headers=headers)
        assert answer.status == 401

    assert compared == [(f"Bearer {offered}".rstrip().encode(), f"Bearer {SECRET}".encode())]


def _upgrade(secret: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {local.PATH} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nAuthorization: Bearer {secret}\r\n\r\n"
    ).encode()


async def test_any_bytes_from_what_listens_in_the_bots_place_leave_an_engine_dialling(tmp_path: Path) -> None:
    (tmp_path / "engine.json").write_text(json.dumps({"secret": SECRET}), "utf-8")
    sayings = asyncio.Queue[list[bytes]]()

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in await sayings.get():
            with suppress(ConnectionError):
                await socket.send_bytes(frame)
        sayings.task_done()
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/engine", serve)
    server = TestServer(app)
    await server.start_server()
    url = str(server.make_url("/engine")).replace("http", "ws")
    async with FakeEngine(url=url, secret_file=tmp_path / "engine.json", script=QUICK).running() as engine:

        async def talk(frames: list[bytes]) -> None:
            sayings.put_nowait(frames)
            await sayings.join()
            assert not engine._left.is_set()

        await fuzzed(st.lists(FRAMES, max_size=6), talk)
    await server.close()


# Through a broker, which lets strangers in only where it asks for no credentials.

HEADERS = st.dictionaries(
    st.sampled_from([cluster.ENGINE, cluster.NUMBER, "Nats-Msg-Id", "Nats-Expected-Stream", "X"]),
    TEXTS.map(lambda text: " ".join(text.split())) | st.just("x:" + "9" * 5000) | st.just(":²"), max_size=2,
)  # fmt: skip
SEATS = st.sampled_from(["hostile", "bot", "_"]) | NAMES
THERE = SEATS | st.just("GOOD")  # without credentials anybody may speak from any seat; here they only speak to it
SUBJECTS = st.one_of(
    SEATS.map(cluster.event),
    THERE.map(cluster.command),
    THERE.map(cluster.deal),
    st.just(cluster.CALL),
    st.just(cluster.IN_TRAY),
    st.tuples(SEATS, NAMES).map(lambda names: cluster.order(*names)),
    st.lists(NAMES | SEATS, min_size=1, max_size=5).map(lambda names: ".".join(["zimagine.result", *names])),
    st.lists(NAMES, min_size=1, max_size=3).map(lambda names: ".".join(["zimagine", *names])),
).filter(lambda subject: "*" not in subject and ">" not in subject)
TALKS = st.lists(st.tuples(SUBJECTS, HEADERS, FRAMES), max_size=8)


async def test_any_bytes_under_any_subject_of_a_broker_harm_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        broker(tmp_path / "nats") as server,
        stage(tmp_path / "bot", broker=server, grace=0.05) as core,
        core.engine("good", QUICK).running() as good,
    ):
        await ready(core)
        stranger = Client()
        await stranger.connect(server.url)
        seat = good._link.seat  # type: ignore[union-attr]

        async def talk(said: list[tuple[str, dict[str, str], bytes]]) -> None:
            for subject, headers, frame in said:
                await stranger.publish(subject.replace("GOOD", seat), frame, headers=headers or None)
            await stranger.flush()
            await undisturbed(core, good, caplog, most_lines=len(said))

        try:
            await fuzzed(TALKS, talk)
        finally:
            await stranger.close()
