"""What goes wrong at Discord's side or with the clock while a picture is painted, one scenario each, with counts."""

from __future__ import annotations

import asyncio

import pytest

from bot.jobs.job import Job
from bot.jobs.states import JobState
from bot.storage.database import LedgerFull
from playground import Playground
from tests.story.studio import (
    SKETCHBOOK,
    Studio,
    Visitor,
    finished,
    gallery,
    is_from_the_bot,
    manual_clock,
    until,
    words,
)
from tests.support.fake_engine import Script

SLOW = Script(step_seconds=0.15)
ANSWER = r"/callback$"
BY_TOKEN = r"/webhooks/.*/messages/"
IN_CHANNEL = r"/channels/\d+/messages"
ALWAYS = 10_000
DAY = 24 * 3600.0


@pytest.fixture
async def painting(empty_studio: Studio, mia: Visitor) -> Job:
    """A picture of Mia's that is being painted."""
    await empty_studio.open_bot()
    await empty_studio.open_engine(SLOW)
    await mia.say("/imagine prompt:a red star")
    await mia.sees("▰")
    [job] = await empty_studio.service.live_jobs(f"discord:{mia.person.id}")
    return job


async def shown_once(studio: Studio, visitor: Visitor, *, within: float = 10.0) -> None:
    """One message of the bot, with the picture, painted once and nothing owed."""
    await visitor.sees_pictures(within=within)
    await studio.all_is_told()
    messages = [message for message in await visitor.messages() if is_from_the_bot(message)]
    assert [finished(message) for message in messages] == [True]
    assert studio.engine is not None
    assert len(studio.engine.begun) == 1


@pytest.mark.parametrize(
    ("why", "status", "code"),
    [("channel deleted", 404, 10003), ("bot kicked", 403, 50001), ("permissions taken", 403, 50013)],
)
async def test_a_picture_without_any_way_to_its_reader_is_kept_and_troubles_nobody_else(
    empty_studio: Studio, playground: Playground, mia: Visitor, painting: Job, why: str, status: int, code: int
) -> None:
    playground.faults.refuse(BY_TOKEN, times=ALWAYS, status=404, code=10015, message="Unknown Webhook")
    playground.faults.refuse(IN_CHANNEL, times=ALWAYS, status=status, code=code, message=why)

    await empty_studio.all_is_told()
    ended = await empty_studio.service.job(painting.id)
    kept = await empty_studio.service.picture(painting.id, 0)
    playground.faults.clear()
    await empty_studio.restart_bot()
    await mia.say("/imagine prompt:a blue ring")

    assert ended.state is JobState.UNDELIVERABLE
    assert kept.startswith(b"\x89PNG")
    await mia.sees(lambda message: finished(message) and "a blue ring" in words(message))


async def test_what_could_not_be_shown_is_brought_in_private_by_the_next_command_of_its_person_once(
    empty_studio: Studio, playground: Playground, mia: Visitor, robin: Visitor, painting: Job
) -> None:
    playground.faults.refuse(BY_TOKEN, times=ALWAYS, status=404, code=10015, message="Unknown Webhook")
    playground.faults.refuse(IN_CHANNEL, times=ALWAYS, status=403, code=50013, message="Missing Permissions")
    await empty_studio.all_is_told()
    playground.faults.clear()

    await robin.say("/queue")
    await robin.sees("Queue")
    mia.channel = SKETCHBOOK
    await mia.say("/queue")
    brought = await mia.sees(finished)
    await mia.say("/queue")
    await mia.say("/help")
    await mia.sees("Painting with words")

    assert brought["ephemeral_for"] == mia.person.id
    assert "a red star" in words(brought)
    assert (await mia.download(gallery(brought)[0]["media"]["url"])).startswith(b"\x89PNG")
    async with asyncio.timeout(30):
        while await empty_studio.service.ledger.jobs.undeliverable(f"discord:{mia.person.id}"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert [finished(message) for message in await mia.messages()].count(True) == 1
    assert not [message for message in await robin.messages() if finished(message)]


async def test_permissions_taken_away_do_not_matter_while_the_token_lives(
    empty_studio: Studio, playground: Playground, mia: Visitor, painting: Job
) -> None:
    playground.faults.refuse(IN_CHANNEL, times=ALWAYS, status=403, code=50013, message="Missing Permissions")

    await shown_once(empty_studio, mia)


@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["forward", "back"])
async def test_a_clock_that_jumps_by_a_day_costs_no_picture_and_makes_none_twice(
    empty_studio: Studio, mia: Visitor, jump: float
) -> None:
    clock = empty_studio.clock = manual_clock()
    await empty_studio.open_bot()
    await empty_studio.open_engine(SLOW)
    await mia.say("/imagine prompt:a red star")
    await mia.sees("▰")

    clock.advance(jump)
    await empty_studio.restart_bot()

    await shown_once(empty_studio, mia)


