"""The same with real processes and real weights: from the starter to a tiny model, over a restart, and back."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot.jobs.job import Job
from bot.jobs.states import JobState
from bot.links.local.address import read_address
from bot.links.local.command import engine_command
from bot.links.local.engine_process import local_engine
from bot.links.local.process import DetachedProcess
from bot.requests.draft import RequestDraft
from bot.service.model_switch import Stage
from bot.service.service import open_service
from config.settings import EngineSettings
from tests.bot.links.local.test_engine_process import ROOT, Bot
from tests.support import tiny_model
from tests.support.stage import ANNA, OWNER, ROOMY, until

PATIENCE = 90  # seconds that an engine may take to load on a busy machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder with a whole model and a file cut short, whose engine does not outlive the test."""
    monkeypatch.chdir(ROOT)
    tiny = tiny_model.write(tmp_path / "models" / "tiny")
    whole = (tiny / "transformer" / "diffusion_pytorch_model.safetensors").read_bytes()
    (tmp_path / "models" / "cut.safetensors").write_bytes(whole[:-1000])
    yield tmp_path
    address = read_address(tmp_path / "engine.json")
    if address is not None and address.pid is not None:
        DetachedProcess(address.pid, str(tmp_path)).kill()
        with suppress(ChildProcessError):
            os.waitpid(address.pid, 0)


@asynccontextmanager
async def bot(data: Path) -> AsyncGenerator[Bot, None]:
    settings = EngineSettings(model="starter", device="cpu", threads=1, base=str(data / "models" / "tiny"))
    async with (
        open_service(data, owner=ROOMY, adoption=PATIENCE) as service,
        local_engine(
            service.dispatcher,
            data=data,
            command=engine_command(**settings.model_dump(exclude={"local", "model", "models"})),
            model=service.models.first(settings.model),
            build="test",
        ) as engine,
    ):
        service.models.attach(engine, configured=settings.model, folder=data / "models")
        await until(lambda: service.engine_ready, within=PATIENCE)
        yield Bot(service, engine)


async def changed(one: Bot, name: str) -> Stage:
    return [stage async for stage in await one.service.models.change(name, by=OWNER)][-1]


async def painted(one: Bot, origin: str) -> Job:
    request = one.service.composer.complete(RequestDraft(prompt="a red star", steps=2), ANNA)
    job = await one.service.submit(request, by=ANNA, origin=origin)
    await until(lambda: one.service.position(job.id) is None, within=PATIENCE)
    return await one.service.job(job.id)


async def test_from_the_starter_to_another_model_over_a_restart_and_back(data: Path) -> None:
    async with bot(data) as one:
        assert (await painted(one, "starter")).pictures[0].width == 256

        assert (await changed(one, "tiny")).phase == "ready"

        assert (await painted(one, "tiny")).pictures[0].width == 64
        await one.engine.stop()

    async with bot(data) as again:
        assert (await painted(again, "restarted")).pictures[0].width == 64
        assert (await changed(again, "starter")).phase == "ready"
        assert (await painted(again, "back")).pictures[0].width == 256
        await again.engine.stop()


async def test_a_file_cut_short_is_named_and_the_model_from_before_paints_on(data: Path) -> None:
    async with bot(data) as one:
        stage = await changed(one, "cut.safetensors")

        assert stage.phase == "failed"
        assert "cut.safetensors is cut off" in stage.problem
        assert (await painted(one, "after")).state is JobState.RENDERED
        await one.engine.stop()
