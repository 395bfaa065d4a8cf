"""How long recovery takes, with the product's own times; the promises are those of docs/reliability.md."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bot.jobs.events import Began, Stepped
from bot.queue.recovery import GRACE
from bot.service.service import JobService
from tests.support.patience import quickest
from tests.support.stage import BEN, OpenStage, engine_process, ready, stage

RERUN = 1.5  # seconds from an engine's SIGKILL to the start elsewhere


async def began(service: JobService, job_id: str, *, attempt: int = 1) -> float:
    """Monotonic seconds when this job's attempt began."""
    with service.subscribe() as events:
        while True:
            event = await anext(events)
            if isinstance(event, Began) and event.job.id == job_id and event.job.attempt == attempt:
                return time.monotonic()


async def test_with_a_second_engine_a_job_starts_again_in_a_second_and_a_half(tmp_path: Path) -> None:
    async def from_death_to_start(number: int) -> float:
        async with stage(tmp_path / str(number), grace=GRACE) as core, AsyncExitStack() as stack, asyncio.timeout(30):
            engines = {
                name: await stack.enter_async_context(engine_process(core, "--step-seconds", "0.3", "--name", name))
                for name in ("one", "two")
            }
            await ready(core, engines=2)
            job = await core.ask()
            await began(core.service, job.id)
            [holder] = await core.service.ledger.jobs.live()
            assert holder.engine is not None
            again = asyncio.create_task(began(core.service, job.id, attempt=2))
            await asyncio.sleep(0.5)

            died = time.monotonic()
            engines[holder.engine].kill()

            return await again - died

    assert await quickest(from_death_to_start, within=RERUN) <= RERUN


async def test_a_cancelled_picture_makes_room_within_one_step(opened: OpenStage, tmp_path: Path) -> None:
    async with opened(tmp_path) as core:
        engine = core.engine()
        engine.held_after = 2  # the third step of any job is never done
        async with engine.running(), asyncio.timeout(90):
            await ready(core)
            with core.service.subscribe() as events:
                unwanted, wanted = await core.ask(), await core.ask(BEN)
                while not (isinstance(event := await anext(events), Stepped) and event.step == 2):
                    pass

                await core.service.dispatcher.cancel(unwanted.id)

                while not (isinstance(event := await anext(events), Began) and event.job.id == wanted.id):
                    pass

    assert [job for job, _ in engine.begun] == [unwanted.id, wanted.id]
