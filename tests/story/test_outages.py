"""Discord goes away and comes back: the bot waits for it, and takes up what was said meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from bot.gateway import IdentifyGaps
from playground import Playground
from tests.story.studio import Studio, Visitor
from tests.support.clocks import ManualClock
from tests.support.patience import until


async def test_what_is_said_during_an_outage_of_the_gateway_is_answered_after_it(
    studio: Studio, playground: Playground, mia: Visitor
) -> None:
    async with playground.gateway_down():
        await until(lambda: playground.turned_away > 2)
        await mia.say("/imagine prompt:a red star")

    await mia.sees_pictures()


async def test_a_session_that_discord_forgot_during_an_outage_is_begun_anew(
    studio: Studio, playground: Playground, mia: Visitor
) -> None:
    async with playground.gateway_down():
        await until(lambda: playground.turned_away)
        await playground.invalidate_sessions()
    await until(lambda: playground.online)

    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()


async def test_a_gateway_that_is_down_when_the_bot_starts_is_waited_for_with_one_line(
    empty_studio: Studio, playground: Playground, mia: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    async with playground.gateway_down():
        opening = asyncio.create_task(empty_studio.open_bot())
        await until(lambda: playground.turned_away > 2)
    await opening

    await empty_studio.open_engine()
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()
    assert caplog.text.count("Discord cannot be reached; trying again until it can: 503") == 1
    assert "Traceback" not in caplog.text


def test_a_session_is_begun_five_seconds_after_any_other() -> None:
    clock = ManualClock()
    gaps = IdentifyGaps(clock)
    assert gaps.wait(0) == 0

    gaps.sent(0)
    clock.advance(2)

    assert gaps.wait(0) == gaps.wait(1) == 3
    clock.advance(3)
    assert gaps.wait(0) == gaps.wait(1) == 0


def test_a_shard_whose_sessions_do_not_last_stays_below_a_thousand_a_day() -> None:
    clock = ManualClock()
    gaps = IdentifyGaps(clock)
    begun = 0
    end = clock() + 24 * 3600

    while clock() < end:
        clock.advance(gaps.wait(0))
        gaps.sent(0)
        begun += 1

    assert begun < 400
    clock.advance(3600)
    assert gaps.wait(0) == 0
