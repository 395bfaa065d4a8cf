"""The whole engine as it is started in earnest: supervisor, worker, link and a tiny model in real processes."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image

from engine.supervisor import Supervisor, SupervisorLimits
from engine.worker.paint_thread import NICENESS
from protocol.messages import (
    Beat,
    Cancel,
    Cancelled,
    CountTokens,
    EngineHello,
    Failed,
    Finished,
    Loading,
    Progress,
    Stop,
    TokensCounted,
)
from tests.support.clocks import ManualClock
from tests.support.fake_bot import FakeBot, fake_bot
from tests.support.orders import order
from tests.support.patience import alive, until

LONG = order("long", steps=60, width=256, height=256, count=4)


@asynccontextmanager
async def engine(bot: FakeBot, folder: Path, model: Path, *more: str, module: str = "engine") -> AsyncIterator[Process]:
    """A running engine process; whatever is left of it afterwards is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *("--url", bot.url, "--secret-file", str(folder / "engine.json"), "--model", str(model), *more),
        stderr=PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


def worker_of(hello: EngineHello | Loading) -> int:
    return int(hello.engine.rpartition("-")[2])


def niceness_of_threads(pid: int) -> dict[int, int]:
    """By thread; the first of a process has its number."""
    threads = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    return {thread: os.getpriority(os.PRIO_PROCESS, thread) for thread in threads}


async def gone(pid: int) -> None:
    await until(lambda: not alive(pid))


async def test_a_worker_killed_in_mid_picture_comes_back_and_paints(tiny: Path, tmp_path: Path) -> None:
    async with fake_bot(tmp_path) as bot, engine(bot, tmp_path, tiny) as process:
        first = await bot.wait_for(EngineHello)
        await bot.order(LONG)
        await bot.wait_for(Progress)
        await bot.wait_for(Beat, lambda beat: beat.busy)
        os.kill(worker_of(first), signal.SIGKILL)

        second = await bot.wait_for(EngineHello, lambda hello: hello.engine != first.engine)
        await bot.order(order())
        picture = await bot.wait_for(Finished)
        await bot.say(Stop())

        async with asyncio.timeout(30):
            assert await process.wait() == 0
        assert second.running == ()
        assert bot.heard(Loading)
        assert bot.heard(Failed) == []
        assert Image.open(io.BytesIO(picture.png)).size == (64, 64)
        await gone(worker_of(second))


class CountingClock(ManualClock):
    """How often it was read: the supervisor reads it once a beat."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def __call__(self) -> float:
        self.reads += 1
        return super().__call__()


async def test_an_engine_whose_only_job_was_cancelled_is_not_taken_for_hung(tiny: Path, tmp_path: Path) -> None:
    clock, limits = CountingClock(), SupervisorLimits(hang_after=120)
    async with fake_bot(tmp_path) as bot:
        address = ("--url", bot.url, "--secret-file", str(tmp_path / "engine.json"), "--model", str(tiny))
        command = [sys.executable, "-m", "engine.worker", *address, "--supervised"]
        supervisor = Supervisor(command, limits, clock=clock)
        supervising = asyncio.create_task(supervisor.run())
        try:
            await bot.wait_for(EngineHello)
            await bot.order(LONG)
            await bot.wait_for(Progress)
            await bot.say(Cancel(job="long"))
            await bot.wait_for(Cancelled, lambda event: event.k == 3)

            for _ in range(3):  # whatever it was doing, it rests now, and for more than two minutes
                heard, read = len(bot.events), clock.reads
                await bot.wait_for(Beat, since=heard)
                await until(lambda read=read: clock.reads > read + 1)
                clock.advance(1 + limits.hang_after)
            await bot.order(order())
            await bot.wait_for(Finished)

            assert len({hello.engine for hello in bot.heard(EngineHello)}) == 1
        finally:
            supervisor.stop()
            async with asyncio.timeout(30):
                await supervising


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
async def test_painting_on_the_processor_leaves_it_to_whoever_answers_people(tiny: Path, tmp_path: Path) -> None:
    async with fake_bot(tmp_path) as bot, engine(bot, tmp_path, tiny, "--device", "cpu"):
        pid = worker_of(await bot.wait_for(EngineHello))

        niceness = niceness_of_threads(pid)
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert niceness[pid] == own  # it speaks with the bot
        assert max(niceness.values()) == max(own, NICENESS)


async def test_a_killed_supervisor_takes_its_worker_along(tiny: Path, tmp_path: Path) -> None:
    async with fake_bot(tmp_path) as bot, engine(bot, tmp_path, tiny) as process:
        hello = await bot.wait_for(Loading)

        process.kill()

        await gone(worker_of(hello))


async def test_a_request_to_leave_ends_both_in_mid_picture(tiny: Path, tmp_path: Path) -> None:
    async with fake_bot(tmp_path) as bot, engine(bot, tmp_path, tiny) as process:
        hello = await bot.wait_for(EngineHello)
        await bot.order(LONG)
        await bot.wait_for(Progress)

        process.terminate()

        async with asyncio.timeout(30):
            assert await process.wait() == 0
        await gone(worker_of(hello))


async def test_an_engine_without_a_bot_ends_by_itself(tmp_path: Path) -> None:
    nobody = FakeBot()
    nobody.url = "ws://127.0.0.1:9/engine"

    async with engine(nobody, tmp_path, Path("starter"), "--alone-for", "0.5") as process, asyncio.timeout(30):
        assert await process.wait() == 0


async def test_a_missing_model_is_told_in_one_sentence_and_tried_again(tiny: Path, tmp_path: Path) -> None:
    late = tmp_path / "late"
    async with fake_bot(tmp_path) as bot, engine(bot, tmp_path, late, module="engine.worker") as process:
        loading = await bot.wait_for(Loading, lambda event: event.problem is not None)
        late.symlink_to(tiny)

        await bot.wait_for(EngineHello)
        await bot.say(Stop())
        _, log = await process.communicate()

        assert loading.problem == f"There is no model folder {late}."
        assert b"Traceback" not in log
        assert log.count(b"There is no model folder") >= 1


async def test_a_library_that_is_missing_is_told_in_one_sentence(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(tmp_path / "hidden", "torch", monkeypatch)
    async with fake_bot(tmp_path) as bot, engine(bot, tmp_path, tiny) as process:
        loading = await bot.wait_for(Loading, lambda event: event.problem is not None)

        await bot.say(Stop())

        async with asyncio.timeout(30):
            assert await process.wait() == 0
        assert loading.problem == "The engine cannot start: No module named 'torch'."


def hide(folder: Path, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not installed, for every process that is started from now on."""
    (folder / library).mkdir(parents=True)
    missing = f"No module named {library!r}"
    (folder / library / "__init__.py").write_text(f"raise ModuleNotFoundError({missing!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))


async def test_tokens_are_counted_while_a_picture_is_painted(tiny: Path, tmp_path: Path) -> None:
    async with fake_bot(tmp_path) as bot, engine(bot, tmp_path, tiny):
        hello = await bot.wait_for(EngineHello)
        await bot.order(LONG)
        await bot.wait_for(Progress)

        await bot.say(CountTokens(ticket="one", texts=("a star",)))
        await bot.say(CountTokens(ticket="two", texts=("a star", "a star and a star")))
        short = await bot.wait_for(TokensCounted, lambda said: said.ticket == "one")
        long = await bot.wait_for(TokensCounted, lambda said: said.ticket == "two")

        assert 2 <= short.tokens < long.tokens <= short.limit <= hello.card.prompt_tokens
        assert bot.heard(Finished) == []
