"""Whoever leaves a broker is gone soon, at whatever moment that is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path

from bot.links.broker.link import broker_link
from protocol import broker as cluster
from tests.support.broker import Broker, broker
from tests.support.stage import ROOMY, open_service

SOON = 12.0  # seconds; a second cancellation comes after 5, flush and close take one each, on a busy machine


async def left_after(turns: int, work: Coroutine[None, None, None], reached: asyncio.Event) -> bool:
    """Whether a task ends soon that is cancelled after so many turns of the loop, or when its broker is `reached`."""
    task = asyncio.create_task(work)
    for _ in range(turns):
        if reached.is_set():
            break
        await asyncio.sleep(0)
    task.cancel()
    done, late = await asyncio.wait([task], timeout=SOON)
    await cluster.ended(*late)
    return bool(done)


async def test_a_connection_is_given_up_at_every_moment_of_its_making(tmp_path: Path) -> None:
    async with broker(tmp_path) as server:
        for turns in range(1000):
            reached = asyncio.Event()
            assert await left_after(turns, connect(server, reached), reached), f"after {turns} turns"
            if reached.is_set() and turns > 20:
                break


async def connect(server: Broker, reached: asyncio.Event) -> None:
    async with cluster.connected(cluster.Access(url=server.url), seat="test", back=lambda: None):
        reached.set()
        await asyncio.Event().wait()


async def test_a_bot_leaves_soon_after_any_moment_of_reaching_its_broker(tmp_path: Path) -> None:
    async with broker(tmp_path / "nats") as server, open_service(tmp_path, owner=ROOMY) as service:
        access = cluster.Access(url=server.url)

        async def stay() -> None:
            events = service.dispatcher.engine_events
            async with broker_link(events, access=access, build="test", parts=tmp_path / "parts"):
                await asyncio.Event().wait()

        for turns in range(0, 60, 3):
            assert await left_after(turns, stay(), asyncio.Event()), f"after {turns} turns"


async def test_a_broker_that_reads_no_more_is_not_waited_for(tmp_path: Path) -> None:
    async with broker(tmp_path) as server:
        async with cluster.connected(cluster.Access(url=server.url), seat="test", back=lambda: None) as client:
            server.freeze()
            await client.publish("anything", bytes(15_000_000))  # more than the system keeps for a reader
            leaving = time.monotonic()

        assert time.monotonic() - leaving < SOON
