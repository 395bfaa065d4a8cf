"""The course of a job: what happens is in the ledger, then in memory, then told, and all three say the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.jobs.events import (
    Accepted,
    Began,
    Ended,
    JobEvent,
    Moved,
    Painted,
    PainterLost,
    PromptEnhanced,
    Stepped,
    Subscription,
)
from bot.jobs.job import Job
from bot.jobs.states import JobState
from bot.queue import eta
from bot.requests.draft import RequestDraft
from protocol.messages import Enhanced
from tests.support.lines import Core, opened
from tests.support.stage import ANNA, BEN, until


async def told(events: Subscription, last: Callable[[JobEvent], bool]) -> list[JobEvent]:
    """What is told from now on, up to the first of which this is true."""
    heard = list[JobEvent]()
    async with asyncio.timeout(30):
        async for event in events:
            heard.append(event)
            if last(event):
                break
    return heard


def is_moved(job: Job, place: int) -> Callable[[JobEvent], bool]:
    return lambda event: isinstance(event, Moved) and (event.job_id, event.position.position) == (job.id, place)


def places(heard: list[JobEvent]) -> list[tuple[str, int]]:
    return [(event.job_id, event.position.position) for event in heard if isinstance(event, Moved)]


async def asked(core: Core) -> Job:
    """For three pictures, with the prompt written out."""
    request = core.service.composer.complete(RequestDraft(prompt="a star", count=3, enhance=True), ANNA)
    return await core.service.submit(request, by=ANNA, origin="written")


async def test_memory_says_of_a_live_job_what_the_ledger_says(core: Core) -> None:
    job, line, live = await asked(core), core.line(), core.service.live
    seen = list[tuple[list[Job], list[Job]]]()

    async def look() -> None:
        now = await core.service.job(job.id)
        seen.append((live.in_order() + live.handed_out(), [now]))

    await look()
    await line.join()
    [order] = await line.ordered(1)
    await look()
    await line.start(order)
    await look()
    await core.service.dispatcher.engine_events.receive(
        line, line.name, Enhanced(job=job.id, attempt=1, text="a red star", done=True)
    )
    await look()
    await line.finish(order, 1)
    await look()
    await line.fail(order, 2)
    await look()
    line.die()
    await until(lambda: live.handed_out() == [])
    await look()

    for memory, ledger in seen:
        assert memory == ledger
    states = [ledger.state.value for _, [ledger] in seen]
    assert states == ["queued", "offered", "running", "running", "running", "running", "queued"]


async def test_each_step_is_told_as_the_ledger_has_it(core: Core) -> None:
    with core.service.subscribe() as events:
        job, line = await asked(core), core.line()
        accepted = await told(events, lambda event: isinstance(event, Accepted))
        await line.join()
        [order] = await line.ordered(1)
        await line.start(order)
        began = await told(events, lambda event: isinstance(event, Began))
        for text, done in (("a", False), ("a red star", True)):
            await core.service.dispatcher.engine_events.receive(
                line, line.name, Enhanced(job=job.id, attempt=1, text=text, done=done)
            )
        wrote = await told(events, lambda event: isinstance(event, PromptEnhanced) and event.text == "a red star")
        await line.step(order, 3)
        stepped = await told(events, lambda event: isinstance(event, Stepped))
        await line.finish(order, 1)
        painted = await told(events, lambda event: isinstance(event, Painted))
        line.die()
        lost = await told(events, lambda event: isinstance(event, PainterLost))
        cancelled = await core.service.cancel(job.id, by=ANNA)
        ended = await told(events, lambda event: isinstance(event, Ended))

    assert accepted[-1] == Accepted(job=job)
    assert isinstance(began[-1], Began)
    assert began[-1].job.state is JobState.RUNNING
    assert isinstance(wrote[-1], PromptEnhanced)
    assert wrote[-1].job.request.enhanced == "a red star"
    assert stepped[-1] == Stepped(job_id=job.id, step=3, steps=8, preview=b"jpeg")
    assert isinstance(painted[-1], Painted)
    assert (painted[-1].k, [picture.k for picture in painted[-1].job.pictures]) == (1, [1])
    assert isinstance(lost[-1], PainterLost)
    assert lost[-1].job.state is JobState.QUEUED
    assert ended[-1] == Ended(job=cancelled)


async def test_a_place_is_told_when_it_changes_and_not_to_those_who_stand_where_they_stood(core: Core) -> None:
    with core.service.subscribe() as events:
        first, second, third = [await core.ask() for _ in range(3)]
        before = places(await told(events, is_moved(third, 3)))
        await core.service.cancel(second.id, by=ANNA)
        after = places(await told(events, is_moved(third, 2)))

    assert before == [(first.id, 1), (second.id, 2), (third.id, 3)]
    assert after == [(third.id, 2)]


async def test_between_two_announcements_nobody_is_told_a_place(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eta, "ANNOUNCED_EVERY", 3600.0)
    with core.service.subscribe() as events:
        first = await core.ask()
        await told(events, is_moved(first, 1))
        await core.ask()
        last = await core.ask()
        await core.service.cancel(last.id, by=ANNA)
        heard = await told(events, lambda event: isinstance(event, Ended))

    assert places(heard) == []


async def test_an_engine_that_takes_its_job_back_is_the_only_one_to_have_it(core: Core) -> None:
    job, line, other = await core.ask(), core.line("e1"), core.line("e2")
    await line.join()
    [order] = await line.ordered(1)
    await line.start(order)
    with core.service.subscribe() as events:
        line.die()
        await told(events, lambda event: isinstance(event, PainterLost))

    back = core.line("e1")
    await back.join(running=((job.id, 1),))
    await other.join()
    later = await core.ask(BEN)

    assert [order.job for order in await other.ordered(1)] == [later.id]
    assert core.service.live.in_order() == []
    assert [held.id for held in core.service.live.handed_out()] == [job.id, later.id]


async def test_a_new_bot_foretells_from_what_its_engine_showed_the_one_before(tmp_path: Path) -> None:
    async with opened(tmp_path) as core:
        first, cancelled, line = await core.ask(), await core.ask(), core.line()
        await line.join()
        [order] = await line.ordered(1)
        await line.start(order)
        core.clock.advance(10.0)
        await line.finish(order)
        await core.service.cancel(cancelled.id, by=ANNA)

    async with opened(tmp_path) as core:
        await core.line().join()
        [view] = core.service.engines.views()

    assert view.speed == pytest.approx(first.cost / 10)


async def test_a_new_bot_takes_on_an_engine_that_showed_nothing_of_its_speed(tmp_path: Path) -> None:
    async with opened(tmp_path) as core:
        job, line = await core.ask(), core.line()
        await line.join()
        [order] = await line.ordered(1)
        await line.finish(order)  # that it began was lost on the way

    async with opened(tmp_path) as core:
        await core.line().join()
        [view] = core.service.engines.views()

        assert await core.state(job) is JobState.RENDERED
    assert (view.state, view.speed) == ("ready", None)
