"""The core end to end: a request goes in, pictures lie in the blob store."""

from __future__ import annotations

from pathlib import Path

from bot.jobs.states import JobState
from tests.support.stage import ready, stage


async def test_a_wish_becomes_pictures_in_the_blob_store(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)

        job = await core.ask(count=2, seed=7)
        [ended] = await core.ended(job)

        assert ended.state is JobState.RENDERED
        assert [picture.seed for picture in ended.pictures] == [7, 8]
        assert (await core.service.picture(job.id, 1)).startswith(b"\x89PNG")