async def test_a_storm_of_rate_limits_delays_a_picture_and_doubles_none(
    empty_studio: Studio, playground: Playground, mia: Visitor, painting: Job
) -> None:
    storm = playground.faults.rate_limit(BY_TOKEN, times=8, retry_after=0.1)

    await shown_once(empty_studio, mia)
    assert storm.hits == 8


@pytest.mark.parametrize("status", [500, 503])
async def test_a_storm_of_server_errors_delays_a_picture_and_doubles_none(
    empty_studio: Studio, playground: Playground, mia: Visitor, painting: Job, status: int
) -> None:
    storm = playground.faults.refuse(BY_TOKEN, times=2, status=status)  # the library itself waits 1 s, then 3 s

    await shown_once(empty_studio, mia, within=30)
    assert storm.hits == 2


async def test_a_slow_discord_gets_fewer_edits_and_the_picture(
    empty_studio: Studio, playground: Playground, mia: Visitor, painting: Job
) -> None:
    slowness = playground.faults.delay(BY_TOKEN, 0.8, times=ALWAYS)

    await shown_once(empty_studio, mia, within=30)
    assert slowness.hits <= 4


async def test_an_answer_that_came_too_late_for_discord_is_made_up_for_by_a_new_message(
    studio: Studio, playground: Playground, mia: Visitor
) -> None:
    playground.faults.delay(ANSWER, 3.3)

    await mia.say("/imagine prompt:a red star")

    await shown_once(studio, mia)


@pytest.mark.parametrize(("part", "step"), [("messages", "bind"), ("jobs", "mark_posted")])
async def test_a_disk_that_is_full_when_a_message_is_noted_costs_nobody_their_picture(
    studio: Studio, mia: Visitor, part: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = getattr(studio.service.ledger, part)
    write, failures = getattr(store, step), [LedgerFull("database or disk is full")] * 2

    async def write_without_room(*arguments: object, **options: object) -> object:
        if failures:
            raise failures.pop()
        return await write(*arguments, **options)

    monkeypatch.setattr(store, step, write_without_room)
    await mia.say("/imagine prompt:a red star")

    await shown_once(studio, mia)
    assert len(failures) <= 1


@pytest.mark.parametrize("way", ["dropped", "told to reconnect", "forgotten"])
async def test_a_gateway_that_breaks_while_a_picture_is_painted_changes_nothing(
    empty_studio: Studio, playground: Playground, mia: Visitor, painting: Job, way: str
) -> None:
    if way == "dropped":
        await playground.drop_gateway()
    elif way == "told to reconnect":
        await playground.ask_to_reconnect()
    else:
        await playground.invalidate_sessions()

    await shown_once(empty_studio, mia)
    await until(lambda: playground.online, within=30)
    await mia.say("/imagine prompt:a blue ring")
    await mia.sees_pictures(more_than=1)


async def test_a_picture_that_killed_its_engine_three_times_is_given_up_in_a_sentence(
    empty_studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await empty_studio.open_bot()
    deadly = Script(step_seconds=0.03, die_at_step=3, die_on_prompt="poison")
    await empty_studio.open_engine(deadly)
    await mia.say("/imagine prompt:poison")
    await mia.sees("poison")
    await bao.say("/imagine prompt:红色星星")
    await bao.sees("红色星星")

    async with asyncio.timeout(30):
        while await empty_studio.service.ledger.jobs.unposted():
            await asyncio.sleep(0.3)
            if not any(engine.state == "ready" for engine in empty_studio.service.engines.views()):
                await empty_studio.close_engine()
                await empty_studio.open_engine(deadly)

    states = await empty_studio.service.ledger.database.read(
        lambda db: [tuple(row) for row in db.execute("SELECT state, error FROM job ORDER BY seq").fetchall()]
    )
    assert states == [("failed", "poison"), ("posted", None)]
    assert "poison" in words(await mia.sees("painter"))
