"""What is answered is done, though the answer is lost or the bot ends in between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.storage.database import LedgerFull
from bot.storage.ledger import Ledger
from bot.storage.pending import PendingRequest, PendingStore
from playground import Playground
from playground.rules.messages import LOADING
from playground.world.rules import Rules
from tests.story.studio import (
    Message,
    Studio,
    Visitor,
    finished,
    is_from_the_bot,
    manual_clock,
    words,
)
from tests.story.test_attachments import picture

ANSWER = r"/callback$"
LINE = "/imagine prompt:a red star image:@cat.png"
FAULTS = ["lost", "late", "reset", "strange"]
FILES = r"/attachments/"
ALWAYS = 10_000


def break_answer(playground: Playground, how: str) -> None:
    """Discord's next first answer leaves the bot in doubt."""
    if how == "lost":
        playground.faults.lose_answer(ANSWER)
    elif how == "reset":
        playground.faults.reset(ANSWER)
    elif how == "strange":
        refuse_strangely(playground, ANSWER)
    else:
        playground.faults.answer_late(ANSWER)


def refuse_strangely(playground: Playground, path: str, *, times: int = 1, method: str | None = None) -> None:
    """Refused by Discord's own network, which says nothing about the request."""
    playground.faults.refuse(path, method=method, times=times, status=403, code=40333)


async def of_the_bot(visitor: Visitor) -> list[Message]:
    return [message for message in await visitor.messages() if is_from_the_bot(message)]


def thinks(message: Message) -> bool:
    return bool(message["flags"] & LOADING)


async def pending(studio: Studio) -> list[dict[str, Any]]:
    return await studio.service.ledger.database.read(
        lambda db: [dict(row) for row in db.execute("SELECT * FROM pending").fetchall()]
    )


class Held:
    """Attachments are not read before they are let go."""

    def __init__(self, studio: Studio) -> None:
        self.gate, self.reading = asyncio.Event(), asyncio.Event()
        read = studio.bot.pictures.read

        async def held(*arguments: Any) -> bytes:
            self.reading.set()
            await self.gate.wait()
            return await read(*arguments)

        studio.bot.pictures.read = held


@pytest.mark.parametrize("how", FAULTS)
async def test_an_attachment_is_painted_though_the_answer_thinking_was_lost(
    studio: Studio, playground: Playground, mia: Visitor, how: str
) -> None:
    break_answer(playground, how)
    await mia.say(LINE, cat=picture())

    await mia.sees_pictures()
    await studio.all_is_told()
    assert [finished(message) for message in await of_the_bot(mia)] == [True]
    assert await pending(studio) == []


async def test_an_attachment_is_painted_in_the_message_thinking_though_no_try_to_say_so_was_answered(
    studio: Studio, playground: Playground, mia: Visitor
) -> None:
    playground.faults.lose_answer(ANSWER)
    refuse_strangely(playground, ANSWER, times=3)

    await mia.say(LINE, cat=picture())

    await mia.sees_pictures()
    await studio.all_is_told()
    assert [finished(message) for message in await of_the_bot(mia)] == [True]


@pytest.mark.parametrize("how", FAULTS)
async def test_the_picture_comes_in_the_answer_though_that_was_in_doubt(
    studio: Studio, playground: Playground, mia: Visitor, how: str
) -> None:
    break_answer(playground, how)

    await mia.say("/imagine prompt:a red star")

    message = await mia.sees_pictures()
    assert message["interaction_metadata"]["user"]["id"] == mia.person.id
    await studio.all_is_told()
    assert len(await of_the_bot(mia)) == 1


async def test_an_attachment_that_was_being_read_when_the_bot_ended_is_painted_in_the_same_message(
    studio: Studio, mia: Visitor
) -> None:
    held = Held(studio)
    await mia.say(LINE, cat=picture())
    await held.reading.wait()
    assert [thinks(message) for message in await of_the_bot(mia)] == [True]

    await studio.restart_bot()

    message = await mia.sees_pictures()
    assert [m["id"] for m in await of_the_bot(mia)] == [message["id"]]
    assert await pending(studio) == []


