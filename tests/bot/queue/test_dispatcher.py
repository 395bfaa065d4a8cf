"""What engines get, and what becomes of it when they die, repeat themselves or return from the dead."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import msgspec
import pytest

from bot.jobs.events import Ended, EngineState, Moved, PainterLost
from bot.jobs.job import Failure, Job
from bot.jobs.states import JobState
from bot.queue import dispatcher
from bot.queue.eta import Positions
from bot.queue.recovery import MOST_ATTEMPTS, PURE_CHANCE
from bot.requests.draft import RequestDraft
from protocol.messages import Beat, Cancel, Cancelled, Finished, Generate, Stop, Stored
from protocol.request import Lora
from tests.support.fake_engine import CARD
from tests.support.lines import GRACE, Core, opened
from tests.support.stage import ANNA, BEN, until


async def test_an_engine_holds_one_job_beyond_the_running_one_and_no_more(core: Core) -> None:
    for _ in range(5):
        await core.ask()
    line = core.line()

    await line.join()
    [first] = await line.ordered(1)
    await line.start(first)
    [_, second] = await line.ordered(2)
    await asyncio.sleep(0.05)
    assert len(line.orders()) == 2

    await line.finish(first)
    await line.start(second)
    third = (await line.ordered(3))[2]
    assert len({first.job, second.job, third.job}) == 3


async def test_an_engine_that_begins_what_waits_gets_more_up_to_what_it_wants(core: Core) -> None:
    for _ in range(6):
        await core.ask()
    line = core.line()
    line.capacity = 4

    await line.join()
    for number in range(4):
        await line.start((await line.ordered(number + 1))[number])
    await asyncio.sleep(0.05)

    assert len(line.orders()) == 4


async def test_pictures_painted_at_once_do_not_look_slower_than_one_by_one(core: Core) -> None:
    jobs = [await core.ask() for _ in range(3)]
    line = core.line()
    line.capacity = 4
    await line.join()
    for number in range(2):
        await line.start((await line.ordered(number + 1))[number])
    [first, second, _] = await line.ordered(3)

    for step in range(1, 9):
        core.clock.advance(1.0)
        await line.step(first, step)
        await line.step(second, step)
    await line.finish(first)
    await line.finish(second)

    [view] = core.service.engines.views()
    assert view.speed == pytest.approx(2 * jobs[0].cost / 8)


async def test_two_engines_share_the_queue(core: Core) -> None:
    one, two = core.line("e1"), core.line("e2")
    await one.join()
    await two.join()

    for _ in range(2):
        await core.ask()

    await one.ordered(1)
    await two.ordered(1)


async def test_a_light_user_waits_for_no_more_than_what_engines_hold(core: Core) -> None:
    line = core.line()
    await line.join()
    for _ in range(50):
        await core.ask(ANNA)
    light = await core.ask(BEN)

    for index in range(3):
        order = (await line.ordered(index + 1))[index]
        await line.start(order)
        await line.finish(order)

    assert light.id in [order.job for order in line.orders()[:3]]


async def test_a_dead_engines_jobs_go_elsewhere_after_the_grace(core: Core) -> None:
    job, prefetched = await core.ask(), await core.ask()
    dying, other = core.line("e1"), core.line("e2")
    await dying.join()
    [order] = await dying.ordered(1)
    await dying.start(order)
    await dying.ordered(2)

    dying.die()
    await other.join()
    [suspect] = await other.ordered(1)
    await other.finish(suspect)
    [_, waited] = await other.ordered(2)

    assert (suspect.job, suspect.attempt) == (job.id, 2)
    assert (waited.job, waited.attempt) == (prefetched.id, 1)


async def test_a_reconnecting_engine_keeps_what_it_still_has(core: Core) -> None:
    job = await core.ask()
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)
    await line.start(order)

    line.die()
    back = core.line()
    await back.join(running=((job.id, 1),))
    await asyncio.sleep(2 * GRACE)
    await back.finish(order)

    assert await core.state(job) is JobState.RENDERED
    assert back.orders() == []


async def test_an_engine_that_kept_only_some_pictures_is_asked_for_the_rest(core: Core) -> None:
    job = await core.ask(count=3)
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)
    await line.start(order)
    await line.finish(order, 2)

    line.die()
    back = core.line()
    await back.join(held=((job.id, 1),))

    [rest] = await back.ordered(1)
    assert rest.wanted == (0, 1)
    assert (await core.service.job(job.id)).attempt == 1


async def test_an_engine_that_idles_over_its_orders_is_told_again(core: Core) -> None:
    job = await core.ask()
    line = core.line()
    await line.join()
    await line.ordered(1)

    for _ in range(25):
        core.clock.advance(0.5)
        await core.service.dispatcher.engine_events.receive(line, line.name, Beat(steps=0, busy=False))

    assert [order.job for order in line.orders()] == [job.id, job.id]


async def test_an_engine_at_work_is_left_alone(core: Core) -> None:
    await core.ask()
    line = core.line()
    await line.join()
    await line.ordered(1)

    for _ in range(100):
        core.clock.advance(0.5)
        await core.service.dispatcher.engine_events.receive(line, line.name, Beat(steps=0, busy=True))

    assert len(line.orders()) == 1


async def test_a_job_whose_engine_we_stopped_ourselves_is_no_suspect(core: Core) -> None:
    job = await core.ask()
    lines = [core.line(f"e{number}") for number in range(4)]

    for line in lines:
        await line.join()
        [order] = await line.ordered(1)
        await line.start(order)
        core.service.dispatcher.stop_engines()
        line.die()
        await until(lambda: core.service.live.handed_out() == [])

    assert all(line.holds(Stop()) for line in lines)
    waits = await core.service.job(job.id)
    assert (waits.state, waits.attempt) == (JobState.QUEUED, 1)


@pytest.mark.parametrize("held", [False, True], ids=["given back", "held by the engine that is ended"])
async def test_what_another_model_cannot_paint_fails_though_the_old_engine_is_hardly_gone(
    core: Core, held: bool
) -> None:
    old = core.line("old")
    await old.join()
    job = await core.ask()
    [order] = await old.ordered(1)
    await core.service.dispatcher.retire({"old"})
    if not held:
        await core.service.dispatcher.engine_events.receive(
            old, "old", Cancelled(job=order.job, attempt=order.attempt, k=0)
        )
    old.die()

    tiny = core.line("new")
    tiny.card = msgspec.structs.replace(
        CARD, id="tiny", shapes={"1:1": (64, 64)}, max_side=64, max_pixels=64 * 64, native_pixels=64 * 64
    )
    await tiny.join()
    await core.service.dispatcher.give_up_unpaintable()

    await until(lambda: core.service.position(job.id) is None)
    assert (await core.service.job(job.id)).failure == Failure(code="model-changed", arguments={})


async def test_what_is_being_handed_over_while_its_engine_retires_is_called_back_after_it_was_sent(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, handing_over, go_on = core.service.ledger.jobs, asyncio.Event(), asyncio.Event()
    missing = jobs.missing

    async def slow(job_id: str) -> tuple[int, ...]:
        handing_over.set()
        await go_on.wait()
        return await missing(job_id)

    monkeypatch.setattr(jobs, "missing", slow)
    old = core.line("old")
    await old.join()
    job = await core.ask()
    await handing_over.wait()

    retiring = asyncio.create_task(core.service.dispatcher.retire({"old"}))
    await asyncio.sleep(0)
    go_on.set()

    assert not await retiring
    assert [type(command) for command in old.sent if isinstance(command, Generate | Cancel)] == [Generate, Cancel]
    assert old.holds(Cancel(job=job.id))


async def test_a_full_disk_hangs_up_on_the_engine_and_loses_nothing(core: Core) -> None:
    job = await core.ask()
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)
    await line.start(order)
    ledger = core.service.ledger
    await ledger.database.read(lambda db: db.execute("PRAGMA query_only = ON"))

    await line.finish(order)
    await ledger.database.read(lambda db: db.execute("PRAGMA query_only = OFF"))
    closed = line.closed
    line.die()
    back = core.line()
    await back.join(held=((job.id, 0),))
    await back.finish(order)

    assert closed
    assert await core.state(job) is JobState.RENDERED
    assert not line.holds(Stored(job=job.id, k=0))


async def test_jobs_that_cannot_be_handed_out_for_a_while_are_handed_out_later(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "STORAGE_RETRY", 0.05)
    await core.ask()
    ledger = core.service.ledger
    line = core.line()
    await line.join()
    await line.ordered(1)
    await core.ask()
    other = core.line("other")

    await ledger.database.read(lambda db: db.execute("PRAGMA query_only = ON"))
    await other.join()
    await asyncio.sleep(0.1)
    await ledger.database.read(lambda db: db.execute("PRAGMA query_only = OFF"))

    await until(lambda: len(line.orders()) + len(other.orders()) == 2)


async def test_what_goes_wrong_in_the_block_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with opened(tmp_path):
            raise ZeroDivisionError


async def test_a_bug_in_its_own_work_ends_it_and_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Positions) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Positions, "announce", broken)
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with opened(tmp_path) as core:
            await core.ask()
            await asyncio.Event().wait()


async def test_who_waits_hears_of_engines_that_come_up_and_are_gone(core: Core) -> None:
    line, dispatcher = core.line(), core.service.dispatcher
    with core.service.subscribe() as events:
        heard = list[EngineState]()

        async def hear() -> None:
            event = await anext(events)
            assert isinstance(event, EngineState)
            heard.append(event)

        dispatcher.engine_events.loading("coming up", "Fake", "no torch")
        await hear()
        dispatcher.engine_events.not_loading("coming up")
        await hear()
        dispatcher.engine_events.not_loading("coming up")  # of which nothing is left to say
        await line.join()
        await hear()
        line.die()
        await hear()

    assert heard == [
        EngineState(engine="coming up", state="loading", model="Fake", problem="no torch"),
        EngineState(engine="coming up", state="lost", model="Fake"),
        EngineState(engine="e1", state="ready", model=CARD.name),
        EngineState(engine="e1", state="lost", model=CARD.name),
    ]


async def test_who_waits_is_told_of_the_new_place_when_a_job_was_handed_out(core: Core) -> None:
    jobs = [await core.ask() for _ in range(3)]
    with core.service.subscribe() as events:
        await core.line().join()

        places = dict[str, int]()
        async with asyncio.timeout(30):
            while places.get(jobs[2].id) != 2:
                event = await anext(events)
                if isinstance(event, Moved):
                    places[event.job_id] = event.position.position


async def test_only_the_engines_that_are_named_are_told_to_leave(core: Core) -> None:
    lines = [core.line("e1"), core.line("e2")]
    for line in lines:
        await line.join()

    core.service.dispatcher.stop_engines({"e1"})
    job = await core.ask()

    assert [line.holds(Stop()) for line in lines] == [True, False]
    assert [order.job for order in await lines[1].ordered(1)] == [job.id]


async def test_an_engine_that_retires_gives_back_what_it_has_not_begun_and_ends_the_rest(core: Core) -> None:
    dispatcher, old, idle = core.service.dispatcher, core.line("old"), core.line("idle")
    await old.join()
    painted, waiting = await core.ask(), await core.ask()
    await old.start((await old.ordered(1))[0])
    [first, second] = await old.ordered(2)
    dispatcher.pause(frozenset({None}))
    await idle.join()

    assert not await dispatcher.retire({"old", "idle"})
    assert not await dispatcher.retire({"old", "idle"})
    assert [command for command in old.sent if isinstance(command, Cancel)] == [Cancel(job=waiting.id)]

    await dispatcher.engine_events.receive(old, "old", Cancelled(job=second.job, attempt=second.attempt, k=0))
    await old.finish(first)
    dispatcher.pause(frozenset())
    later = core.line("later")
    await later.join()

    assert await dispatcher.retire({"old", "idle"})
    assert [order.job for order in await later.ordered(1)] == [waiting.id]
    assert await core.state(painted) is JobState.RENDERED


async def test_giving_up_what_an_engine_has_not_begun_makes_room_at_once(core: Core) -> None:
    line = core.line()
    await line.join()
    jobs = [await core.ask() for _ in range(3)]
    await line.start((await line.ordered(1))[0])
    await line.ordered(2)

    await core.service.cancel(jobs[1].id, by=ANNA)

    assert [order.job for order in await line.ordered(3)] == [job.id for job in jobs]


async def test_what_an_engine_does_while_its_line_is_down_is_not_timed(core: Core) -> None:
    line, back = core.line(), core.line()
    await line.join()
    job = await core.ask()
    [order] = await line.ordered(1)
    await line.start(order)

    line.die()
    core.clock.advance(1000)
    await back.join(running=((job.id, 1),))
    await back.step(order, 4)
    core.clock.advance(2)
    await back.finish(order)

    [view] = core.service.engines.views()
    assert view.speed == pytest.approx(job.cost / 2 / 2)


async def test_a_reconnecting_engine_that_forgot_a_job_gets_it_again(core: Core) -> None:
    job = await core.ask()
    line = core.line()
    await line.join()
    await line.ordered(1)

    line.die()
    back = core.line()
    await back.join()

    [again] = await back.ordered(1)
    assert (again.job, again.attempt) == (job.id, 1)


async def test_an_ending_said_right_after_a_reconnect_still_counts(core: Core) -> None:
    job = await core.ask()
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)
    await line.start(order)

    line.die()
    back = core.line()
    await back.join()
    await back.fail(order)
    await asyncio.sleep(2 * GRACE)

    assert await core.state(job) is JobState.FAILED
    assert back.orders() == []


async def test_an_engine_back_from_the_dead_is_told_to_drop_what_another_paints(core: Core) -> None:
    job = await core.ask()
    zombie, other = core.line("zombie"), core.line("other")
    await zombie.join()
    [order] = await zombie.ordered(1)
    await zombie.start(order)
    zombie.die()
    await other.join()
    [again] = await other.ordered(1)

    back = core.line("zombie")
    await back.join(running=((job.id, 1),))
    await core.service.dispatcher.engine_events.receive(back, "zombie", Cancelled(job=job.id, attempt=1, k=0))
    await other.start(again)
    await other.finish(again)

    assert back.holds(Cancel(job=job.id))
    assert await core.state(job) is JobState.RENDERED


async def test_the_first_result_wins_whoever_painted_it(core: Core) -> None:
    job = await core.ask()
    zombie, other = core.line("zombie"), core.line("other")
    await zombie.join()
    [order] = await zombie.ordered(1)
    await zombie.start(order)
    zombie.die()
    await other.join()
    [again] = await other.ordered(1)

    back = core.line("zombie")
    await back.join(held=((job.id, 0),))
    await back.finish(order, png=b"first")
    await other.finish(again, png=b"second")

    assert await core.service.picture(job.id, 0) == b"first"
    assert other.holds(Cancel(job=job.id))
    assert other.holds(Stored(job=job.id, k=0))


async def test_an_engine_thought_dead_takes_its_job_back_from_the_queue(core: Core) -> None:
    job = await core.ask()
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)
    await line.start(order)
    line.die()
    with core.service.subscribe() as events:
        async with asyncio.timeout(30):
            while not isinstance(await anext(events), PainterLost):
                pass

    back = core.line()
    await back.join(running=((job.id, 1),))
    [relabelled] = await back.ordered(1)
    await back.finish(relabelled)

    assert relabelled.attempt == 2
    assert await core.state(job) is JobState.RENDERED


async def test_a_job_that_kills_three_engines_fails_as_poison(core: Core) -> None:
    job = await core.ask()

    for number in range(3):
        line = core.line(f"e{number}")
        await line.join()
        [order] = await line.ordered(1)
        await line.start(order)
        line.die()
    await until(lambda: core.service.position(job.id) is None)

    failed = await core.service.job(job.id)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None
    assert failed.failure.code == "poison"


async def test_after_a_crash_its_jobs_are_tried_one_by_one_and_only_the_poison_fails(core: Core) -> None:
    poison, innocent = await core.ask(), await core.ask(BEN)
    line = core.line("e0")
    await line.join()
    for number in range(2):
        await line.start((await line.ordered(number + 1))[number])
    line.die()

    most = 0
    for number in range(1, 4):
        line = core.line(f"e{number}")
        await line.join()
        await line.ordered(1)
        while (order := line.orders()[-1]).job == innocent.id and await core.state(innocent) is not JobState.RENDERED:
            most = max(most, len(line.orders()))
            await line.start(order)
            await line.finish(order)
            await asyncio.sleep(GRACE)
        if order.job == poison.id:
            await line.start(order)
            line.die()
            await asyncio.sleep(2 * GRACE)

    assert most == 1
    assert [await core.state(job) for job in (poison, innocent)] == [JobState.FAILED, JobState.RENDERED]


async def test_a_job_that_only_waited_in_dying_engines_is_no_poison(core: Core) -> None:
    first, job = await core.ask(), await core.ask(BEN)

    for number in range(3):
        line = core.line(f"e{number}")
        await line.join()
        await line.start((await line.ordered(1))[0])
        if number == 0:  # later the first is a suspect, and alone in its engine
            await line.ordered(2)
        line.die()
        await until(lambda: not core.service.engines.views())
    line = core.line("last")
    await line.join()

    [order] = await line.ordered(1)
    assert (order.job, order.attempt) == (job.id, 1)
    assert await core.state(first) is JobState.FAILED


async def test_an_engine_that_dies_by_chance_before_a_job_begins_is_not_laid_to_its_charge(core: Core) -> None:
    job = await core.ask()

    for number in range(PURE_CHANCE):
        line = core.line(f"e{number}")
        await line.join()
        await line.ordered(1)
        line.die()
    line = core.line("last")
    await line.join()

    [order] = await line.ordered(1)
    assert (order.job, order.attempt) == (job.id, 1)


async def test_a_job_that_kills_its_engines_before_they_can_say_that_it_began_is_given_up_too(core: Core) -> None:
    job, innocent = await core.ask(), await core.ask(BEN)

    heads = list[str]()
    for number in range(PURE_CHANCE + MOST_ATTEMPTS):
        line = core.line(f"e{number}")
        await line.join()
        heads.append((await line.ordered(1))[0].job)
        line.die()
        await until(lambda: not core.service.engines.views())
    line = core.line("last")
    await line.join()
    [order] = await line.ordered(1)

    failed = await core.service.job(job.id)
    assert heads == [job.id] * (PURE_CHANCE + MOST_ATTEMPTS)
    assert failed.failure is not None
    assert failed.failure.code == "poison"
    assert (order.job, order.attempt) == (innocent.id, 1)


async def test_pictures_that_were_painted_are_not_painted_again(core: Core) -> None:
    job = await core.ask(count=4)
    dying, other = core.line("e1"), core.line("e2")
    await dying.join()
    [order] = await dying.ordered(1)
    await dying.start(order)
    await dying.finish(order, 0)
    await dying.finish(order, 2)

    dying.die()
    await other.join()
    [rest] = await other.ordered(1)
    for k in rest.wanted:
        await other.finish(rest, k)

    assert rest.wanted == (1, 3)
    assert await core.state(job) is JobState.RENDERED


async def test_a_picture_sent_twice_is_confirmed_twice_and_stored_once(core: Core) -> None:
    job = await core.ask(count=2)
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)

    await line.finish(order, 0, b"one")
    await line.finish(order, 0, b"one")
    await line.finish(order, 1, b"two")
    await line.finish(order, 1, b"two")

    assert line.sent.count(Stored(job=job.id, k=0)) == 2
    assert [picture.k for picture in (await core.service.job(job.id)).pictures] == [0, 1]


async def test_a_confirmed_picture_is_on_disk(core: Core, tmp_path: Path) -> None:
    await core.ask()
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)

    await line.finish(order, 0, b"pixels")

    name = hashlib.sha256(b"pixels").hexdigest()
    assert (tmp_path / "blobs" / name[:2] / name).read_bytes() == b"pixels"
    assert not list((tmp_path / "blobs").rglob("*.part"))


async def test_a_damaged_picture_is_not_confirmed(core: Core) -> None:
    job = await core.ask()
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)

    await core.service.dispatcher.engine_events.receive(
        line, line.name,
        Finished(job=job.id, attempt=order.attempt, k=0, seed=5, width=256, height=256, sha256="0" * 64, png=b"x",
                 seconds=0.1),
    )  # fmt: skip

    assert not line.holds(Stored(job=job.id, k=0))
    assert line.closed
    assert (await core.service.job(job.id)).live


async def test_a_mixed_ending_shows_the_pictures_that_came(core: Core) -> None:
    job = await core.ask(count=2)
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)
    await line.start(order)

    await line.fail(order, 0)
    await line.finish(order, 1)

    ended = await core.service.job(job.id)
    assert ended.state is JobState.RENDERED
    assert [picture.k for picture in ended.pictures] == [1]
    assert ended.failure is not None


async def test_cancelling_a_waiting_job_starts_nothing(core: Core) -> None:
    job = await core.ask()

    cancelled = await core.service.cancel(job.id, by=ANNA)
    line = core.line()
    await line.join()
    await asyncio.sleep(0.05)

    assert cancelled.state is JobState.CANCELLED
    assert line.orders() == []


@pytest.mark.parametrize("begun", [False, True])
async def test_cancelling_a_job_in_an_engine_tells_it_and_ignores_what_comes_late(core: Core, begun: bool) -> None:
    job = await core.ask()
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)
    if begun:
        await line.start(order)

    await core.service.cancel(job.id, by=ANNA)
    await line.step(order, 3)
    await line.finish(order)

    assert line.holds(Cancel(job=job.id))
    assert line.holds(Stored(job=job.id, k=0))
    assert await core.state(job) is JobState.CANCELLED


async def test_an_engine_that_gives_up_unasked_loses_the_job_to_the_queue(core: Core) -> None:
    job = await core.ask()
    line, other = core.line("e1"), core.line("e2")
    await line.join()
    [order] = await line.ordered(1)
    await line.start(order)

    line.die()
    await core.service.dispatcher.engine_events.receive(line, "e1", Cancelled(job=job.id, attempt=order.attempt, k=0))
    await other.join()

    [again] = await other.ordered(1)
    assert again.job == job.id


async def test_progress_counts_as_a_start_that_was_lost_on_the_way(core: Core) -> None:
    job = await core.ask()
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)

    await line.step(order, 2)

    assert await core.state(job) is JobState.RUNNING


async def test_a_second_line_of_the_same_engine_takes_the_place_of_the_first(core: Core) -> None:
    job = await core.ask()
    old, new = core.line(), core.line()
    await old.join()
    [order] = await old.ordered(1)

    await new.join(running=((job.id, 1),))
    old.die()
    await new.start(order)
    following = await core.ask()
    await new.finish(order)

    assert old.closed
    assert await core.state(job) is JobState.RENDERED
    assert [view.state for view in core.service.engines.views()] == ["ready"]
    assert (await new.ordered(1))[0].job == following.id


async def test_what_an_older_line_still_brings_frees_no_job_from_an_engine_that_is_gone(core: Core) -> None:
    job = await core.ask()
    old, new, other = core.line(), core.line(), core.line("e2")
    await old.join()
    [order] = await old.ordered(1)
    await new.join(running=((job.id, 1),))

    new.die()
    await old.start(order)
    await old.step(order, 3)
    await other.join()

    [again] = await other.ordered(1)
    assert again.job == job.id


@pytest.mark.parametrize("moment", ["offer", "missing"])
async def test_an_order_for_an_engine_that_dies_at_that_very_moment_goes_elsewhere(
    core: Core, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying, other = core.line("e1"), core.line("e2")
    await dying.join()
    jobs = core.service.ledger.jobs
    write = getattr(jobs, moment)

    async def write_while_it_dies(*arguments: object, **options: object) -> object:
        dying.die()
        return await write(*arguments, **options)

    with monkeypatch.context() as moments:
        moments.setattr(jobs, moment, write_while_it_dies)
        job = await core.ask()
        await until(lambda: bool(core.service.live.handed_out()))
    await other.join()

    [again] = await other.ordered(1)
    assert (again.job, again.attempt) == (job.id, 1)
    assert dying.orders() == []


async def test_a_job_whose_source_is_gone_fails_and_the_next_one_is_served(core: Core) -> None:
    request = core.service.composer.complete(RequestDraft(prompt="a star"), ANNA)
    orphan = request.varied(source="f" * 64, seed=1)
    job = await core.service.submit(orphan, by=ANNA, origin="orphan")
    other = await core.ask()
    line = core.line()

    await line.join()

    [order] = await line.ordered(1)
    assert order.job == other.id
    failed = await core.service.job(job.id)
    assert failed.failure is not None
    assert failed.failure.code == "bad-source"


async def test_the_time_of_one_job_foretells_that_of_the_next(core: Core) -> None:
    first, second, third = [await core.ask() for _ in range(3)]
    line = core.line()
    await line.join()
    [order] = await line.ordered(1)
    assert core.service.position(third.id).eta is None  # pyright: ignore[reportOptionalMemberAccess]
    await line.start(order)
    await line.ordered(2)
    core.clock.advance(10.0)
    await line.finish(order)

    now = (await core.service.job(first.id)).ended or 0.0
    positions = [core.service.position(job.id) for job in (second, third)]

    etas = [position.eta for position in positions if position is not None and position.eta is not None]
    assert [round(eta - now) for eta in etas] == [10, 20]
    [view] = core.service.engines.views()
    assert view.speed == pytest.approx(first.cost / 10)


async def test_an_engine_that_learns_something_loses_no_order_on_its_way(core: Core) -> None:
    line = core.line()
    await line.join()
    job = await core.ask()
    await line.ordered(1)

    line.card = msgspec.structs.replace(CARD, features=(*CARD.features, "lora"), loras=("ink",))
    await line.join()  # said before the order came in, so it does not name it
    await asyncio.sleep(3 * GRACE)

    assert core.service.card == line.card
    assert len(line.orders()) == 1
    assert core.service.live.handed_out() == [await core.service.job(job.id)]


async def test_what_waits_for_a_file_that_was_taken_away_fails_and_all_else_waits_on(core: Core) -> None:
    line = core.line()
    line.card = msgspec.structs.replace(CARD, features=(*CARD.features, "lora"), loras=("gold", "ink"))
    await line.join()
    for _ in range(2):
        await core.ask()
    await line.ordered(1)
    waiting = list[Job]()
    for name in ("ink", "gold"):
        request = core.service.composer.complete(RequestDraft(prompt="a star", loras=(Lora(name=name),)), ANNA)
        waiting.append(await core.service.submit(request, by=ANNA, origin=name))

    line.card = msgspec.structs.replace(line.card, loras=("gold",))
    await line.join()

    ink, gold = [await core.service.job(job.id) for job in waiting]
    assert (ink.state, ink.failure) == (JobState.FAILED, Failure(code="lora-gone", arguments={"lora": "ink"}))
    assert gold.state is JobState.QUEUED


async def test_places_count_from_what_is_painted(core: Core) -> None:
    jobs = [await core.ask() for _ in range(4)]
    line = core.line()
    await line.join()
    await line.start((await line.ordered(1))[0])
    await line.ordered(2)

    positions = [core.service.position(job.id) for job in jobs]

    assert [position.position for position in positions if position] == [0, 0, 1, 2]


async def test_a_new_bot_waits_for_the_old_engine_before_it_paints_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as before:
        job = await before.ask(count=2)
        line = before.line()
        await line.join()
        [order] = await line.ordered(1)
        await line.start(order)
        await line.finish(order, 0)

    async with opened(tmp_path) as after:
        stranger, back = after.line("stranger"), after.line()
        await stranger.join()
        await back.join(running=((job.id, 1),))
        await asyncio.sleep(4 * GRACE)
        await back.finish(order, 1)

        assert stranger.orders() == []
        assert await after.state(job) is JobState.RENDERED


async def test_a_new_bot_gives_the_job_to_another_engine_when_the_old_one_stays_away(tmp_path: Path) -> None:
    async with opened(tmp_path) as before:
        job = await before.ask()
        line = before.line()
        await line.join()
        [order] = await line.ordered(1)
        await line.start(order)

    async with opened(tmp_path) as after:
        other = after.line("other")
        await other.join()
        [again] = await other.ordered(1)

        assert (again.job, again.attempt) == (job.id, 1)


async def test_the_term_that_a_new_bot_gives_counts_only_while_engines_can_be_heard(tmp_path: Path) -> None:
    async with opened(tmp_path) as before:
        job = await before.ask()
        line = before.line()
        await line.join()
        [order] = await line.ordered(1)
        await line.start(order)

    async with opened(tmp_path) as after:
        other, back = after.line("other"), after.line()
        after.service.dispatcher.engine_events.deaf("broker", True)
        await other.join()
        await asyncio.sleep(6 * GRACE)
        after.service.dispatcher.engine_events.deaf("broker", False)
        await back.join(running=((job.id, 1),))
        await asyncio.sleep(6 * GRACE)
        await back.finish(order)

        assert other.orders() == []
        assert await after.state(job) is JobState.RENDERED


async def test_a_new_bot_serves_the_queue_in_the_old_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as before:
        line = before.line()
        await line.join()
        for _ in range(3):
            await before.ask(ANNA)
        await line.start((await line.ordered(1))[0])
        await line.ordered(2)
        light = await before.ask(BEN)

    async with opened(tmp_path) as after:
        first, *_ = (await after.service.queue()).waiting
        assert first.id == light.id
        assert after.service.card == CARD


async def test_a_stalled_subscriber_hears_every_ending(core: Core) -> None:
    with core.service.subscribe() as events:
        jobs = [await core.ask() for _ in range(20)]
        line = core.line()
        await line.join()
        for index in range(20):
            order = (await line.ordered(index + 1))[index]
            await line.start(order)
            for step in range(1, 9):
                await line.step(order, step)
            await line.finish(order)

        heard = [await anext(events) for _ in range(21)]

    ended = [event.job.id for event in heard if isinstance(event, Ended)]
    assert sorted(ended) == sorted(job.id for job in jobs)
