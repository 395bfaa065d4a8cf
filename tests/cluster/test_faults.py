"""What may happen between bot, broker and engines, and what it costs: never a picture, and seldom a second start."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from bot.jobs.events import Began, Stepped
from bot.jobs.states import JobState
from tests.support.broker import broker
from tests.support.fake_engine import Script
from tests.support.patience import quickest
from tests.support.stage import Stage, engine_process, ready, stage, until

LEASE = 3.0


async def steps_done(core: Stage, number: int) -> None:
    with core.service.subscribe() as events:
        async with asyncio.timeout(30):
            async for event in events:
                if isinstance(event, Stepped) and event.step >= number:
                    return


async def test_after_a_kill_the_job_begins_in_another_engine_within_the_lease(tmp_path: Path) -> None:
    async def from_kill_to_start(number: int) -> float:
        folder = tmp_path / str(number)
        async with (
            broker(folder / "nats") as server,
            stage(folder, broker=server, lease=LEASE) as core,
            engine_process(core, "--step-seconds", "0.2", "--name", "doomed") as doomed,
        ):
            await ready(core)
            job = await core.ask(steps=20)
            await steps_done(core, 2)
            async with core.engine("second").running():
                await ready(core, engines=2)
                with core.service.subscribe() as events:
                    doomed.kill()
                    killed = time.monotonic()
                    while not isinstance(await anext(events), Began):
                        pass
                took = time.monotonic() - killed
                [ended] = await core.ended(job)
        assert (ended.state, ended.attempt) == (JobState.RENDERED, 2)
        return took

    assert await quickest(from_kill_to_start, within=LEASE) <= LEASE


async def test_a_broker_that_is_down_for_two_seconds_costs_no_second_start(tmp_path: Path) -> None:
    async with broker(tmp_path / "nats") as server, stage(tmp_path, broker=server, lease=LEASE) as core:
        engine = core.engine(script=Script(step_seconds=0.2))
        async with engine.running():
            await ready(core)
            job = await core.ask(count=2)
            await steps_done(core, 2)

            await server.kill()
            await asyncio.sleep(2)
            await server.start()
            [ended] = await core.ended(job)

    assert ended.state is JobState.RENDERED
    assert engine.begun == [(job.id, 1)]


async def test_a_broker_that_is_frozen_longer_than_the_lease_costs_no_second_start(tmp_path: Path) -> None:
    async with broker(tmp_path / "nats") as server, stage(tmp_path, broker=server, lease=LEASE) as core:
        engine = core.engine(script=Script(step_seconds=0.5))
        async with engine.running(), core.engine("idle").running():
            await ready(core, engines=2)
            job = await core.ask()
            await steps_done(core, 1)

            server.freeze()
            await asyncio.sleep(LEASE + 1)
            server.thaw()
            [ended] = await core.ended(job)

        assert ended.state is JobState.RENDERED
        assert len(await started(core, job.id)) == 1


async def test_a_broker_whose_data_is_wiped_gets_its_streams_anew_and_nothing_is_lost(tmp_path: Path) -> None:
    async with (
        broker(tmp_path / "nats") as server,
        stage(tmp_path, broker=server, lease=LEASE) as core,
        core.engine(script=Script(step_seconds=0.05)).running(),
    ):
        await ready(core)
        jobs = [await core.ask() for _ in range(6)]
        for _ in range(3):
            await steps_done(core, 1)
            await server.kill()
            server.wipe()
            await server.start()
        ended = await core.ended(*jobs, within=40)

    assert [job.state for job in ended] == [JobState.RENDERED] * 6


async def test_pictures_wait_at_the_broker_for_the_bot_even_when_their_engine_has_gone(tmp_path: Path) -> None:
    async with broker(tmp_path / "nats") as server:
        async with stage(tmp_path, broker=server) as before:
            engine = before.engine(script=Script(step_seconds=0.05))
            working = asyncio.create_task(engine.run())
            await ready(before)
            job = await before.ask(count=2)
            await steps_done(before, 2)
        await until(lambda: not engine._busy)  # pyright: ignore[reportPrivateUsage]
        await asyncio.sleep(0.5)
        working.cancel()
        await asyncio.wait([working])

        async with stage(tmp_path, broker=server, adoption=3.0) as after:
            [ended] = await after.ended(job)

    assert (ended.state, len(ended.pictures), ended.attempt) == (JobState.RENDERED, 2, 1)


async def test_a_cancelled_job_takes_no_further_step_and_one_that_waits_in_the_engine_takes_none(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path / "nats") as server, stage(tmp_path, broker=server) as core:
        engine = core.engine(script=Script(step_seconds=0.5))
        async with engine.running():
            await ready(core)
            running, prefetched = await core.ask(steps=20), await core.ask(steps=20)
            await steps_done(core, 2)

            await core.service.dispatcher.cancel(prefetched.id)
            await core.service.dispatcher.cancel(running.id)
            steps = engine._steps  # pyright: ignore[reportPrivateUsage]
            await until(lambda: not engine._busy)  # pyright: ignore[reportPrivateUsage]

            assert engine._steps - steps <= 1  # pyright: ignore[reportPrivateUsage]
            assert await started(core, prefetched.id) == []


async def test_an_engine_that_hangs_while_it_answers_loses_its_job_and_its_late_word_harms_nothing(
    tmp_path: Path,
) -> None:
    async with broker(tmp_path / "nats") as server, stage(tmp_path, broker=server, lease=LEASE) as core:
        hung = core.engine("hung", Script(step_seconds=0.1, hang_at_step=5))
        async with hung.running():
            await ready(core)
            job = await core.ask()
            await steps_done(core, 4)
            async with core.engine("second").running():
                [ended] = await core.ended(job, within=30)

    assert (ended.state, ended.attempt) == (JobState.RENDERED, 2)


async def test_an_engine_frozen_beyond_its_lease_comes_back_and_one_picture_is_kept(tmp_path: Path) -> None:
    async with (
        broker(tmp_path / "nats") as server,
        stage(tmp_path, broker=server, lease=2.0) as core,
        engine_process(core, "--step-seconds", "0.2", "--name", "frozen") as frozen,
    ):
        await ready(core)
        job = await core.ask()
        await steps_done(core, 2)
        os.kill(frozen.pid, signal.SIGSTOP)
        async with core.engine("second").running():
            [ended] = await core.ended(job)
            os.kill(frozen.pid, signal.SIGCONT)
            await ready(core, engines=2)
            [another] = await core.ended(await core.ask())

        assert len((await core.service.job(job.id)).pictures) == 1
        assert [ended.state, another.state] == [JobState.RENDERED] * 2


async def started(core: Stage, job: str) -> list[str]:
    """Every time the ledger saw this job begin."""
    return [event for event in await core.service.ledger.jobs.events(job) if event == "running"]
