"""A lease is renewed only by a painter that gets on; a full stream is said, and what it refused comes later."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bot.links.broker import streams
from engine.links.lease import Lease
from protocol import broker as cluster
from protocol.messages import Beat, Generate
from protocol.request import ImageRequest
from tests.support.broker import broker

REQUEST = ImageRequest(prompt="a star", shape="1:1", width=256, height=256, steps=8, seed=1)


def test_an_idle_painter_renews_for_ever() -> None:
    lease = Lease(5)

    assert all(lease.renews(Beat(steps=3, busy=False), now) for now in range(0, 1000, 10))


def test_a_painter_whose_counter_stands_still_stops_renewing() -> None:
    lease = Lease(5)
    assert all(lease.renews(Beat(steps=step, busy=True), step / 2) for step in range(10))

    still = [lease.renews(Beat(steps=9, busy=True), 4.5 + seconds) for seconds in (1, 5, 5.1, 60)]

    assert still == [True, True, False, False]
    assert lease.renews(Beat(steps=10, busy=True), 70)


def test_a_painter_that_has_yet_to_do_its_first_step_has_two_minutes() -> None:
    lease, beat = Lease(5), Beat(steps=3, busy=True)

    assert [lease.renews(beat, 1000 + seconds) for seconds in (0, 120, 121)] == [True, True, False]


def test_quick_steps_leave_the_least_patience_and_no_more() -> None:
    lease = Lease(1)
    for step in range(9):
        lease.renews(Beat(steps=step, busy=True), step / 8)

    assert [lease.renews(Beat(steps=8, busy=True), 1 + seconds) for seconds in (1, 1.5)] == [True, False]


def test_slow_steps_are_not_taken_for_a_hang() -> None:
    lease = Lease(5)
    for step in range(3):
        lease.renews(Beat(steps=step, busy=True), step * 20)

    assert lease.renews(Beat(steps=2, busy=True), 40 + 59)
    assert not lease.renews(Beat(steps=2, busy=True), 40 + 61)


async def test_a_full_stream_of_orders_refuses_clearly_until_there_is_room(tmp_path: Path) -> None:
    order = Generate(job="a", attempt=1, request=REQUEST, wanted=(0,))
    other = msgspec.structs.replace(order, job="b")
    async with broker(tmp_path / "nats") as server:
        access = cluster.Access(url=server.url)
        async with cluster.connected(access, seat=cluster.BOT_SEAT, back=lambda: None) as client:
            small = streams.Streams(client, most_orders=1)
            await small.ensure([])
            await small.order("seat", order, engine="fake", number="1")
            with pytest.raises(streams.OrdersFull, match="maximum messages exceeded"):
                await small.order("seat", other, engine="fake", number="2")

            await small.take_back("seat", "a")
            await small.order("seat", other, engine="fake", number="3")
