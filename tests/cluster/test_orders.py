"""Orders at a broker: whom they are for, and what a cancellation makes of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from bot.jobs.states import JobState
from bot.links.broker.streams import Streams
from engine.links.broker import BrokerLink
from protocol import broker as cluster
from protocol.messages import Cancel, Command, EngineHello, Generate
from protocol.request import ImageRequest
from tests.cluster.keys import bot_at, engine_with, guarded
from tests.support.broker import broker
from tests.support.fake_engine import CARD
from tests.support.stage import engine_process, ready, until

ORDER = Generate(
    job="a" * 16, attempt=1, wanted=(0,),
    request=ImageRequest(prompt="a star", shape="1:1", width=256, height=256, steps=8, seed=1),
)  # fmt: skip


async def test_an_order_for_a_dead_engine_is_not_painted_by_its_successor_before_the_bot_says_so(
    tmp_path: Path,
) -> None:
    keys = tmp_path / "keys"
    async with guarded(keys, engines=1) as server:
        access = cluster.Access(url=server.url, credentials=keys / "bot.nk")
        async with bot_at(server, tmp_path, access) as core:
            async with engine_process(core, "--name", "first", "--creds", str(keys / "engine-1.nk")) as first:
                await ready(core)
                first.kill()
                await first.wait()
            job = await core.ask()
            await until(lambda: bool(core.service.live.handed_out()))
            successor = engine_with(server, keys / "engine-1.nk", "second")
            async with successor.running():
                [ended] = await core.ended(job)

    assert ended.state is JobState.RENDERED
    assert len(successor.begun) == 1


async def test_a_cancellation_that_overtakes_its_order_holds_and_a_later_order_counts(tmp_path: Path) -> None:
    heard = list[Command]()
    async with broker(tmp_path / "nats") as server:
        access = cluster.Access(url=server.url)
        engine = BrokerLink(access=access, on_command=heard.append)
        engine.introduce(EngineHello(**HELLO))
        linked = asyncio.create_task(engine.run())
        async with cluster.connected(access, seat=cluster.BOT_SEAT, back=lambda: None) as client:
            streams = Streams(client, bot="b1")
            await streams.ensure([])
            await streams.seat(seat=engine.seat, hello_is_new=True)
            overtaken = streams.number()
            await until_heard(streams, engine.seat, heard, Cancel(job=ORDER.job))

            await streams.order(engine.seat, ORDER, engine="e1", number=overtaken)
            await streams.order(engine.seat, renamed("b" * 16), engine="another", number=streams.number())
            await streams.order(engine.seat, msgspec.structs.replace(ORDER, attempt=2), engine="e1", number="b2:1")
            await until(lambda: any(isinstance(command, Generate) for command in heard))
            await streams.order(engine.seat, renamed("c" * 16), engine="e1", number=streams.number())
            await until(lambda: heard[-1] == renamed("c" * 16))
        linked.cancel()
        await asyncio.wait([linked])

    orders = [command for command in heard if isinstance(command, Generate)]
    assert [(order.job, order.attempt) for order in orders] == [(ORDER.job, 2), ("c" * 16, 1)]


async def until_heard(streams: Streams, seat: str, heard: list[Command], command: Command) -> None:
    """Said until it is heard: it is lost on whoever does not listen yet."""
    async with asyncio.timeout(30):
        while command not in heard:
            await streams.tell(seat, command)
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.1)


def renamed(job: str) -> Generate:
    return msgspec.structs.replace(ORDER, job=job)


HELLO = {
    "protocol": 1, "build": "1", "engine": "e1", "card": CARD, "device": "cpu", "dtype": "float32", "threads": 1,
    "memory": 0, "policy": "test",
}  # fmt: skip
