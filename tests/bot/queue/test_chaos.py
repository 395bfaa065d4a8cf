"""Everything dies at random moments: no job is lost, no picture is stored twice, nobody waits for ever."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

from bot.jobs.states import JobState
from bot.storage.ledger import Ledger
from tests.support.ports import free_port
from tests.support.stage import ANNA, BEN, Stage, engine_process, stage, until

JOBS, BOTS, ENGINES = 36, 3, 2
MOST_KILLS = 30  # then they may live: on a slow machine no engine would ever finish a job


async def _engines_that_die(core: Stage, number: int, dice: random.Random, kills: Counter[str]) -> None:
    """Keep one engine alive, but never for long."""
    while True:
        name = f"engine-{number}-{kills.total()}"
        async with engine_process(core, "--step-seconds", "0.05", "--name", name) as process:
            await until(lambda name=name: name in {view.id for view in core.service.engines.views()}, within=60)
            life = dice.uniform(0.1, 1.9) if kills["engine"] < MOST_KILLS else None
            try:
                await asyncio.wait_for(process.wait(), life)
            except TimeoutError:
                process.kill()
                kills["engine"] += 1


async def test_nothing_is_lost_or_doubled_while_engines_and_bots_die(tmp_path: Path) -> None:
    dice, kills = random.Random(7), Counter[str]()
    asked = list[str]()
    port = free_port()
    for life in range(BOTS):
        async with stage(tmp_path, port=port, grace=0.2, adoption=1.0) as core, asyncio.TaskGroup() as tasks:
            keepers = [tasks.create_task(_engines_that_die(core, n, dice, kills)) for n in range(ENGINES)]
            await until(lambda core=core: core.service.card is not None, within=30)
            for _ in range(JOBS // BOTS):
                who = dice.choice([ANNA, ANNA, ANNA, BEN])
                job = await core.ask(who, origin=f"chaos-{len(asked)}", count=dice.randint(1, 3))
                asked.append(job.id)
            if life < BOTS - 1:
                await asyncio.sleep(dice.uniform(0.3, 1.5))
            else:
                await until(lambda core=core: not core.service.live.handed_out() and not core.waits(), within=150)
            for keeper in keepers:
                keeper.cancel()

    async with Ledger.open(tmp_path / "ledger.db") as ledger:
        jobs = [await ledger.jobs.get(job_id) for job_id in asked]
        assert {job.state for job in jobs if job} <= {JobState.RENDERED, JobState.FAILED}
        assert len(asked) == len(set(asked)) == JOBS
        for job in jobs:
            assert job is not None
            if job.state is JobState.FAILED:  # three deaths in a row can hit an innocent job
                assert job.failure is not None
                assert job.failure.code == "poison"
            else:
                assert [picture.k for picture in job.pictures] == list(range(job.request.count))
                assert [picture.seed for picture in job.pictures] == [
                    job.request.seed_of(picture.k) for picture in job.pictures
                ]
        rendered = [(await ledger.jobs.events(job_id)).count("rendered") for job_id in asked]
        assert max(rendered) == 1
    assert kills["engine"] >= 3
