"""No job waits for ever: moments at which one could have been left in nobody's hands."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from bot.jobs.errors import BeyondEngines, PainterBroken
from bot.jobs.events import JobEvent, Moved
from bot.jobs.job import Failure, Job
from bot.jobs.states import JobState
from bot.queue import dispatcher, eta, recovery
from bot.queue.recovery import MOST_ATTEMPTS, PURE_CHANCE
from bot.requests.control import ControlChoice
from bot.requests.draft import RequestDraft
from bot.storage.blobs import UNSTORED
from protocol.messages import Cancelled
from protocol.request import Lora
from tests.support.fake_engine import CARD
from tests.support.lines import GRACE, Core, Line, no_room, opened
from tests.support.stage import ANNA, BEN, until

OTHER = msgspec.structs.replace(CARD, id="other-1", name="Other")
WHY = "The engine cannot start: No module named 'torch'."
INKED = msgspec.structs.replace(CARD, features=(*CARD.features, "lora"), loras=("ink",))


async def test_a_picture_that_outlived_its_engine_does_not_keep_the_rest_of_its_job_waiting(tmp_path: Path) -> None:
    async with opened(tmp_path) as before:
        job = await before.ask(count=2)
        line = before.line("gone")
        await line.join()
        [order] = await line.ordered(1)
        await line.start(order)

    async with opened(tmp_path) as after:
        await after.line("gone").finish(order, 0)  # left at a broker; its engine never comes
        other = after.line("other")
        await other.join()
        [rest] = await other.ordered(1)

    assert (rest.job, rest.wanted) == (job.id, (1,))


async def test_a_suspect_that_no_engine_there_can_do_holds_nobody_up(core: Core) -> None:
    inked, plain = core.line("inked"), core.line("plain")
    inked.card = INKED
    await inked.join()
    request = core.service.composer.complete(RequestDraft(prompt="a star", loras=(Lora(name="ink"),)), ANNA)
    suspect = await core.service.submit(request, by=ANNA, origin="inked")
    await inked.start((await inked.ordered(1))[0])
    await plain.join()
    inked.die()
    await until(lambda: len(core.service.engines.views()) == 1)

    other = await core.ask(BEN)

    [order] = await plain.ordered(1)
    assert order.job == other.id
    assert (await core.service.job(suspect.id)).suspect


async def test_an_engine_that_could_not_be_taken_on_gets_no_job(core: Core) -> None:
    job = await core.ask()
    line, other = core.line("returning"), core.line("other")
    await line.join()
    await line.start((await line.ordered(1))[0])
    line.die()
    await until(lambda: not core.service.engines.views())

    back = core.line("returning")
    async with no_room(core):
        await back.join(running=((job.id, 1),))
    await other.join()

    [order] = await other.ordered(1)
    assert back.closed
    assert order.job == job.id
    assert back.orders() == []


async def test_an_engine_that_dies_while_the_disk_is_full_gives_its_jobs_back_when_there_is_room(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "STORAGE_RETRY", 0.05)
    job = await core.ask()
    dying, other = core.line("dying"), core.line("other")
    await dying.join()
    await dying.start((await dying.ordered(1))[0])

    async with no_room(core):
        dying.die()
        await asyncio.sleep(3 * GRACE)
    await other.join()

    [again] = await other.ordered(1)
    assert (again.job, again.attempt) == (job.id, 2)


@pytest.mark.parametrize("error", [OSError("no more files can be opened"), sqlite3.OperationalError("disk I/O error")])
async def test_a_job_whose_pictures_could_not_be_counted_when_its_turn_came_is_sent_later(
    core: Core, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "STORAGE_RETRY", 0.05)
    jobs = core.service.ledger.jobs
    missing, failures = jobs.missing, [error]

    async def break_once(job_id: str) -> tuple[int, ...]:
        if failures:
            raise failures.pop()
        return await missing(job_id)

    monkeypatch.setattr(jobs, "missing", break_once)
    line = core.line()
    await line.join()
    job = await core.ask()
    await until(lambda: not failures)
    await idle(core, line)

    [order] = await line.ordered(1)
    assert order.job == job.id


async def idle(core: Core, line: Line) -> None:
    """So long that an engine is reminded of what it was told."""
    for _ in range(25):
        core.clock.advance(0.5)
        await line.beat()


async def test_a_source_that_cannot_be_read_fails_its_job_and_leaves_the_engine_alone(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_it(name: str) -> bytes | None:
        raise OSError(f"{name} cannot be read")

    monkeypatch.setattr(core.service.blobs, "get", break_it)
    request = core.service.composer.complete(RequestDraft(prompt="a star"), ANNA)
    job = await core.service.submit(request.varied(source="f" * 64, seed=1), by=ANNA, origin="unreadable")
    other = await core.ask()
    line = core.line()
    await line.join()

    [order] = await line.ordered(1)
    assert order.job == other.id
    assert await core.state(job) is JobState.FAILED
    assert not line.closed


async def test_what_no_engine_can_do_any_more_fails_after_a_while_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LOOK_EVERY", 0.01)
    async with opened(tmp_path) as core:
        beyond, waiting = await beyond_who_is_left(core, others=3)

        await asyncio.sleep(0.05)
        core.clock.advance(recovery.UNPAINTABLE_FOR - 1)
        await asyncio.sleep(0.05)
        before = await core.state(beyond)
        core.clock.advance(2)
        await until(lambda: core.service.position(beyond.id) is None)

        assert before is JobState.QUEUED
        assert (await core.service.job(beyond.id)).failure == Failure(code="beyond-engines", arguments={})
        assert await core.state(waiting) is JobState.QUEUED


@pytest.mark.parametrize("why", ["the model was changed", "its engine is gone"])
async def test_who_waits_behind_what_is_given_up_is_told_of_the_new_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(recovery, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(eta, "ANNOUNCED_EVERY", 0.0)
    async with opened(tmp_path) as core:
        beyond, waiting = await beyond_who_is_left(core, others=2)
        await asyncio.sleep(0.2)  # so all that was news is told

        with core.service.subscribe() as events:
            if why == "the model was changed":
                await core.service.dispatcher.give_up_unpaintable()
            else:
                core.clock.advance(recovery.UNPAINTABLE_FOR + 1)

            async with asyncio.timeout(30):
                while not is_first(await anext(events), waiting):
                    pass
        assert await core.state(beyond) is JobState.FAILED


async def beyond_who_is_left(core: Core, *, others: int) -> tuple[Job, Job]:
    """A job that only an engine could do which is gone, and the last of `others` that the engine left can do."""
    inked, plain = core.line("inked"), core.line("plain")
    inked.card = INKED
    await inked.join()
    request = core.service.composer.complete(RequestDraft(prompt="a star", loras=(Lora(name="ink"),)), ANNA)
    beyond = await core.service.submit(request, by=ANNA, origin="inked")
    await inked.ordered(1)
    await plain.join()
    [*_, last] = [await core.ask() for _ in range(others)]
    inked.die()
    await until(lambda: len(core.service.engines.views()) == 1)
    return beyond, last


def is_first(event: JobEvent, job: Job) -> bool:
    return isinstance(event, Moved) and event.job_id == job.id and event.position.position == 1


async def test_what_waits_for_an_engine_that_cannot_start_fails_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LOOK_EVERY", 0.01)
    async with opened(tmp_path) as core:
        waiting = await core.ask()
        await cannot_start(core)

        core.service.dispatcher.engine_events.loading("engine-1", "starter")  # it tries again, as it does all the time
        core.clock.advance(recovery.UNPAINTABLE_FOR + 1)
        await asyncio.sleep(0.05)
        before = await core.state(waiting)
        await cannot_start(core)
        await until(lambda: core.service.position(waiting.id) is None)

        assert before is JobState.QUEUED
        assert (await core.service.job(waiting.id)).failure == Failure(code="painter-broken", arguments={})


async def test_nobody_is_given_up_for_an_engine_that_could_start_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "LOOK_EVERY", 0.01)
    async with opened(tmp_path) as core:
        waiting = await core.ask()
        await cannot_start(core)
        core.clock.advance(recovery.UNPAINTABLE_FOR - 1)
        line = core.line("engine-1")

        await line.join()

        [order] = await line.ordered(1)
        assert order.job == waiting.id


async def test_while_no_engine_can_start_nothing_is_taken_on(core: Core) -> None:
    core.service.dispatcher.engine_events.loading("engine-1", "starter", WHY)
    with pytest.raises(PainterBroken) as refused:
        await core.ask()
    core.service.dispatcher.engine_events.loading("engine-2", "starter")  # another one comes up, and may well paint

    taken = await core.ask()

    assert refused.value.arguments == {"problem": WHY}
    assert await core.state(taken) is JobState.QUEUED


async def cannot_start(core: Core) -> None:
    """Say so, and wait until it was seen."""
    core.service.dispatcher.engine_events.loading("engine-1", "starter", WHY)
    await until(lambda: core.service.dispatcher._recovery._troubled_since is not None)


async def test_a_wish_that_only_two_engines_together_could_paint_is_refused(core: Core) -> None:
    inked, drawing = core.line("inked"), core.line("drawing")
    inked.card = INKED
    drawing.card = msgspec.structs.replace(CARD, features=(*CARD.features, "control"), controls=("canny",))
    await inked.join()
    await drawing.join()
    guide = ControlChoice(kind="canny", picture=UNSTORED)
    draft = RequestDraft(prompt="a star", loras=(Lora(name="ink"),), control=guide)

    with pytest.raises(BeyondEngines):
        await core.service.submit(core.service.composer.complete(draft, ANNA), by=ANNA, origin="both")


async def test_what_a_new_model_can_paint_too_is_painted_though_the_old_engine_is_hardly_gone(core: Core) -> None:
    old, new = core.line("old"), core.line("new")
    await old.join()
    job = await core.ask()
    [order] = await old.ordered(1)
    await core.service.dispatcher.retire({"old"})
    await core.service.dispatcher.engine_events.receive(
        old, "old", Cancelled(job=order.job, attempt=order.attempt, k=0)
    )
    old.die()

    new.card = OTHER
    await new.join()
    await core.service.dispatcher.give_up_unpaintable()

    [order] = await new.ordered(1)
    assert order.job == job.id


async def test_a_restarted_bot_remembers_how_often_a_job_was_next_when_its_engine_died(tmp_path: Path) -> None:
    async with opened(tmp_path) as before:
        job = await before.ask()
        await kill_engines(before, PURE_CHANCE + MOST_ATTEMPTS - 1)

    async with opened(tmp_path) as after:
        await kill_engines(after, 1)
        await until(lambda: after.service.position(job.id) is None)

        failed = await after.service.job(job.id)
    assert failed.failure == Failure(code="poison", arguments={"attempts": MOST_ATTEMPTS})


async def kill_engines(core: Core, count: int) -> None:
    """Each when it has been given a job and has not begun it."""
    for number in range(count):
        line = core.line(f"e{number}")
        await line.join()
        await line.ordered(1)
        line.die()
        await until(lambda: not core.service.engines.views())


async def test_a_broker_that_is_gone_for_good_keeps_no_job_from_the_engine_that_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "DEAF_FOR", 0.05)
    async with opened(tmp_path) as before:
        job = await before.ask()
        line = before.line("at the broker")
        await line.join()
        await line.start((await line.ordered(1))[0])

    async with opened(tmp_path) as after:
        after.service.dispatcher.engine_events.deaf("broker", True)
        here = after.line("here")
        await here.join()
        [order] = await here.ordered(1)

    assert order.job == job.id
