"""What the tests of the bot ask for: a job to look at, a core on either link, and a core whose engine is the test."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.jobs.job import Job, Picture, Requester
from bot.jobs.states import JobState
from protocol.request import ImageRequest
from tests.support import lines
from tests.support.broker import broker
from tests.support.stage import OpenStage, stage

MakeJob = Callable[..., Job]


@pytest.fixture
def job() -> MakeJob:
    """`job(state=…, prompt=…, count=…)`: a job as a row would have it."""

    def make(
        *, state: JobState = JobState.QUEUED, locale: str = "en-US", painted: int | None = None, **wish: Any
    ) -> Job:
        given = {"prompt": "a red star", "shape": "1:1", "width": 256, "height": 256, "steps": 8, "seed": 7} | wish
        request = ImageRequest(**given)
        ended_well = state in (JobState.RENDERED, JobState.POSTED)
        count = request.count if painted is None else painted
        pictures = tuple(
            Picture(
                k=k, seed=request.seed_of(k), width=request.width, height=request.height, blob="0" * 64, size=1,
                seconds=0.84,
            )
            for k in range(count if ended_well else 0)
        )  # fmt: skip
        return Job(
            id="jobaaaaaaaaaaaa1", origin="1", request=request, model_id="fake-1",
            requester=Requester(principal="discord:1100000000000000011", guild=1, channel=2, locale=locale),
            parent=None, priority=0, cost=1.0, state=state, attempt=1, failure=None,
            pictures=pictures, created=0.0, started=None, ended=None,
        )  # fmt: skip

    return make


@pytest.fixture(params=["local", "nats"])
async def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[OpenStage]:
    """Opens a stage whose engines come over this link: the test runs once on each."""
    if request.param == "local":
        yield stage
        return
    async with broker(Path(tmp_path_factory.mktemp("nats"))) as server:
        yield partial(stage, broker=server)


@pytest.fixture
async def core(tmp_path: Path) -> AsyncGenerator[lines.Core, None]:
    """A service whose engine is the test."""
    async with lines.opened(tmp_path) as core:
        yield core
