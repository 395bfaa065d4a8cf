"""Taking requests in: what is refused and until when, and that nothing is accepted by halves."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.jobs.errors import DiskFull, Paused, QueueFull, StepsOverCeiling
from bot.requests.draft import RequestDraft
from bot.service import submit as acceptance
from tests.support import lines
from tests.support.clocks import ManualClock
from tests.support.lines import Core
from tests.support.stage import ANNA, BEN, ROOMY


@pytest.fixture
def wall() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def core(tmp_path: Path, wall: ManualClock) -> AsyncIterator[Core]:
    async with lines.opened(tmp_path, wall=wall) as core:
        yield core


@asynccontextmanager
async def being_accepted(core: Core, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Task[object]]:
    """A request whose row is about to be written; it is written once the block ends."""
    ledger, handed_over, go_on = core.service.ledger, asyncio.Event(), threading.Event()
    accept = ledger.jobs.accept

    async def noted(*arguments: object, **options: object) -> object:
        handed_over.set()
        return await accept(*arguments, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(ledger.jobs, "accept", noted)
    request = core.service.composer.complete(RequestDraft(prompt="a star"), ANNA)
    busy = asyncio.create_task(ledger.database.read(lambda db: go_on.wait(30)))
    asking = asyncio.create_task(core.service.submit(request, by=ANNA, origin="one"))
    try:
        await handed_over.wait()
        yield asking
    finally:
        go_on.set()
        await busy


async def test_a_caller_that_gave_up_leaves_no_job_that_memory_forgot(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with being_accepted(core, monkeypatch) as asking:
        asking.cancel()
        await asyncio.wait([asking])

    request = core.service.composer.complete(RequestDraft(prompt="a star"), ANNA)
    job = await core.service.submit(request, by=ANNA, origin="one")

    assert core.service.position(job.id) is not None
    assert core.service.live.in_order() == [job]


async def test_a_pause_counts_also_for_what_is_being_accepted(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    async with being_accepted(core, monkeypatch) as asking:
        core.service.dispatcher.pause(frozenset({ANNA.guild}))

    with pytest.raises(Paused):
        await asking
    assert await core.service.ledger.jobs.live() == []


async def test_a_request_is_held_against_what_is_allowed_when_it_is_handed_in(core: Core) -> None:
    request = core.service.composer.complete(RequestDraft(prompt="a star", steps=20), ANNA)
    core.service.defaults.owner = replace(ROOMY, most_steps=10)

    with pytest.raises(StepsOverCeiling):
        await core.service.submit(request, by=ANNA, origin="one")


@pytest.mark.parametrize(("least_free", "refused"), [(1, False), (2**60, True)])
async def test_as_much_of_the_disk_as_its_owner_said_stays_free(core: Core, least_free: int, refused: bool) -> None:
    core.service.defaults.owner = replace(ROOMY, least_free=least_free)

    try:
        await core.ask()
    except DiskFull:
        assert refused
    else:
        assert not refused


async def test_only_the_newest_origins_are_known_without_a_look_at_the_disk(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptance, "REMEMBERED", 2)
    request = core.service.composer.complete(RequestDraft(prompt="a star"), ANNA)
    oldest, *newest = [await core.service.submit(request, by=ANNA, origin=origin) for origin in "abc"]
    core.service.dispatcher.pause(frozenset({None}))

    again = [await core.service.submit(request, by=ANNA, origin=job.origin) for job in newest]
    with pytest.raises(Paused):
        await core.service.submit(request, by=ANNA, origin=oldest.origin)

    assert [job.id for job in again] == [job.id for job in newest]


class TestAFullQueue:
    async def test_says_when_the_first_job_is_done(self, core: Core, wall: ManualClock) -> None:
        await paced(core, seconds=10)
        core.service.defaults.owner = replace(ROOMY, queue=2)
        for _ in range(2):
            await core.ask()

        with pytest.raises(QueueFull) as refusal:
            await core.ask(BEN)

        assert refusal.value.arguments == {"limit": 2, "retry": math.ceil(wall() + 10)}

    async def test_says_a_minute_where_nobody_knows_when_it_moves(self, core: Core, wall: ManualClock) -> None:
        core.service.defaults.owner = replace(ROOMY, queue=1)
        await core.ask()

        with pytest.raises(QueueFull) as refusal:
            await core.ask(BEN)

        assert refusal.value.arguments["retry"] == math.ceil(wall() + 60)

    async def test_says_the_same_to_who_loses_the_last_place_to_another(self, core: Core, wall: ManualClock) -> None:
        await paced(core, seconds=10)
        core.service.defaults.owner = replace(ROOMY, queue=2)
        await core.ask()

        outcomes = await asyncio.gather(core.ask(), core.ask(BEN), return_exceptions=True)

        [refusal] = [outcome for outcome in outcomes if isinstance(outcome, QueueFull)]
        assert refusal.arguments["retry"] == math.ceil(wall() + 10)

    async def test_alone_costs_a_look_at_all_of_it(self, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
        looks, look = list[None](), core.service.dispatcher.positions.next_ending

        def noted() -> float | None:
            looks.append(None)
            return look()

        monkeypatch.setattr(core.service.dispatcher.positions, "next_ending", noted)
        core.service.defaults.owner = replace(ROOMY, queue=20)

        for _ in range(19):
            await core.ask()

        assert looks == []


async def paced(core: Core, *, seconds: float) -> None:
    """An engine that needs so long for a job, and has just begun the next one."""
    line = core.line()
    await line.join()
    first = await core.ask()
    await line.start((await line.ordered(1))[0])
    core.clock.advance(seconds)
    await line.finish(line.orders()[0])
    assert not core.service.position(first.id)
    await core.ask()
    await line.start((await line.ordered(2))[1])
