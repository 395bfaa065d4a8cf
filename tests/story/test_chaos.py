"""Lost answers, broken lines, deleted messages and restarts, all at once: each picture is shown once,
where nobody has taken its message away."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from bot.requests.defaults import OwnerSettings
from playground import Playground
from tests.story.studio import EPHEMERAL, Studio, Visitor, buttons, finished, words
from tests.support.fake_engine import Script

ROUTES = (r"/callback", r"/webhooks/.*/messages/", r"/channels/\d+/messages/\d+$", r"/channels/\d+/messages$")
JOBS = 12


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_picture_is_shown_exactly_once_whatever_breaks(
    empty_studio: Studio, playground: Playground, mia: Visitor, robin: Visitor, seed: int
) -> None:
    chance = random.Random(seed)
    empty_studio.owner = OwnerSettings(per_minute=100, in_flight=100)
    await empty_studio.open_bot()
    await empty_studio.open_engine(Script(step_seconds=0.03))
    removed = set[str]()

    for number in range(JOBS):
        if chance.random() < 0.2:
            playground.faults.refuse(r"/callback", status=403, code=50001)  # its picture is a new message
        for route in ROUTES:
            if chance.random() < 0.25:
                playground.faults.lose_answer(route, method=chance.choice(["POST", "PATCH"]))
            if chance.random() < 0.1:
                playground.faults.reset(route, method="PATCH")
        await mia.say(f"/imagine prompt:number {number} end")
        await asyncio.sleep(chance.uniform(0, 0.2))
        waiting = [m for m in await mia.messages() if "Cancel" in buttons(m)]
        if len(waiting) > 2 and chance.random() < 0.5:
            await robin.delete(waiting[-1])  # the last in line, so that it cannot be shown at this very moment
            removed.add(words(waiting[-1]).splitlines()[0])
        if number in (4, 8):
            await empty_studio.restart_bot()
    playground.faults.clear()
    await empty_studio.all_is_told()

    there = [m for m in await mia.messages() if finished(m)]
    shown = Counter(words(m).splitlines()[0] for m in there if not m["flags"] & EPHEMERAL)
    brought = {words(m).splitlines()[0] for m in there if m["flags"] & EPHEMERAL}  # in private, by a later command
    prompts = await empty_studio.service.ledger.database.read(
        lambda db: db.execute("SELECT spec ->> 'prompt' FROM job").fetchall()
    )
    assert len(prompts) == JOBS
    assert shown == {prompt: 1 for (prompt,) in prompts if prompt not in removed}
    assert brought <= removed