async def test_nobody_is_told_thinking_before_the_request_is_on_disk(
    studio: Studio, playground: Playground, mia: Visitor
) -> None:
    asked, go_on, keep = asyncio.Event(), asyncio.Event(), studio.service.keep

    async def slowly(*arguments: Any, **told: Any) -> None:
        asked.set()
        await go_on.wait()
        await keep(*arguments, **told)

    studio.service.keep = slowly
    answers = playground.faults.delay(ANSWER, 0.0, times=ALWAYS)  # counts them
    await mia.say(LINE, cat=picture())
    await asked.wait()
    await asyncio.sleep(0.1)

    assert answers.hits == 0
    go_on.set()
    await mia.sees_pictures()


async def test_an_attachment_is_painted_in_a_new_message_when_the_bot_was_away_for_longer_than_its_token(
    empty_studio: Studio, mia: Visitor
) -> None:
    clock = empty_studio.clock = manual_clock()
    await empty_studio.open_bot()
    await empty_studio.open_engine()
    held = Held(empty_studio)
    await mia.say(LINE, cat=picture())
    await held.reading.wait()
    await empty_studio.close_bot()

    clock.advance(16 * 60)
    empty_studio.playground.faults.refuse(r"/webhooks/", times=ALWAYS, status=401, code=50027)
    await empty_studio.open_bot()

    await mia.sees_pictures()
    assert await pending(empty_studio) == []


async def test_a_request_that_cannot_be_carried_on_is_refused_once_after_the_restart(
    studio: Studio, mia: Visitor
) -> None:
    held = Held(studio)
    await mia.say(LINE, cat=b"I am a text.")
    await held.reading.wait()

    await studio.restart_bot()
    await mia.is_told("This file is not a picture I can read.")
    await until_none_is_left(studio)
    await studio.restart_bot()

    assert len(await of_the_bot(mia)) == 1  # "thinking" is gone


@pytest.mark.parametrize(
    "rules",
    [Rules(answer_within=30), Rules(answer_within=30, interactions_name_channel=False)],
    ids=["known", "unknown to the library"],
)
async def test_a_refusal_that_no_token_carries_any_more_is_said_in_the_channel(studio: Studio, mia: Visitor) -> None:
    held = Held(studio)
    await mia.say(LINE, cat=b"I am a text.")
    await held.reading.wait()
    await studio.close_bot()

    studio.playground.faults.refuse(r"/webhooks/", times=ALWAYS, status=401, code=50027)
    refuse_strangely(studio.playground, r"/channels/\d+/messages", method="POST")
    await studio.open_bot()

    told = await mia.sees("This file is not a picture I can read.")
    assert f"<@{mia.person.id}>" in words(told)
    await until_none_is_left(studio)


@pytest.mark.parametrize("how", ["reset", "strange"])
async def test_a_refusal_whose_words_were_lost_is_said_again(
    studio: Studio, playground: Playground, mia: Visitor, how: str
) -> None:
    for path, method in ((r"/webhooks/\d+/[^/]+$", "POST"), (r"/messages/@original$", "DELETE")):
        if how == "reset":
            playground.faults.reset(path, method=method)
        else:
            refuse_strangely(playground, path, method=method)

    await mia.say(LINE, cat=b"I am a text.")

    await mia.is_told("This file is not a picture I can read.")
    assert len(await of_the_bot(mia)) == 1


async def test_a_request_that_was_refused_at_once_is_not_carried_on_by_the_next_process(
    studio: Studio, playground: Playground, mia: Visitor
) -> None:
    async def until_the_process_ends(*arguments: Any, **told: Any) -> None:
        await asyncio.Event().wait()

    studio.bot.pending.refused = until_the_process_ends
    refuse_strangely(playground, ANSWER, times=4)
    await mia.say(LINE, cat=picture())
    await mia.is_told("went wrong")

    await studio.restart_bot()
    await mia.say("/imagine prompt:a blue ring")

    await mia.sees_pictures()
    await studio.all_is_told()
    assert [finished(message) for message in await of_the_bot(mia)].count(True) == 1
    assert len(await of_the_bot(mia)) == 2


