"""Another model in the engine of this machine: what is painted is finished, what waits kept, what fails undone."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bot.jobs.errors import ModelChanging, NeedsOwner, NoEngineHere, SameModel, UnknownModel
from bot.jobs.events import Ended, Stepped
from bot.jobs.states import JobState
from bot.links.local.address import read_address
from bot.links.local.engine_process import local_engine
from bot.links.local.process import DetachedProcess
from bot.requests.draft import RequestDraft
from bot.service.model_switch import Models, Stage
from bot.service.service import JobService, open_service
from tests.bot.links.local.test_engine_process import ROOT, Bot, fake
from tests.support.stage import ANNA, OWNER, ROOMY, until


@asynccontextmanager
async def bot(data: Path, *options: str, configured: str = "auto") -> AsyncGenerator[Bot, None]:
    """A bot's core with its own engine, as `run_bot.py` puts it together."""
    async with (
        open_service(data, owner=ROOMY, grace=0.3, adoption=5.0) as service,
        local_engine(
            service.dispatcher,
            data=data,
            command=fake(*options),
            model=service.models.first(configured),
            build="test",
            heartbeat=5.0,
        ) as engine,
    ):
        service.models.attach(engine, configured=configured, folder=data / "models")
        yield Bot(service, engine)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder with three models, whose engine does not outlive the test."""
    monkeypatch.chdir(ROOT)
    (tmp_path / "models").mkdir()
    for name in ("small.safetensors", "broken.gguf", "deadly.gguf", "notes.txt"):
        (tmp_path / "models" / name).touch()
    yield tmp_path
    address = read_address(tmp_path / "engine.json")
    if address is not None and address.pid is not None:
        DetachedProcess(address.pid, str(tmp_path)).kill()
        with suppress(ChildProcessError):
            os.waitpid(address.pid, 0)


async def changed(models: Models, name: str) -> list[Stage]:
    return [stage async for stage in await models.change(name, by=OWNER)]


def phases(stages: list[Stage]) -> list[str]:
    return [stage.phase for stage in stages]


async def begun(service: JobService, *prompts: str) -> list[str]:
    """Jobs of these prompts; the first of them is being painted."""
    with service.subscribe() as events:
        jobs = [
            await service.submit(service.composer.complete(RequestDraft(prompt=prompt), ANNA), by=ANNA, origin=prompt)
            for prompt in prompts
        ]
        while not isinstance(await anext(events), Stepped):
            pass
    return [job.id for job in jobs]


async def ended(service: JobService, job_id: str) -> JobState:
    await until(lambda: service.position(job_id) is None, within=30)
    return (await service.job(job_id)).state


async def test_the_new_model_paints_what_waits_and_is_still_there_after_a_restart(data: Path) -> None:
    async with bot(data) as first:
        await first.ready()
        before = read_address(data / "engine.json")

        stages = await changed(first.service.models, "small.safetensors")

        assert phases(stages) == ["finishing", "loading", "ready"]
        assert first.service.card is not None
        assert first.service.card.name == "Small Painter"
        assert await first.service.models.current() == "small.safetensors"
    now = read_address(data / "engine.json")
    assert before is not None
    assert now is not None
    assert before.pid != now.pid

    async with bot(data) as second:
        await second.ready()
        assert second.engine.starts == 0  # the living engine is adopted
        assert second.engine.model.endswith("small.safetensors")
        await second.engine.stop()

    async with bot(data) as third:
        await third.ready()
        assert third.service.card is not None
        assert third.service.card.name == "Small Painter"
        assert phases(await changed(third.service.models, "auto")) == ["finishing", "loading", "ready"]
        assert third.service.card.name == "Fake Painter"
        await third.engine.stop()


async def test_what_is_being_painted_is_finished_first_and_what_waits_is_kept(data: Path) -> None:
    async with bot(data, "--step-seconds", "0.2") as one:
        await one.ready()
        running, waiting, last = await begun(one.service, "first", "second", "third")

        with one.service.subscribe() as events:
            stages = await changed(one.service.models, "starter")
            endings = [await anext(events)]
            while not (isinstance(endings[-1], Ended) and endings[-1].job.id == running):
                endings.append(await anext(events))

        assert phases(stages) == ["finishing", "loading", "ready"]
        assert await ended(one.service, running) is JobState.RENDERED
        assert (await one.service.ledger.jobs.events(running)).count("running") == 1
        assert await ended(one.service, waiting) is JobState.RENDERED
        assert await ended(one.service, last) is JobState.RENDERED
        assert (await one.service.job(waiting)).attempt == 1  # nobody died
        await one.engine.stop()


async def test_what_the_new_model_cannot_paint_fails_openly(data: Path) -> None:
    async with bot(data, "--step-seconds", "0.2") as one:
        await one.ready()
        running, waiting = await begun(one.service, "first", "second")  # 256 x 256, and the small one paints 64 x 64

        await changed(one.service.models, "small.safetensors")

        assert await ended(one.service, running) is JobState.RENDERED
        assert await ended(one.service, waiting) is JobState.FAILED
        failure = (await one.service.job(waiting)).failure
        assert failure is not None
        assert failure.code == "model-changed"
        await one.engine.stop()


@pytest.mark.parametrize(
    ("name", "problem"), [("broken.gguf", "This model is broken."), ("deadly.gguf", "ended while it loaded")]
)
async def test_a_model_that_does_not_load_is_said_and_the_old_one_comes_back(
    data: Path, name: str, problem: str
) -> None:
    async with bot(data) as one:
        await one.ready()

        stages = await changed(one.service.models, name)

        assert phases(stages) == ["finishing", "loading", "returning", "failed"]
        assert problem in stages[-1].problem
        assert one.service.engine_ready
        assert await one.service.models.current() == "auto"
        request = one.service.composer.complete(RequestDraft(prompt="a star"), ANNA)
        job = await one.service.submit(request, by=ANNA, origin="after")
        assert await ended(one.service, job.id) is JobState.RENDERED
        await one.engine.stop()

    async with bot(data) as again:
        assert again.engine.model == "auto"
        await again.engine.stop()


async def test_a_bot_that_dies_in_the_middle_comes_back_with_the_old_model(data: Path) -> None:
    async with bot(data, "--load-seconds", "1") as one:
        await one.ready()
        stages = await one.service.models.change("small.safetensors", by=OWNER)
        while (await anext(stages)).phase != "loading":
            pass

    async with bot(data, "--load-seconds", "1") as again:
        await again.ready()
        assert again.service.card is not None
        assert again.service.card.name == "Fake Painter"
        await again.engine.stop()


async def test_other_settings_since_then_are_stronger_than_the_choice(data: Path) -> None:
    async with bot(data) as one:
        await one.ready()
        await changed(one.service.models, "small.safetensors")
        await one.engine.stop()

    async with bot(data, configured="starter") as again:
        assert again.engine.model == "starter"
        await again.engine.stop()


async def test_a_choice_that_cannot_be_written_down_holds_for_now(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with bot(data) as one:
        await one.ready()

        async def full(*_arguments: object, **_options: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(one.service.ledger.settings, "put", full)

        assert phases(await changed(one.service.models, "small.safetensors"))[-1] == "ready"
        assert "cannot be kept" in caplog.text
        await one.engine.stop()


async def test_who_may_not_or_asks_for_what_is_not_there_is_refused_and_nothing_changes(data: Path) -> None:
    async with bot(data, "--load-seconds", "0.5") as one:
        await one.ready()
        models = one.service.models
        assert list(await models.offered()) == [
            "auto", "starter", "Tongyi-MAI/Z-Image-Turbo", "broken.gguf", "deadly.gguf", "small.safetensors",
        ]  # fmt: skip

        with pytest.raises(NeedsOwner):
            await models.change("starter", by=replace(ANNA, admin=True))
        with pytest.raises(UnknownModel):
            await models.change("../../etc/passwd", by=OWNER)
        with pytest.raises(SameModel):
            await models.change("auto", by=OWNER)
        under_way = await models.change("starter", by=OWNER)
        with pytest.raises(ModelChanging):
            await models.change("small.safetensors", by=OWNER)

        assert [stage.phase async for stage in under_way][-1] == "ready"
        await one.engine.stop()


async def test_engines_elsewhere_have_their_own_models(tmp_path: Path) -> None:
    async with open_service(tmp_path, owner=ROOMY) as service:
        assert await service.models.current() is None
        with pytest.raises(NoEngineHere):
            await service.models.change("starter", by=OWNER)


async def test_nothing_depends_on_who_listens(data: Path) -> None:
    async with bot(data) as one:
        await one.ready()

        listener = asyncio.create_task(changed(one.service.models, "small.safetensors"))
        await asyncio.sleep(0.05)
        listener.cancel()

        await until(lambda: one.service.models.stage is not None and one.service.models.stage.over, within=30)
        assert one.service.card is not None
        assert one.service.card.name == "Small Painter"
        await one.engine.stop()
