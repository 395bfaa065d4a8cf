"""/forget me: a person takes out what is stored of them, and nobody else's pictures with it."""

from __future__ import annotations

import time

from bot.jobs.defaults import OwnerSettings
from bot.jobs.retention import Keep, prune
from tests.story.studio import Studio, Visitor, words

SECRET_WISH = "a house that nobody knows"
DAY = 24 * 3600.0


async def everything(studio: Studio) -> str:
    """Every value of every table, and the names of all pictures."""
    tables = ("job", "image", "message_ref", "interaction_token", "job_event", "usr", "setting", "setting_event")
    rows = await studio.service.ledger.read(
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
    await bao.click("Upscale 1", on=mine)
    await bao.sees_pictures(more_than=2)
    await studio.all_is_told()
    before = len(await studio.service.blobs.stored())

    await mia.say("/forget me")
    await mia.is_told("Deleted your request with its words and pictures.")

    stored = await everything(studio)
    assert SECRET_WISH in stored  # in what Bao made of it, which is Bao's
    assert len(await studio.service.blobs.stored()) == before
    await bao.say("/forget me")
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
    await mia.is_told("Deleted your 2 requests")

    await mia.sees(lambda m: "Cancelled" in words(m) and "two" in words(m))
    await empty_studio.all_is_told()
    assert await empty_studio.service.live_jobs(f"discord:{mia.person.id}") == []