async def test_a_request_over_which_every_process_ends_is_given_up_in_a_sentence(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a blue ring")
    await mia.sees_pictures()
    held = Held(studio)
    await mia.say(LINE, cat=picture())
    await held.reading.wait()
    await studio.close_bot()
    await deaths(studio, 3)

    await studio.open_bot()

    await mia.is_told("I was interrupted several times")
    await until_none_is_left(studio)


async def test_a_disk_that_is_full_at_the_start_delays_what_is_carried_on(
    studio: Studio, mia: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(studio)
    await mia.say(LINE, cat=picture())
    await held.reading.wait()
    take_up, failures = PendingStore.take_up, [LedgerFull("database or disk is full")] * 2

    async def take_up_with_room(store: PendingStore) -> list[PendingRequest]:
        if failures:
            raise failures.pop()
        return await take_up(store)

    monkeypatch.setattr(PendingStore, "take_up", take_up_with_room)
    await studio.restart_bot()

    await mia.sees_pictures()
    assert await pending(studio) == []


async def test_a_request_that_cannot_even_be_read_any_more_keeps_no_other_from_being_carried_on(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    held = Held(studio)
    broken = await mia.say(LINE, cat=picture())
    await bao.say(LINE, cat=picture())
    async with asyncio.timeout(30):
        while len(await of_the_bot(bao)) < 2:  # noqa: ASYNC110  # both say "thinking"
            await asyncio.sleep(0.02)
    await held.reading.wait()
    await studio.service.ledger.database.write(
        lambda db: db.execute("UPDATE pending SET payload = '{}' WHERE origin = ?", (broken,))
    )

    await studio.restart_bot()

    message = await bao.sees_pictures()
    assert message["interaction_metadata"]["user"]["id"] == bao.person.id


@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize("fate", ["runs on", "ends"])
async def test_a_picture_is_deleted_though_the_answer_was_lost(
    studio: Studio, playground: Playground, mia: Visitor, how: str, fate: str
) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()
    await mia.delete_picture()
    await mia.is_told("Delete this picture?")

    break_answer(playground, how)
    if fate == "ends":
        playground.faults.refuse(r"/messages/", method="DELETE", times=ALWAYS, status=403, code=50013)
    await mia.click("Delete for good")
    if fate == "ends":
        await until_wanted_gone(studio)
        await studio.close_bot()
        playground.faults.clear()
        await studio.open_bot()

    await mia.sees_gone(message)
    assert not [m for m in await of_the_bot(mia) if "went wrong" in words(m)]


@pytest.mark.parametrize(("status", "code"), [(500, 0), (403, 50001), (403, 40333), (401, 0)])
async def test_a_message_that_cannot_be_deleted_now_is_deleted_later(
    studio: Studio, playground: Playground, mia: Visitor, status: int, code: int
) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()
    await mia.delete_picture()
    playground.faults.refuse(r"/messages/", method="DELETE", times=1 if status == 500 else 6, status=status, code=code)
    await mia.click("Delete for good")

    await mia.sees_gone(message)


@pytest.mark.parametrize("how", FAULTS)
async def test_a_lost_answer_makes_no_deed_a_bug(
    empty_studio: Studio, playground: Playground, mia: Visitor, how: str
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    await mia.say("/imagine prompt:a red star")
    waiting = await mia.sees("▰")

    break_answer(playground, how)
    await mia.click("Cancel", on=waiting)
    await mia.sees(lambda m: m["id"] == waiting["id"] and "Cancelled" in words(m))
    break_answer(playground, how)
    await mia.say("/queue")
    await mia.is_told("Queue")

    assert not [m for m in await of_the_bot(mia) if "went wrong" in words(m)]


async def test_tokens_that_are_too_old_are_struck_out_of_what_is_kept(studio: Studio, mia: Visitor) -> None:
    held = Held(studio)
    await mia.say(LINE, cat=picture())
    await held.reading.wait()
    [request] = await pending(studio)
    [token] = [one.token for one in studio.playground._state.interactions._by_token.values() if one.state == "thinking"]
    assert token in request["payload"]

    await studio.service.ledger.messages.drop_tokens(request["at"] + 1)

    [request] = await pending(studio)
    assert token not in request["payload"]


async def until_none_is_left(studio: Studio) -> None:
    async with asyncio.timeout(30):
        while await pending(studio):  # noqa: ASYNC110  # a row has no event
            await asyncio.sleep(0.02)


async def until_wanted_gone(studio: Studio) -> None:
    async with asyncio.timeout(30):
        while not await studio.service.ledger.removals.all():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def deaths(studio: Studio, times: int) -> None:
    """So many processes take up what is kept and end before they are done."""
    for _ in range(times):
        async with Ledger.open(studio.data / "ledger.db") as ledger:
            await ledger.pending.take_up()
