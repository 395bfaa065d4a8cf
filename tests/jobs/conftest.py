"""The same faults on both links: a test that asks for `opened` runs once on each; with `core` it is the engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

import pytest

from tests.jobs import lines
from tests.jobs.stage import OpenStage, stage
from tests.support.broker import broker


@pytest.fixture(params=["local", "nats"])
async def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[OpenStage]:
    """Opens a stage whose engines come over this link."""
    if request.param == "local":
        yield stage
        return
    async with broker(Path(tmp_path_factory.mktemp("nats"))) as server:
        yield partial(stage, broker=server)


@pytest.fixture
async def core(tmp_path: Path) -> AsyncGenerator[lines.Core, None]:
    async with lines.opened(tmp_path) as core:
        yield core
