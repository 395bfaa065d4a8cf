"""The text that a prompt was written out into is kept with its job, whatever gets lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bot.jobs.events import Began
from bot.jobs.job import Job
from bot.jobs.states import JobState
from bot.requests.draft import RequestDraft
from protocol.messages import Enhanced, Event
from tests.support.fake_engine import Script, written_out
from tests.support.stage import ANNA, OpenStage, Stage, ready, stage

SLOW = Script(step_seconds=0.1)


async def asked(core: Stage) -> Job:
    request = core.service.composer.complete(RequestDraft(prompt="a red fox", enhance=True), ANNA)
    return await core.service.submit(request, by=ANNA, origin="first")


async def test_a_text_comes_with_its_picture_where_its_own_event_was_lost(
    opened: OpenStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as core, asyncio.timeout(30):
        engine = core.engine()
        send = engine._link.send_event

        def mute(event: Event) -> None:
            if not isinstance(event, Enhanced):
                send(event)

        monkeypatch.setattr(engine._link, "send_event", mute)
        async with engine.running():
            await ready(core)
            [job] = await core.ended(await asked(core))

    assert job.request.enhanced == written_out("a red fox")


async def test_an_engine_that_takes_over_paints_the_text_that_is_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, asyncio.timeout(30):
        first = core.engine("first", SLOW)
        async with first.running():
            await ready(core)
            job = await asked(core)
            while not (await core.service.job(job.id)).request.enhanced:  # noqa: ASYNC110 (a row has no event)
                await asyncio.sleep(0.02)
        async with core.engine("second").running() as second:
            [ended] = await core.ended(job)

    assert ended.state is JobState.RENDERED
    assert second.written == []
    assert second.orders[0].request.enhanced == written_out("a red fox")


async def test_an_engine_that_dies_while_writing_leaves_no_half_text(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, asyncio.timeout(30):
        async with core.engine("first", SLOW).running():
            await ready(core)
            job = await asked(core)
            with core.service.subscribe() as events:
                while not isinstance(await anext(events), Began):
                    pass
            await asyncio.sleep(0.3)
        left = await core.service.job(job.id)
        async with core.engine("second").running() as second:
            [ended] = await core.ended(job)

    assert left.request.enhanced == ""
    assert second.written == [job.id]
    assert ended.request.enhanced == written_out("a red fox")


async def test_the_first_text_stays(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, asyncio.timeout(30):
        async with core.engine().running():
            await ready(core)
        job = await asked(core)
        ledger = core.service.ledger

        assert await ledger.jobs.keep_enhanced(job.id, "one") is not None
        assert await ledger.jobs.keep_enhanced(job.id, "two") is None

        assert (await core.service.job(job.id)).request.enhanced == "one"


async def test_forget_me_takes_the_text_along(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, asyncio.timeout(30), core.engine().running():
        await ready(core)
        [job] = await core.ended(await asked(core))
        assert job.request.enhanced

        await core.service.forget(ANNA)

        specs = await core.service.ledger.database.read(
            lambda db: [row["spec"] for row in db.execute("SELECT spec FROM job")]
        )
        assert all("light of a late afternoon" not in spec for spec in specs)
        assert [json.loads(spec)["prompt"] for spec in specs] == [""]
