"""What does not fit: into the broker's messages, or into its streams. Said in a sentence, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from bot.jobs.states import JobState
from bot.requests.draft import RequestDraft
from protocol import broker as cluster
from tests.cluster.keys import bot_at, engine_with, guarded
from tests.support.broker import Broker, broker
from tests.support.fake_engine import Script
from tests.support.stage import ANNA, ready, stage, until

MB = 1024 * 1024
LARGEST = int(4096 * 4096 * 3.05)  # bytes, of noise


async def test_the_largest_picture_travels_with_the_written_configuration(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    async with guarded(keys) as server:
        access = cluster.Access(url=server.url, credentials=keys / "bot.nk")
        engine = engine_with(server, keys / "engine-1.nk")
        engine.picture = lambda order, k: os.urandom(LARGEST)
        async with bot_at(server, tmp_path, access) as core, engine.running():
            await ready(core)
            [job] = await core.ended(await core.ask(), within=50)

    assert (job.state, job.pictures[0].size) == (JobState.RENDERED, LARGEST)


async def test_a_picture_larger_than_the_brokers_messages_comes_in_parts_and_again_after_the_bot_was_away(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path / "nats", payload="64KB") as server:
        async with stage(tmp_path, broker=server) as before:
            engine = before.engine(script=Script(step_seconds=0.1))
            engine.picture = lambda order, k: random.Random(k).randbytes(300_000)
            working = asyncio.create_task(engine.run())
            await ready(before)
            job = await before.ask(count=2)
            await until(lambda: len(engine.begun) == 1)
        async with stage(tmp_path, broker=server, adoption=3.0) as after:
            [ended] = await after.ended(job)
            await until(lambda: not files_in(tmp_path / "parts"))
        working.cancel()
        await asyncio.wait([working])

    assert (ended.state, [picture.size for picture in ended.pictures]) == (JobState.RENDERED, [300_000] * 2)
    assert engine.begun == [(job.id, 1)]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_an_order_that_is_too_heavy_for_the_broker_ends_in_a_sentence(tmp_path: Path) -> None:
    async with (
        broker(tmp_path / "nats", payload="512KB") as server,
        stage(tmp_path, broker=server) as core,
        core.engine().running(),
    ):
        await ready(core)
        source = await core.service.blobs.put(random.Random(1).randbytes(600_000))
        request = core.service.composer.complete(RequestDraft(prompt="a star"), ANNA).varied(source=source, seed=1)

        heavy = await core.service.submit(request, by=ANNA, origin="heavy")
        [failed, light] = await core.ended(heavy, await core.ask())

    assert failed.failure is not None
    assert failed.failure.code == "too-heavy"
    assert light.state is JobState.RENDERED


async def test_a_full_stream_of_pictures_is_said_and_what_it_refused_comes_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with broker(tmp_path / "nats") as server, stage(tmp_path, broker=server) as core:
        engine = core.engine(script=Script(step_seconds=0.01))
        async with engine.running(), administration(server) as streams:
            await ready(core)
            await _limit_results(streams, to=64)

            jobs = [await core.ask(count=2) for _ in range(2)]
            await until(lambda: any("the broker takes no more pictures" in line for line in caplog.messages))
            await until(lambda: len(engine.begun) == 2)
            assert [(await core.service.job(job.id)).pictures for job in jobs] == [()] * 2

            await _limit_results(streams, to=64 * MB)
            ended = await core.ended(*jobs)

    assert [(job.state, len(job.pictures), job.attempt) for job in ended] == [(JobState.RENDERED, 2, 1)] * 2
    assert len(engine.begun) == 2


@asynccontextmanager
async def administration(server: Broker) -> AsyncGenerator[JetStreamContext, None]:
    access = cluster.Access(url=server.url)
    async with cluster.connected(access, seat="test", back=lambda: None) as client:
        yield client.jetstream()


async def _limit_results(streams: JetStreamContext, *, to: int) -> None:
    config = (await streams.stream_info(cluster.RESULTS)).config
    await streams.update_stream(config.evolve(max_bytes=to))
