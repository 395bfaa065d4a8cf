"""/forget me: a person takes out what is stored of them, and nobody else's pictures with it."""

from __future__ import annotations

import asyncio
import time

from bot.requests.defaults import OwnerSettings
from bot.storage.retention import Keep, prune
from tests.story.studio import Studio, Visitor, buttons, finished, words

SECRET_WISH = "a house that nobody knows"
DAY = 24 * 3600.0


async def everything(studio: Studio) -> str:
    """Every value of every table, and the names of all pictures."""
    tables = ("job", "image", "message_ref", "interaction_token", "job_event", "usr", "setting", "setting_event")
    tables += ("pending", "removal", "left_behind")
    rows = await studio.service.ledger.database.read(
        lambda db: [tuple(row) for table in tables for row in db.execute(f"SELECT * FROM {table}").fetchall()]
    )
    return repr(rows)


async def test_words_pictures_and_rows_go_and_other_people_keep_theirs(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say(f"/imagine prompt:{SECRET_WISH}")
    mine = await mia.sees_pictures()
    await bao.say("/imagine prompt:red star")
    await bao.sees_pictures(more_than=1)
    await bao.click("Upscale", on=mine)
    await bao.sees_pictures(more_than=2)
    await studio.all_is_told()
    before = len(await studio.service.blobs.stored())

    await mia.say("/forget me")
    await mia.is_told("one request")
    await mia.click("Forget me")
    await mia.is_told("Deleted your request with its words and pictures.")

    stored = await everything(studio)
    assert SECRET_WISH in stored  # in what Bao made of it, which is Bao's
    assert len(await studio.service.blobs.stored()) == before
    await bao.say("/forget me")
    await bao.is_told("2 个请求")
    await bao.click("忘记我")
    await bao.is_told("已删除你的 2 个请求")
    assert SECRET_WISH not in await everything(studio)
    assert await studio.service.blobs.stored() == []

    await mia.click("Reroll", on=mine)
    await mia.is_told("I do not know this picture")


async def test_forgetting_gives_no_allowance_back_and_the_last_rows_go_after_a_day(
    empty_studio: Studio, mia: Visitor
) -> None:
    empty_studio.owner = OwnerSettings(per_day=1)
    await empty_studio.open_bot()
    await empty_studio.open_engine()
    await mia.say(f"/imagine prompt:{SECRET_WISH}")
    await mia.sees_pictures()
    await empty_studio.all_is_told()

    await mia.say("/forget me")
    await mia.click("Forget me")
    await mia.is_told("Deleted your request")
    await mia.say("/imagine prompt:one more")
    await mia.is_told("a day")

    service = empty_studio.service
    tomorrow = time.time() + DAY + 1
    assert (await prune(service.ledger, service.blobs, Keep(), now=tomorrow)).rows == 1
    assert mia.person.id not in await everything(empty_studio)


async def test_what_waits_is_given_up(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    await mia.say("/imagine prompt:one")
    await mia.sees("▰")
    await mia.say("/imagine prompt:two")
    await mia.sees(lambda m: words(m).startswith("two"))

    await mia.say("/forget me")
    await mia.click("Forget me")
    await mia.is_told("Deleted your 2 requests")

    await mia.sees(lambda m: "Cancelled" in words(m) and "two" in words(m))
    await empty_studio.all_is_told()
    assert await empty_studio.service.live_jobs(f"discord:{mia.person.id}") == []


async def forget(studio: Studio, who: Visitor, button: str = "Forget me") -> None:
    await studio.all_is_told()
    await who.say("/forget me")
    await who.click(button)
    await who.is_told("Deleted your")


async def test_nothing_is_deleted_before_the_question_is_answered(studio: Studio, mia: Visitor) -> None:
    await mia.say(f"/imagine prompt:{SECRET_WISH}")
    mine = await mia.sees_pictures()

    await mia.say("/forget me")
    await mia.is_told("This cannot be undone.")
    assert SECRET_WISH in await everything(studio)
    await studio.restart_bot()
    await mia.click("Forget me")

    await mia.is_told("Deleted your request")
    assert SECRET_WISH not in await everything(studio)
    assert mine["id"] in [m["id"] for m in await mia.messages()]


async def test_whoever_was_forgotten_can_still_delete_what_was_posted_and_no_stranger_can(
    studio: Studio, mia: Visitor, bao: Visitor, robin: Visitor
) -> None:
    for count in range(2):
        await mia.say(f"/imagine prompt:{SECRET_WISH}")
        await mia.sees_pictures(more_than=count)
    first, second = [m for m in await mia.messages() if finished(m)]
    await forget(studio, mia)

    await bao.click("More", on=first)
    await bao.is_told("这是别人的画")
    await mia.click("More", on=first)
    await mia.click("Delete for good")
    await mia.sees_gone(first)
    await robin.click("More", on=second)
    await robin.click("Delete for good")
    await mia.sees_gone(second)

    assert (
        await studio.service.ledger.database.read(lambda db: db.execute("SELECT * FROM left_behind").fetchall()) == []
    )


async def test_what_stays_of_somebody_who_was_forgotten_does_not_name_them(studio: Studio, mia: Visitor) -> None:
    for count in range(2):
        await mia.say(f"/imagine prompt:{SECRET_WISH}")
        await mia.sees_pictures(more_than=count)
    await forget(studio, mia)
    await prune(studio.service.ledger, studio.service.blobs, Keep(), now=time.time() + DAY + 1)

    assert mia.person.id not in await everything(studio)
    rows = await studio.service.ledger.database.read(lambda db: db.execute("SELECT author FROM left_behind").fetchall())
    assert len({row["author"] for row in rows}) == 2  # nor does it say that both are of one person


async def test_posted_messages_go_too_where_that_is_wanted_those_of_an_earlier_time_as_well(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say(f"/imagine prompt:{SECRET_WISH}")
    first = await mia.sees_pictures()
    await forget(studio, mia)
    await mia.say("/imagine prompt:a red star")
    second = await mia.sees_pictures(more_than=1)
    await bao.say("/imagine prompt:红色星星")
    theirs = await bao.sees_pictures(more_than=2)

    await forget(studio, mia, "Forget me and delete the messages")

    await mia.sees_gone(first)
    await mia.sees_gone(second)
    assert theirs["id"] in [m["id"] for m in await bao.messages()]


async def test_a_picture_whose_request_was_too_old_to_keep_can_still_be_deleted(studio: Studio, mia: Visitor) -> None:
    await mia.say(f"/imagine prompt:{SECRET_WISH}")
    message = await mia.sees_pictures()
    await studio.all_is_told()
    await prune(studio.service.ledger, studio.service.blobs, Keep(rows=1.0), now=time.time() + DAY)

    await mia.click("More", on=message)
    await mia.click("Delete for good")

    await mia.sees_gone(message)


async def test_a_double_click_forgets_once_and_says_so(studio: Studio, mia: Visitor) -> None:
    await mia.say(f"/imagine prompt:{SECRET_WISH}")
    await mia.sees_pictures()
    await studio.all_is_told()
    await mia.say("/forget me")
    question = await mia.sees(lambda m: "Forget me" in buttons(m))

    await asyncio.gather(*(mia.click("Forget me", on=question) for _ in range(2)))

    await mia.is_told("Deleted your request")
    assert not [m for m in await mia.messages() if "nothing more" in words(m)]
