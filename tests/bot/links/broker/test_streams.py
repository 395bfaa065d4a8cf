"""What the bot asks of JetStream, at a real broker: orders lie there once, for their engine alone, and go in time."""

# pyright: reportUnknownMemberType=false
# (nats-py leaves some of its parameters without types)

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import nats.js.errors
import pytest
from nats.aio.client import Client

from bot.links.broker.streams import OrderTooLarge, Streams
from protocol import broker as cluster
from protocol import frames as wire
from protocol.messages import Cancel, Generate
from tests.support.broker import broker
from tests.support.orders import order

ENGINE = "painter"


def named(job: str) -> Generate:
    return msgspec.structs.replace(order(), job=job)


@asynccontextmanager
async def at_broker(folder: Path, *, payload: str = "16MB") -> AsyncGenerator[Client, None]:
    async with broker(folder / "nats", payload=payload) as server:
        access = cluster.Access(url=server.url)
        async with cluster.connected(access, seat=cluster.BOT_SEAT, back=lambda: None) as client:
            yield client


async def lying(client: Client, stream: str = cluster.JOBS) -> list[str]:
    """The subjects of everything that lies there, as often as it does."""
    state = (await client.jetstream().stream_info(stream, subjects_filter=">")).state
    return sorted(subject for subject, times in (state.subjects or {}).items() for _ in range(times))


async def leave(streams: Streams, seat: str, *jobs: str) -> None:
    for job in jobs:
        await streams.order(seat, named(job), engine=ENGINE, number=streams.number())


async def test_an_order_that_is_left_again_under_its_number_lies_there_once(tmp_path: Path) -> None:
    async with at_broker(tmp_path) as client:
        streams = Streams(client, bot="bot")
        await streams.ensure([])
        first, second = streams.number(), streams.number()

        for number in (first, first, second):
            await streams.order("seat", named("a"), engine=ENGINE, number=number)

        assert await lying(client) == 2 * [cluster.order("seat", "a")]
        assert first.startswith("bot:")
        assert int(first.partition(":")[2]) < int(second.partition(":")[2])


async def test_what_is_taken_back_or_cleared_away_is_gone_and_nothing_else(tmp_path: Path) -> None:
    async with at_broker(tmp_path) as client:
        streams = Streams(client)
        await streams.ensure([])
        await leave(streams, "seat", "a", "b", "c")
        await leave(streams, "another", "a")

        await streams.take_back("seat", "a")
        taken_back = await lying(client)
        await streams.clear("seat")
        cleared = await lying(client)

    assert taken_back == [cluster.order("another", "a"), cluster.order("seat", "b"), cluster.order("seat", "c")]
    assert cleared == [cluster.order("another", "a")]
    await streams.clear("seat")  # no harm where the broker is gone: it is tried when an engine is


async def test_who_sits_down_anew_finds_nothing_of_who_sat_there_before(tmp_path: Path) -> None:
    async with at_broker(tmp_path) as client:
        streams = Streams(client)
        await streams.ensure(["seat", "another"])
        await leave(streams, "seat", "a")
        await leave(streams, "another", "b")

        await streams.seat(seat="seat", hello_is_new=False)
        await streams.ensure(["seat", "another"])  # as after the broker was away
        known = await lying(client)
        await streams.seat(seat="seat", hello_is_new=True)

        assert known == [cluster.order("another", "b"), cluster.order("seat", "a")]
        assert await lying(client) == [cluster.order("another", "b")]


async def test_an_engine_is_dealt_its_own_orders_and_again_until_it_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "LEASE", 0.5)
    async with at_broker(tmp_path) as client:
        streams = Streams(client)
        dealt = await client.subscribe(cluster.deal("seat"))
        await streams.ensure(["seat"])
        await leave(streams, "another", "a")
        await leave(streams, "seat", "b")

        lost, again = await dealt.next_msg(30), await dealt.next_msg(30)
        await again.ack_sync()

        assert wire.decode_command(lost.data) == wire.decode_command(again.data) == named("b")
        assert (again.headers or {})[cluster.ENGINE] == ENGINE
        assert await lying(client) == [cluster.order("another", "a")]


async def test_what_is_said_to_an_engine_bears_a_number_and_no_word_asks_who_is_there(tmp_path: Path) -> None:
    async with at_broker(tmp_path) as client:
        streams = Streams(client, bot="bot")
        said = await client.subscribe(cluster.command("seat"))

        await streams.tell("seat", Cancel(job="a"))
        await streams.tell("another", Cancel(job="b"))
        await streams.tell("seat", None)
        cancel, question = await said.next_msg(30), await said.next_msg(30)

    assert wire.decode_command(cancel.data) == Cancel(job="a")
    assert question.data == cluster.NO_WORD
    numbers = [(message.headers or {})[cluster.NUMBER] for message in (cancel, question)]
    assert numbers == sorted(numbers)
    assert numbers[0].startswith("bot:")


async def test_a_picture_that_is_sent_again_is_not_kept_twice(tmp_path: Path) -> None:
    async with at_broker(tmp_path) as client:
        await Streams(client).ensure([])
        subject = cluster.result("seat", "a", 0, "0-0-1")

        await client.jetstream().publish(subject, b"picture")
        with pytest.raises(nats.js.errors.APIError):
            await client.jetstream().publish(subject, b"picture")

        assert await lying(client, cluster.RESULTS) == [subject]


async def test_limits_that_an_older_build_has_set_are_replaced(tmp_path: Path) -> None:
    async with at_broker(tmp_path) as client:
        await Streams(client, most_orders=1).ensure([])
        streams = Streams(client, most_orders=2)
        await streams.ensure([])

        await leave(streams, "seat", "a", "b")

        assert len(await lying(client)) == 2


@pytest.mark.parametrize("limited", ["by the broker", "by what JetStream can read back"])
async def test_an_order_may_fill_a_message_to_the_last_byte(
    tmp_path: Path, limited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_broker(tmp_path, payload="64KB") as client:
        most = client.max_payload - cluster.HEADERS
        if limited != "by the broker":
            most = 32 * 1024
            monkeypatch.setattr(cluster, "MOST_ORDER", most)
        streams = Streams(client)
        await streams.ensure([])
        source = bytes(most)
        source = source[len(wire.encode(order(source=source))) - most :]

        await streams.order("seat", order(source=source), engine=ENGINE, number="1")
        with pytest.raises(OrderTooLarge):
            await streams.order("seat", order(source=source + b"\0"), engine=ENGINE, number="2")

        assert len(await lying(client)) == 1
