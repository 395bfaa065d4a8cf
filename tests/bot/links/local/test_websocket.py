"""The WebSocket on loopback: who may speak, what happens to those who speak badly, freeze or vanish."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.jobs.few_lines import FewLines
from bot.links.local import websocket
from bot.links.local.websocket import LocalLink
from protocol import frames
from protocol.messages import PROTOCOL, Beat, BotHello, EngineHello, Event, Loading, Refused, Started
from tests.support.fake_engine import CARD, Script
from tests.support.stage import SECRET, Stage, ready, stage, until


@asynccontextmanager
async def dialled(link: LocalLink, secret: str = SECRET) -> AsyncGenerator[aiohttp.ClientWebSocketResponse, None]:
    """A bare socket to the link, to say anything on."""
    headers = {"Authorization": f"Bearer {secret}"}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(link.url, headers=headers, autoping=True) as socket,
    ):
        yield socket


def hello(name: str = "bare", protocol: int = PROTOCOL) -> EngineHello:
    return EngineHello(
        protocol=protocol, build="9.9", engine=name, card=CARD, device="cpu", dtype="float32", threads=1, memory=0,
        policy="test",
    )  # fmt: skip


async def say(socket: aiohttp.ClientWebSocketResponse, event: Event) -> None:
    await socket.send_bytes(frames.encode(event))


async def refusal(socket: aiohttp.ClientWebSocketResponse) -> str:
    """The sentence with which the bot hangs up."""
    async for message in socket:
        command = frames.decode_command(message.data)
        if isinstance(command, Refused):
            after = await socket.receive(timeout=30)
            assert after.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
            return command.reason
    raise AssertionError("the bot hung up without a word")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def ready_engines(core: Stage) -> list[str]:
    return [view.id for view in core.service.engines.views() if view.state == "ready"]


async def test_an_engine_introduces_itself_and_is_answered(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, dialled(core.link) as socket:
        await say(socket, Loading(protocol=PROTOCOL, build="1", engine="bare", model="big"))
        answer = frames.decode_command((await socket.receive(timeout=30)).data)
        [loading] = core.service.engines.views()
        await say(socket, hello())
        await ready(core)

        assert answer == BotHello(protocol=PROTOCOL, build="test")
        assert (loading.state, loading.name) == ("loading", "big")
        assert [(view.id, view.state) for view in core.service.engines.views()] == [("bare", "ready")]
        assert core.service.card == CARD


@pytest.mark.parametrize("secret", ["wrong", "", SECRET + "x", "ключ"])
async def test_a_wrong_secret_is_turned_away(
    tmp_path: Path, secret: str, caplog: pytest.LogCaptureFixture, few_lines: FewLines
) -> None:
    async with stage(tmp_path) as core:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with dialled(core.link, secret):
                pass

        assert refused.value.status == 401
        assert len(warnings(caplog)) == 1


async def test_a_request_without_a_secret_and_an_unknown_path_are_turned_away(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, aiohttp.ClientSession() as session:
        base = f"http://127.0.0.1:{core.link.port}"

        async with session.get(f"{base}/engine") as bare, session.get(f"{base}/") as elsewhere:
            assert (bare.status, elsewhere.status) == (401, 404)


async def test_another_protocol_is_refused_with_a_sentence_on_both_sides(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(tmp_path) as core, dialled(core.link) as socket:
        await say(socket, hello(protocol=PROTOCOL + 1))

        reason = await refusal(socket)

        assert f"protocol {PROTOCOL + 1} (build 9.9)" in reason
        assert f"protocol {PROTOCOL} (build test)" in reason
        assert any(reason in line for line in warnings(caplog))
        assert ready_engines(core) == []


async def test_the_engine_says_why_it_was_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    script = Script(protocol=PROTOCOL + 1)
    async with stage(tmp_path) as core, core.engine(script=script).running():
        await until(lambda: any("the bot refused this engine" in record.getMessage() for record in caplog.records))


@pytest.mark.parametrize(
    "frame", [b"", b"\xc1", b"\x00" * 100, b"\x81\xa4type\xa5beast", frames.encode(BotHello(protocol=1, build=""))]
)
async def test_a_broken_frame_closes_only_the_peer_that_sent_it(
    tmp_path: Path, frame: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(tmp_path) as core, core.engine("good").running(), dialled(core.link) as socket:
        await say(socket, hello())
        await ready(core, engines=2)

        await socket.send_bytes(frame)
        reason = await refusal(socket)
        await until(lambda: ready_engines(core) == ["good"])

        assert "broken frame" in reason
        assert len(warnings(caplog)) == 1
        [job] = await core.ended(await core.ask())
        assert job.ended_well


async def test_an_engine_that_changes_its_name_is_turned_away(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, dialled(core.link) as socket:
        await say(socket, hello("one"))
        await ready(core)

        await say(socket, hello("two"))

        assert "'two'" in await refusal(socket)
        await until(lambda: ready_engines(core) == [])


async def test_of_a_name_without_end_the_log_tells_the_beginning(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, dialled(core.link) as socket:
        await say(socket, hello("one"))
        await say(socket, hello(1000 * "x"))

        assert f" '{64 * 'x'}' " in await refusal(socket)


async def test_two_thousand_wrong_secrets_are_one_line_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, few_lines: FewLines
) -> None:
    async with stage(tmp_path) as core, aiohttp.ClientSession() as session:
        address = core.link.url.replace("ws:", "http:")
        for _ in range(100):
            async with session.get(address, headers={"Authorization": "Bearer x"}) as answer:
                assert answer.status == 401

    assert warnings(caplog) == ["an engine with a wrong secret was turned away"]


@pytest.fixture
def few_lines(monkeypatch: pytest.MonkeyPatch) -> FewLines:
    """As in a process that has said nothing yet."""
    fresh = FewLines()
    monkeypatch.setattr(websocket._strangers, "filters", [fresh])
    return fresh


async def test_who_dials_and_says_nothing_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "GREETING", 0.2)
    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)
        silent = [await asyncio.open_connection("127.0.0.1", core.link.port) for _ in range(50)]
        silent[0][1].write(b"GET /engine HTTP/1.1\r\nHost: 127")  # and then no more

        async with asyncio.timeout(30):
            endings = [await reader.read() for reader, _ in silent]

        for _, writer in silent:
            writer.close()
        assert endings == [b""] * 50
        assert ready_engines(core) == ["fake"]


async def test_text_where_a_frame_was_expected_closes_the_peer(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, dialled(core.link) as socket:
        await socket.send_str("hello")

        assert "text" in await refusal(socket)


async def test_a_frame_over_the_cap_closes_the_peer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with stage(tmp_path) as core, core.engine("good").running():
        await ready(core)
        small = LocalLink(core.service.dispatcher.engine_events, secret=SECRET, build="test", max_frame=1000)
        async with small, dialled(small) as socket:
            await socket.send_bytes(b"x" * 2000)
            message = await socket.receive(timeout=30)
            while message.type is aiohttp.WSMsgType.BINARY:
                message = await socket.receive(timeout=30)

        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert ready_engines(core) == ["good"]
        assert len(warnings(caplog)) == 1


async def test_news_of_jobs_before_a_hello_closes_the_peer(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, dialled(core.link) as socket:
        await say(socket, Beat(steps=0, busy=False))
        await say(socket, Started(job="a" * 16, attempt=1))

        assert "before it said who it is" in await refusal(socket)


async def test_a_second_line_of_the_same_engine_ends_the_first(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, dialled(core.link) as first, dialled(core.link) as second:
        await say(first, hello())
        await ready(core)
        await say(second, hello())

        assert "took its place" in await refusal(first)
        assert first.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION
        [job] = [await core.ask()]
        await until(lambda: [held.id for held in core.service.live.handed_out()] == [job.id])
        assert ready_engines(core) == ["bare"]


async def test_an_engine_that_vanishes_is_lost_at_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        async with dialled(core.link) as socket:
            await say(socket, hello())
            await ready(core)

        await until(lambda: ready_engines(core) == [])


async def test_a_peer_that_answers_no_ping_is_noticed(tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    async with (
        stage(tmp_path, heartbeat=0.2) as core,
        aiohttp.ClientSession() as session,
        session.ws_connect(core.link.url, headers=headers, autoping=False) as socket,
    ):
        await say(socket, hello())
        await ready(core)

        await until(lambda: ready_engines(core) == [])


async def test_an_engine_that_cannot_load_says_why(tmp_path: Path) -> None:
    script = Script(problem="The weights are incomplete.")
    async with stage(tmp_path) as core, core.engine(script=script).running():
        await until(lambda: len(core.service.engines.views()) == 1)

        [view] = core.service.engines.views()
        assert (view.state, view.problem) == ("loading", "The weights are incomplete.")
    assert not core.service.engine_ready


async def test_engines_that_die_while_they_load_are_a_problem_once_it_is_no_chance(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:

        async def dies_loading() -> list[str | None]:
            async with core.engine(script=Script(load_seconds=600)).running():
                await until(lambda: any(peer.loading for peer in core.link.peers))
            await until(lambda: not core.link.peers)
            return [view.problem for view in core.service.engines.views()]

        assert [await dies_loading(), await dies_loading()] == [[None], [None]]
        async with core.engine().running():  # this one loads: from now on it may be chance again
            await ready(core)
        await until(lambda: not core.service.engines.views())
        assert [await dies_loading(), await dies_loading()] == [[None], [None]]

        [problem] = await dies_loading()
        assert problem is not None
        assert "broke down 3 times" in problem


async def test_a_closing_link_lets_its_engines_go_quickly(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)
        link = core.link

    assert link.peers == set()
