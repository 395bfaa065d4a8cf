"""Real processes that really die: an engine killed mid-job, a bot that comes back on the same port."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from bot.jobs.events import Began, PainterLost, Stepped
from bot.jobs.states import JobState
from engine.supervisor import Supervisor, SupervisorLimits
from tests.support.fake_engine import CARD, Script
from tests.support.stage import ANNA, BEN, OpenStage, Stage, engine_process, ready, until


async def steps_done(core: Stage, number: int) -> None:
    """Wait until some job has done this step."""
    with core.service.subscribe() as events:
        async with asyncio.timeout(30):
            async for event in events:
                if isinstance(event, Stepped) and event.step >= number:
                    return


async def test_an_engine_killed_mid_job_costs_a_second_and_no_picture_twice(opened: OpenStage, tmp_path: Path) -> None:
    async with opened(tmp_path) as core:
        async with engine_process(core, "--step-seconds", "0.1") as doomed:
            await ready(core)
            job = await core.ask(count=2)
            await steps_done(core, 3)
            doomed.kill()
            await doomed.wait()
            async with core.engine("second").running():
                [ended] = await core.ended(job)

        assert ended.state is JobState.RENDERED
        assert [picture.k for picture in ended.pictures] == [0, 1]
        assert ended.attempt == 2
        assert (await core.service.ledger.jobs.events(job.id)).count("running") == 2


async def test_a_prompt_that_kills_every_engine_fails_and_others_are_painted(opened: OpenStage, tmp_path: Path) -> None:
    async with opened(tmp_path, grace=0.1) as core:
        core.service.engines.expect(CARD)
        poison = await core.ask(prompt="poison")
        async with asyncio.TaskGroup() as tasks:
            keeper = tasks.create_task(_keep_engines_coming(core))
            good = await core.ask(BEN)
            ended = await core.ended(poison, good, within=90)
            keeper.cancel()

        assert [job.state for job in ended] == [JobState.FAILED, JobState.RENDERED]
        assert ended[0].failure is not None
        assert ended[0].failure.code == "poison"


async def _keep_engines_coming(core: Stage) -> None:
    number = 0
    while True:
        number += 1
        options = ("--die-at-step", "2", "--die-on-prompt", "poison", "--name", f"engine-{number}")
        async with engine_process(core, *options) as process:
            await process.wait()


async def test_a_frozen_engine_is_noticed_and_its_late_result_harms_nothing(opened: OpenStage, tmp_path: Path) -> None:
    async with (
        opened(tmp_path, heartbeat=0.4, grace=0.2) as core,
        engine_process(core, "--step-seconds", "0.2", "--name", "frozen") as frozen,
    ):
        await ready(core)
        job = await core.ask()
        await steps_done(core, 2)
        os.kill(frozen.pid, signal.SIGSTOP)
        async with core.engine("second", Script(step_seconds=0.02)).running():
            [ended] = await core.ended(job)
            os.kill(frozen.pid, signal.SIGCONT)
            await ready(core, engines=2)
            await asyncio.sleep(0.5)

        assert ended.state is JobState.RENDERED
        assert len(ended.pictures) == 1
        assert (await core.service.job(job.id)).pictures == ended.pictures


async def test_a_worker_that_hangs_while_it_still_answers_is_killed_and_its_job_painted_again(
    opened: OpenStage, tmp_path: Path
) -> None:
    async with opened(tmp_path) as core:
        command = [sys.executable, "-m", "tests.support.fake_engine", "--url", core.url, "--beats"]
        command += ["--secret-file", str(tmp_path / "engine.json"), "--hang-at-step", "3", "--hang-attempts", "1"]
        supervisor = Supervisor(command, SupervisorLimits(hang_after=3.0, first_wait=0.05, grace=0.5))
        running = asyncio.create_task(supervisor.run())
        await ready(core)

        [ended] = await core.ended(await core.ask())
        supervisor.stop()
        await running

        assert (ended.state, ended.attempt) == (JobState.RENDERED, 2)


async def test_a_restarted_bot_finds_its_engine_and_runs_no_job_twice(opened: OpenStage, tmp_path: Path) -> None:
    async with opened(tmp_path) as before:
        port = before.link.port
        engine = before.engine(script=Script(step_seconds=0.1))
        working = asyncio.create_task(engine.run())
        await ready(before)
        job, queued = await before.ask(count=2), await before.ask()
        await steps_done(before, 2)

    async with opened(tmp_path, port=port, adoption=3.0) as after:
        ended = await after.ended(job, queued)
        working.cancel()
        await asyncio.wait([working])

        assert [each.state for each in ended] == [JobState.RENDERED] * 2
        assert [name for name, _ in engine.begun] == [job.id, queued.id]
        assert ended[0].attempt == 1


async def test_pictures_painted_while_the_bot_was_away_arrive_when_it_is_back(
    opened: OpenStage, tmp_path: Path
) -> None:
    async with opened(tmp_path) as before:
        port = before.link.port
        engine = before.engine(script=Script(step_seconds=0.03))
        working = asyncio.create_task(engine.run())
        await ready(before)
        job = await before.ask()
        await steps_done(before, 1)
    await asyncio.sleep(0.6)

    async with opened(tmp_path, port=port, adoption=3.0) as after:
        [ended] = await after.ended(job)
        working.cancel()
        await asyncio.wait([working])

        assert ended.state is JobState.RENDERED
        assert engine.begun == [(job.id, 1)]


async def test_people_are_told_that_the_painter_was_lost_and_that_it_began_anew(
    opened: OpenStage, tmp_path: Path
) -> None:
    async with opened(tmp_path, grace=0.1) as core:
        with core.service.subscribe() as events:
            async with core.engine("first", Script(step_seconds=5)).running():
                await ready(core)
                await core.ask()
                await until(lambda: any(view.state == "ready" for view in core.service.engines.views()))
                async with asyncio.timeout(30):
                    while not isinstance(await anext(events), Began):
                        pass
            async with core.engine("second").running(), asyncio.timeout(30):
                heard = list[type]()
                while Began not in heard:
                    heard.append(type(await anext(events)))

        assert PainterLost in heard


@pytest.mark.parametrize("picture", [0, 1])
async def test_a_picture_that_fails_leaves_the_others(opened: OpenStage, tmp_path: Path, picture: int) -> None:
    script = Script(fail_at_step=4, fail_pictures=(picture,))
    async with opened(tmp_path) as core, core.engine(script=script).running():
        await ready(core)

        [ended] = await core.ended(await core.ask(ANNA, count=2))

        assert ended.state is JobState.RENDERED
        assert [kept.k for kept in ended.pictures] == [1 - picture]
