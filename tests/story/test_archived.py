"""A thread that is archived while somebody waits in it: it is opened again, and all comes as it would have come."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.jobs.states import JobState
from playground import Playground
from playground.world.state import Rules
from tests.story.studio import PAINT, SKETCHBOOK, Studio, Visitor, buttons, finished, manual_clock, until, words
from tests.story.test_attachments import picture
from tests.story.test_promises import LINE, Held, pending, thinks, until_none_is_left
from tests.story.test_refused import ALWAYS, BY_TOKEN, QUIET, asked, state_of, the_bots
from tests.support.clocks import ManualClock
from tests.support.openapi import WireContract

THREAD = r"/channels/\d+$"
OPENED = ("PATCH", "/channels/{channel_id}")


def kill_token(playground: Playground) -> None:
    playground.faults.refuse(BY_TOKEN, times=ALWAYS, status=401, code=50027, message="Invalid Webhook Token")


@pytest.mark.parametrize("token", ["alive", "dead"])
async def test_a_picture_comes_in_its_own_message(
    empty_studio: Studio, playground: Playground, mia: Visitor, token: str
) -> None:
    job = await asked(empty_studio, mia)
    waiting = await mia.sees("a red star")
    if token == "dead":
        kill_token(playground)
    playground.archive(PAINT)

    empty_studio.go_on()

    assert (await mia.sees_pictures())["id"] == waiting["id"]
    assert await state_of(empty_studio, job) is JobState.POSTED
    assert len(await the_bots(mia)) == 1


class TestAPictureThatWasShownThoughNobodyHeardSo:
    @pytest.fixture
    def clock(self) -> ManualClock:
        return manual_clock()

    @pytest.fixture
    def rules(self, clock: ManualClock) -> Rules:
        return Rules(answer_within=30, wall=clock)

    async def test_is_not_shown_again(
        self, empty_studio: Studio, playground: Playground, mia: Visitor, clock: ManualClock
    ) -> None:
        async def archived_meanwhile(_: float) -> None:
            playground.archive(PAINT)
            await asyncio.sleep(0)

        empty_studio.clock = clock
        empty_studio.edit_limits = replace(QUIET, sleep=archived_meanwhile)
        job = await asked(empty_studio, mia)
        waiting = await mia.sees("a red star")
        clock.advance(5 * 60)  # so that no look at what was sent of late finds it
        playground.faults.lose_answer(BY_TOKEN)

        empty_studio.go_on()

        assert await state_of(empty_studio, job) is JobState.POSTED
        [message] = await the_bots(mia)
        assert (message["id"], finished(message)) == (waiting["id"], True)


async def test_live_edits_leave_it_archived(
    empty_studio: Studio, playground: Playground, mia: Visitor, wire_contract: WireContract
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    await mia.say("/imagine prompt:a red star")
    waiting = await mia.sees("▰")
    playground.archive(PAINT)

    tries = playground.faults.delay(BY_TOKEN, 0.0, times=ALWAYS)  # counts them
    await empty_studio.close_engine()
    await until(lambda: tries.hits >= 1)
    await empty_studio.open_engine(held_after=2)
    await until(lambda: tries.hits >= 2)  # so what followed from the first is over

    assert OPENED not in wire_contract.seen
    empty_studio.go_on()
    assert (await mia.sees_pictures())["id"] == waiting["id"]


async def test_where_it_may_not_be_opened_words_open_it(
    empty_studio: Studio, playground: Playground, mia: Visitor
) -> None:
    job = await asked(empty_studio, mia)
    waiting = await mia.sees("a red star")
    playground.archive(PAINT)
    playground.faults.refuse(THREAD, method="PATCH", times=ALWAYS, status=403, code=50013)

    empty_studio.go_on()

    assert (await mia.sees_pictures())["id"] == waiting["id"]
    assert await state_of(empty_studio, job) is JobState.POSTED
    [_, said] = await the_bots(mia)
    assert words(said) == f"<@{mia.person.id}>: your request has ended; look further up in this thread."


async def test_a_picture_for_a_locked_one_is_kept_and_brought_by_the_next_command(
    empty_studio: Studio, playground: Playground, mia: Visitor
) -> None:
    job = await asked(empty_studio, mia)
    playground.archive(PAINT, locked=True)

    empty_studio.go_on()

    assert await state_of(empty_studio, job) is JobState.UNDELIVERABLE
    async with empty_studio.visitor(mia.person, SKETCHBOOK) as elsewhere:
        await elsewhere.say("/queue")
        brought = await elsewhere.sees(finished)
    assert brought["ephemeral_for"] == mia.person.id
    assert not [message for message in await the_bots(mia) if finished(message)]


async def test_a_message_that_cannot_be_edited_is_given_no_twin(
    empty_studio: Studio, playground: Playground, mia: Visitor
) -> None:
    job = await asked(empty_studio, mia)
    kill_token(playground)
    playground.faults.refuse(r"/channels/\d+/messages/", method="PATCH", times=ALWAYS, status=403, code=50001)

    empty_studio.go_on()

    assert await state_of(empty_studio, job) is JobState.UNDELIVERABLE
    assert len(await the_bots(mia)) == 1


class TestARequestWhosePictureIsStillRead:
    """Its message says "thinking"."""

    async def test_is_painted_in_its_own_message(self, studio: Studio, playground: Playground, mia: Visitor) -> None:
        held = Held(studio)
        await mia.say(LINE, cat=picture())
        await held.reading.wait()
        playground.archive(PAINT)

        held.gate.set()

        assert words(await mia.sees_pictures()).startswith("a red star")
        await studio.all_is_told()
        assert len(await the_bots(mia)) == 1
        assert await pending(studio) == []

    async def test_is_known_by_its_message_before_its_token_ends(
        self, empty_studio: Studio, playground: Playground, mia: Visitor
    ) -> None:
        await empty_studio.open_bot()
        await empty_studio.open_engine(held_after=2)
        held = Held(empty_studio)
        await mia.say(LINE, cat=picture())
        await held.reading.wait()
        playground.archive(PAINT)
        held.gate.set()
        waiting = await mia.sees(lambda message: "Cancel" in buttons(message))

        kill_token(playground)
        empty_studio.go_on()

        assert (await mia.sees_pictures())["id"] == waiting["id"]

    async def test_is_refused_and_thinks_no_more(self, studio: Studio, playground: Playground, mia: Visitor) -> None:
        held = Held(studio)
        await mia.say(LINE, cat=b"I am a text.")
        await held.reading.wait()
        playground.archive(PAINT)

        held.gate.set()

        await mia.is_told("This file is not a picture I can read.")
        await until_none_is_left(studio)
        assert not [message for message in await mia.messages() if thinks(message)]

    async def test_is_refused_and_thinks_no_more_where_it_may_not_be_opened(
        self, studio: Studio, playground: Playground, mia: Visitor
    ) -> None:
        held = Held(studio)
        await mia.say(LINE, cat=b"I am a text.")
        await held.reading.wait()
        playground.archive(PAINT)
        playground.faults.refuse(THREAD, method="PATCH", times=ALWAYS, status=403, code=50013)

        held.gate.set()

        told = await mia.sees("This file is not a picture I can read.")
        assert f"<@{mia.person.id}>" in words(told)  # said in the thread, which that opens
        await until_none_is_left(studio)
        assert [message["id"] for message in await the_bots(mia)] == [told["id"]]


async def test_a_picture_is_deleted_by_a_click(studio: Studio, playground: Playground, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()
    await mia.delete_picture()
    await mia.is_told("Delete this picture?")
    playground.archive(PAINT)

    await mia.click("Delete for good")

    await mia.sees_gone(message)
    await mia.is_told("Deleted")


async def test_a_click_that_changes_its_message_is_answered(
    empty_studio: Studio, playground: Playground, mia: Visitor
) -> None:
    job = await asked(empty_studio, mia)
    waiting = await mia.sees("a red star")
    playground.archive(PAINT)

    await mia.click("Cancel", on=waiting)

    await mia.sees(lambda message: message["id"] == waiting["id"] and "Cancelled" in words(message))
    assert await state_of(empty_studio, job) is JobState.CANCELLED
