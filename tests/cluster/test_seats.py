"""Who sits where at a broker: a seat changes hands, and the bot's own line is made anew, without a job left behind."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from bot.jobs.states import JobState
from bot.links.broker import link as nats
from bot.links.broker.config import write_config
from bot.links.broker.link import EnginesAtBroker, broker_link
from bot.service.service import open_service
from engine.links.broker import BrokerLink
from protocol import broker as cluster
from protocol import frames as wire
from protocol.messages import PROTOCOL, BotHello, EngineHello, Loading, Refused
from tests.cluster.keys import bot_at, engine_with, guarded
from tests.support import lines
from tests.support.broker import Broker, broker
from tests.support.fake_engine import CARD, FakeEngine, Script
from tests.support.stage import ROOMY, Stage, engine_process, ready, until

QUICK = Script(step_seconds=0.02)
HELLO = EngineHello(
    protocol=PROTOCOL, build="test", engine="stranger", card=CARD, device="cpu", dtype="float32", threads=1, memory=0,
    policy="test",
)  # fmt: skip


async def test_a_successor_that_still_loads_does_not_keep_its_predecessors_job(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    async with guarded(keys, engines=1) as server:
        access = cluster.Access(url=server.url, credentials=keys / "bot.nk")
        async with bot_at(server, tmp_path, access) as core:
            own = ("--name", "first", "--creds", str(keys / "engine-1.nk"), "--step-seconds", "5")
            async with engine_process(core, *own) as first:
                await ready(core)
                job = await core.ask()
                await until(lambda: bool(core.service.live.handed_out()))
                first.kill()
                await first.wait()
            successor = engine_with(server, keys / "engine-1.nk", "second")
            successor.script = Script(step_seconds=0.02, load_seconds=2)  # says so within the lease of the first
            async with successor.running():
                [ended] = await core.ended(job)

    assert ended.state is JobState.RENDERED


async def test_an_engine_that_dies_while_the_bots_line_is_made_anew_gives_its_job_back(tmp_path: Path) -> None:
    async with broker(tmp_path / "nats") as server, at_broker(tmp_path, server) as (core, link):
        async with engine_process(core, "--name", "doomed", "--step-seconds", "5") as doomed:
            await ready(core)
            job = await core.ask()
            await until(lambda: bool(core.service.live.handed_out()))
            await cut_off(link)
            doomed.kill()
            await doomed.wait()
        async with FakeEngine(url=server.url, name="other").running():
            [ended] = await core.ended(job)

    assert ended.state is JobState.RENDERED


@pytest.mark.parametrize("step", ["start", "painted"])
async def test_a_step_that_the_ledger_has_taken_is_not_cut_off_with_the_bots_line(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with broker(tmp_path / "nats") as server, at_broker(tmp_path, server) as (core, link):
        taken, goes_on = asyncio.Event(), asyncio.Event()
        write = getattr(core.service.ledger.jobs, step)

        async def write_slowly(*arguments: object) -> object:
            job = await write(*arguments)
            taken.set()
            await goes_on.wait()
            return job

        monkeypatch.setattr(core.service.ledger.jobs, step, write_slowly)
        async with FakeEngine(url=server.url, name="engine", script=QUICK).running():
            await ready(core)
            job = await core.ask()
            await taken.wait()
            await cut_off(link)
            await asyncio.sleep(0.5)
            goes_on.set()
            await until(lambda: core.service.position(job.id) is None)

            assert [(await core.service.job(job.id)).state, core.service.live.handed_out()] == [JobState.RENDERED, []]


async def test_a_bot_that_was_away_from_the_broker_asks_who_is_there(tmp_path: Path) -> None:
    async with broker(tmp_path / "nats") as server, at_broker(tmp_path, server) as (core, link), a_client(server) as me:
        words = await me.subscribe(cluster.command("seat"))
        await me.publish(cluster.event("seat"), wire.encode(HELLO))
        await ready(core)
        while wire.decode_command((await words.next_msg(10)).data) != BotHello(protocol=PROTOCOL, build="test"):
            pass

        assert link._streams is not None
        await link._streams._client.force_reconnect()

        while (await words.next_msg(10)).data != cluster.NO_WORD:
            pass


async def test_streams_that_somebody_deletes_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats, "LOOK_AFTER", 0.2)
    async with (
        broker(tmp_path / "nats") as server,
        at_broker(tmp_path, server) as (core, _),
        a_client(server) as me,
        FakeEngine(url=server.url, name="engine", script=QUICK).running(),
    ):
        await ready(core)
        for stream in (cluster.JOBS, cluster.RESULTS):
            await me.jetstream().delete_stream(stream)

        [ended] = await core.ended(await core.ask())

    assert ended.state is JobState.RENDERED


async def test_whoever_speaks_from_where_no_engine_can_sit_is_not_heard_and_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with broker(tmp_path / "nats") as server, at_broker(tmp_path, server) as (core, _), a_client(server) as me:
        for _ in range(3):
            await me.publish("zimagine.event.no/seat", wire.encode(HELLO))
            await me.publish("zimagine.event." + 300 * "x", wire.encode(HELLO))
        async with FakeEngine(url=server.url, name="engine", script=QUICK).running():
            await ready(core)
            [ended] = await core.ended(await core.ask())
        names = [view.id for view in core.service.engines.views()]

    assert ended.state is JobState.RENDERED
    assert "stranger" not in names
    assert len([line for line in caplog.messages if "no engine can sit" in line]) == 1


async def test_orders_that_an_engine_did_not_fetch_are_cleared_away_when_it_has_left(tmp_path: Path) -> None:
    async with broker(tmp_path / "nats") as server, at_broker(tmp_path, server) as (core, _), a_client(server) as me:
        await me.publish(cluster.event("seat"), wire.encode(HELLO))
        await ready(core)
        await core.ask()
        await until_so_many_orders(me, 1)

        await me.publish(cluster.event("seat"), cluster.NO_WORD)

        await until_so_many_orders(me, 0)
        await until(lambda: core.service.live.handed_out() == [])


async def test_a_second_engine_of_the_same_name_is_turned_away_and_the_first_works_on(tmp_path: Path) -> None:
    async with (
        broker(tmp_path / "nats") as server,
        at_broker(tmp_path, server) as (core, _),
        a_client(server) as me,
        FakeEngine(url=server.url, name="stranger", script=QUICK).running(),
    ):
        await ready(core)
        words = await me.subscribe(cluster.command("seat"))
        await me.publish(cluster.event("seat"), wire.encode(HELLO))
        refused = wire.decode_command((await words.next_msg(30)).data)
        [ended] = await core.ended(await core.ask())

    assert refused == Refused(reason="there is an engine of the name stranger already")
    assert ended.state is JobState.RENDERED


async def test_a_second_engine_of_a_name_is_turned_away_while_the_first_is_still_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        broker(tmp_path / "nats") as server,
        at_broker(tmp_path, server) as (core, _),
        a_client(server) as me,
    ):
        events, let_in = core.service.dispatcher.engine_events, asyncio.Event()
        joined = events.joined

        async def slowly_joined(*arguments: Any) -> None:
            await joined(*arguments)
            await let_in.wait()

        monkeypatch.setattr(events, "joined", slowly_joined)
        async with FakeEngine(url=server.url, name="stranger", script=QUICK).running():
            await ready(core)
            words = await me.subscribe(cluster.command("seat"))
            await me.publish(cluster.event("seat"), wire.encode(HELLO))
            answer = wire.decode_command((await words.next_msg(30)).data)
            let_in.set()
            [ended] = await core.ended(await core.ask())

    assert answer == Refused(reason="there is an engine of the name stranger already")
    assert ended.state is JobState.RENDERED


async def test_people_can_see_that_an_engine_at_a_broker_comes_up_or_cannot(tmp_path: Path) -> None:
    loading = Loading(protocol=PROTOCOL, build="test", engine="slow", model="Big", problem="It is broken.")
    async with broker(tmp_path / "nats") as server, at_broker(tmp_path, server) as (core, _), a_client(server) as me:
        await me.publish(cluster.event("seat"), wire.encode(loading))
        await until(lambda: bool(core.service.engines.views()))
        [view] = core.service.engines.views()

        await me.publish(cluster.event("seat"), cluster.NO_WORD)
        await until(lambda: not core.service.engines.views())

    assert (view.id, view.name, view.state, view.problem) == ("slow", "Big", "loading", "It is broken.")


@pytest.mark.parametrize(
    ("name", "missing", "junk"),
    [("ca", "FileNotFoundError", "SSLError"), ("credentials", "cannot be read", "holds no nkey seed")],
)
async def test_a_broker_that_cannot_even_be_dialled_is_said_once_for_each_reason(
    tmp_path: Path, name: str, missing: str, junk: str, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(cluster, "DIAL_AGAIN", 0.01)
    file = tmp_path / "file"
    access = dataclasses.replace(cluster.Access(url="nats://127.0.0.1:1"), **{name: file})

    def said() -> list[str]:
        return [line for line in caplog.messages if "the broker cannot be used" in line]

    async with (
        open_service(tmp_path, owner=ROOMY) as service,
        broker_link(service.dispatcher.engine_events, access=access, build="test", parts=tmp_path / "parts"),
    ):
        await until(lambda: bool(said()))
        await asyncio.sleep(0.2)  # and some twenty tries more
        file.write_text("junk")
        await until(lambda: len(said()) > 1)

    first, second = said()
    assert missing in first
    assert junk in second


async def test_an_engine_whose_credentials_cannot_be_read_any_more_dials_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    write_config(tmp_path, engines=1)
    access = cluster.Access(url="nats://127.0.0.1:1", credentials=tmp_path / "engine-1.nk")
    engine = BrokerLink(access=access, on_command=lambda _: None)
    (tmp_path / "engine-1.nk").unlink()

    dialling = asyncio.create_task(engine.run())
    await until(lambda: "cannot be read" in caplog.text or dialling.done())

    assert not dialling.done()
    dialling.cancel()
    await asyncio.wait([dialling])


async def test_before_a_bot_has_reached_its_broker_no_engine_there_is_taken_for_dead(tmp_path: Path) -> None:
    async with lines.opened(tmp_path) as before:
        job, line = await before.ask(), before.line()
        await line.join()
        [order] = await line.ordered(1)
        await line.start(order)

    nowhere = cluster.Access(url="nats://127.0.0.1:1")
    async with (
        lines.opened(tmp_path) as after,
        broker_link(after.service.dispatcher.engine_events, access=nowhere, build="test", parts=tmp_path / "parts"),
    ):
        other = after.line("other")
        await other.join()
        await asyncio.sleep(6 * lines.GRACE)

        assert other.orders() == []
        assert await after.state(job) is JobState.RUNNING


async def until_so_many_orders(client: Client, number: int) -> None:
    """Wait until so many lie at the broker."""
    async with asyncio.timeout(30):
        while (await client.jetstream().stream_info(cluster.JOBS)).state.messages != number:  # noqa: ASYNC110 (the broker tells nobody)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def a_client(server: Broker) -> AsyncGenerator[Client, None]:
    """Somebody else at the broker, where the bot has begun to hear."""
    client = Client()
    await client.connect(server.url)
    try:
        await (await client.subscribe(cluster.CALL)).next_msg(10)
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def at_broker(folder: Path, server: Broker) -> AsyncGenerator[tuple[Stage, EnginesAtBroker], None]:
    """A core and its line."""
    data = folder / "bot"
    data.mkdir()
    access = cluster.Access(url=server.url)
    async with (
        open_service(data, owner=ROOMY, grace=0.3) as service,
        broker_link(
            service.dispatcher.engine_events, access=access, build="test", parts=data / "parts", grace=0.3
        ) as link,
    ):
        yield Stage(data=data, service=service, link=None, url=server.url), link  # type: ignore[arg-type]


async def cut_off(link: EnginesAtBroker) -> None:
    """The broker ends the bot's connection for good, as it does where the bot was too slow."""
    assert link._streams is not None
    await link._streams._client.close()
