"""The supervisor over real processes: it keeps one worker alive, and ends when there is nothing left to do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.supervisor import Supervisor, SupervisorLimits
from tests.support.clocks import ManualClock
from tests.support.patience import alive, until

STAND_IN = Path(__file__).parents[1] / "support" / "stand_in_worker.py"
QUICK = SupervisorLimits(
    hang_after=0.5, silent_after=1.5, first_wait=0.02, longest_wait=0.08, healthy_after=30, grace=0.5
)


@asynccontextmanager
async def supervised(
    diary: Path, *behaviours: str, limits: SupervisorLimits = QUICK, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[tuple[Supervisor, asyncio.Task[int]]]:
    """A running supervisor over stand-ins."""
    supervisor = Supervisor([sys.executable, str(STAND_IN), str(diary), *behaviours], limits, clock=clock)
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor, task
    finally:
        supervisor.stop()
        async with asyncio.timeout(30):
            await task


def lives(diary: Path) -> list[int]:
    return [int(line) for line in diary.read_text().split()] if diary.exists() else []


async def life(diary: Path, number: int) -> int:
    """The process id of the n-th worker, once it is there."""
    await until(lambda: len(lives(diary)) >= number)
    return lives(diary)[number - 1]


async def test_a_killed_worker_is_started_again(tmp_path: Path) -> None:
    async with supervised(tmp_path / "diary", "works"):
        first = await life(tmp_path / "diary", 1)
        os.kill(first, signal.SIGKILL)

        second = await life(tmp_path / "diary", 2)

        assert second != first
        assert not alive(first)


async def test_a_worker_stuck_in_one_step_is_killed(tmp_path: Path) -> None:
    async with supervised(tmp_path / "diary", "stuck", "works"):
        first = await life(tmp_path / "diary", 1)

        await life(tmp_path / "diary", 2)

        assert not alive(first)


async def test_a_worker_that_says_nothing_is_killed(tmp_path: Path) -> None:
    async with supervised(tmp_path / "diary", "silent", "works"):
        first = await life(tmp_path / "diary", 1)

        await life(tmp_path / "diary", 2)

        assert not alive(first)


@pytest.mark.parametrize("behaviour", ["works", "idle"])
async def test_a_worker_that_paints_or_waits_is_left_alone(tmp_path: Path, behaviour: str) -> None:
    async with supervised(tmp_path / "diary", behaviour):
        await life(tmp_path / "diary", 1)

        await asyncio.sleep(3 * QUICK.hang_after)

        assert len(lives(tmp_path / "diary")) == 1


async def test_restarts_wait_longer_each_time_up_to_a_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with supervised(tmp_path / "diary", "exit1"):
        await life(tmp_path / "diary", 5)

    waits = [record.args[1] for record in caplog.records if isinstance(record.args, tuple) and len(record.args) == 2]
    assert waits[:4] == [0.02, 0.04, 0.08, 0.08]


async def test_a_healthy_life_makes_the_next_restart_quick_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits, clock = SupervisorLimits(first_wait=0.02, longest_wait=1, healthy_after=60, grace=0.5), ManualClock()
    async with supervised(tmp_path / "diary", "exit1", "exit1", "works", "works", limits=limits, clock=clock):
        healthy = await life(tmp_path / "diary", 3)
        clock.advance(60)
        os.kill(healthy, signal.SIGKILL)
        await life(tmp_path / "diary", 4)

    waits = [record.args[1] for record in caplog.records if isinstance(record.args, tuple) and len(record.args) == 2]
    assert waits == [0.02, 0.04, 0.02]


async def test_workers_that_cannot_start_do_not_keep_the_supervisor_from_leaving_without_its_bot(
    tmp_path: Path,
) -> None:
    limits, clock = replace(QUICK, alone_for=60), ManualClock()
    async with supervised(tmp_path / "diary", "exit1", limits=limits, clock=clock) as (_, task):
        await life(tmp_path / "diary", 3)
        clock.advance(60)

        async with asyncio.timeout(30):
            assert await task == 0


async def test_while_a_bot_is_there_workers_are_started_for_ever(tmp_path: Path) -> None:
    limits, clock = replace(QUICK, alone_for=60), ManualClock()
    async with supervised(tmp_path / "diary", "works", limits=limits, clock=clock) as (supervisor, task):
        for number in range(1, 4):
            worker = await life(tmp_path / "diary", number)
            clock.advance(59)
            await until(lambda: supervisor._linked == clock())
            os.kill(worker, signal.SIGKILL)
        await life(tmp_path / "diary", 4)

        assert not task.done()


@pytest.mark.parametrize("code", [0, 3])
async def test_a_worker_that_is_done_or_alone_ends_the_supervisor_too(tmp_path: Path, code: int) -> None:
    async with supervised(tmp_path / "diary", f"exit{code}") as (_, task), asyncio.timeout(30):
        assert await task == 0

    assert len(lives(tmp_path / "diary")) == 1


async def test_a_worker_that_ignores_the_request_to_leave_is_killed(tmp_path: Path) -> None:
    async with supervised(tmp_path / "diary", "deaf") as (supervisor, task):
        worker = await life(tmp_path / "diary", 1)
        await asyncio.sleep(0.1)

        supervisor.stop()

        async with asyncio.timeout(30):
            assert await task == 0
        assert not alive(worker)


def test_supervisor_and_links_do_not_import_torch() -> None:
    code = (
        "import sys, engine.__main__, engine.supervisor, engine.links.websocket, engine.metadata.png;"
        "import engine.worker.scheduling.scheduler, engine.worker.__main__;"
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'diffusers', 'transformers', 'bot')])"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
