"""Many machines over a real nats-server: a picture's way there and back, and who shares the work."""

from __future__ import annotations

from pathlib import Path

from bot.jobs.states import JobState
from tests.support.broker import broker
from tests.support.fake_engine import Script
from tests.support.stage import ready, stage, until


async def test_a_request_is_painted_at_a_broker_and_every_picture_arrives(tmp_path: Path) -> None:
    async with broker(tmp_path / "nats") as server, stage(tmp_path, broker=server) as core:
        async with core.engine().running():
            await ready(core)

            [job] = await core.ended(await core.ask(count=3))

        assert job.state is JobState.RENDERED
        assert [picture.k for picture in job.pictures] == [0, 1, 2]
        assert job.attempt == 1


async def test_engines_join_and_leave_at_any_time(tmp_path: Path) -> None:
    async with broker(tmp_path / "nats") as server, stage(tmp_path, broker=server) as core:
        first, second = core.engine("first", Script(step_seconds=0.05)), core.engine("second")
        async with first.running():
            await ready(core)
            jobs = [await core.ask() for _ in range(6)]
            async with second.running():
                await until(lambda: len(second.begun) > 0)
            ended = await core.ended(*jobs)
            await until(lambda: len(core.service.engines.views()) == 1)

        assert [job.state for job in ended] == [JobState.RENDERED] * 6
        assert first.begun
