"""A crowd is let in one by one, so that the first of it is not answered after the last has come."""

from __future__ import annotations

import asyncio

from bot.client import Turnstile


async def test_between_two_of_a_crowd_whoever_is_on_their_way_goes_on() -> None:
    turnstile, happened = Turnstile(), list[str]()

    async def come(name: str) -> None:
        await turnstile.enter()
        happened.append(f"{name} in")
        await asyncio.sleep(0)
        happened.append(f"{name} answered")

    await asyncio.gather(*(come(name) for name in "abc"))

    assert happened.index("a answered") < happened.index("c in")
    assert [line for line in happened if line.endswith("in")] == ["a in", "b in", "c in"]


async def test_whoever_is_cancelled_while_waiting_holds_nobody_up() -> None:
    turnstile = Turnstile()
    first, second = asyncio.create_task(turnstile.enter()), asyncio.create_task(turnstile.enter())
    await asyncio.sleep(0)
    second.cancel()

    await first
    async with asyncio.timeout(30):
        await turnstile.enter()
