"""No token and no secret in anything that a bot writes at its most talkative, while all sorts of things go wrong."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from bot.jobs.interaction_token import InteractionToken
from bot.links.local.address import Address
from engine.links.websocket import Secret
from playground import open_playground
from playground.world import people
from tests.chaos.bot import SECRET
from tests.chaos.crowd import PAINT
from tests.chaos.processes import Kept
from tests.story.studio import Visitor, until
from tests.support.fake_engine import FakeEngine
from tests.support.ports import free_port

BY_TOKEN = r"/webhooks/.*/messages/"


@pytest.mark.parametrize(
    "held",
    [
        InteractionToken(token="hush", application=1, at=0.0),
        Address(port=1, secret="hush"),
        Secret(secret="hush"),
    ],
)
def test_what_holds_a_secret_does_not_show_it(held: object) -> None:
    assert "hush" not in f"{held!r} {held}"


async def test_a_full_debug_log_holds_no_token_and_no_secret(tmp_path: Path) -> None:
    data, log, port = tmp_path / "data", tmp_path / "bot.log", free_port()
    data.mkdir()
    (data / "engine.json").write_text(json.dumps({"secret": SECRET}), "utf-8")
    async with open_playground(data=tmp_path / "playground") as playground, aiohttp.ClientSession() as session:
        command = ["-m", "tests.chaos.bot", "--debug", "--url", playground.url, "--token", playground.token]
        bot = Kept(name="bot", command=[*command, "--data", str(data), "--port", str(port)], log=log)
        await bot.start()
        try:
            await until(lambda: playground.online, within=30)
            engine = FakeEngine(url=f"ws://127.0.0.1:{port}/engine", secret_file=data / "engine.json")
            async with engine.running():
                mia = Visitor(session, playground.url, people.PEOPLE[0], PAINT)
                await until(lambda: "is ready" in log.read_text())
                playground.faults.reset(BY_TOKEN, times=2)
                playground.faults.lose_answer(BY_TOKEN)
                for number in range(3):
                    await mia.say(f"/imagine prompt:star {number}")
                await mia.sees_pictures(more_than=2, within=30)
                playground.faults.refuse(BY_TOKEN, status=400, code=50035, message="Invalid Form Body")
                await mia.say("/imagine prompt:star 3")  # which edit it is that is refused does not matter
                await until(lambda: "Invalid Form Body" in log.read_text(), within=30)
                async with aiohttp.ClientSession() as stranger:
                    await stranger.get(f"http://127.0.0.1:{port}/engine", headers={"Authorization": "Bearer wrong-one"})
                await asyncio.sleep(0.5)
        finally:
            await bot.kill()
        with closing(sqlite3.connect(data / "ledger.db")) as db:
            tokens = [row[0] for row in db.execute("SELECT token FROM interaction_token").fetchall()]

    written = re.sub(r"\s", "", log.read_text("utf-8"))  # the terminal breaks long lines
    assert "DEBUG" in written
    assert len(tokens) == 4
    for secret in (playground.token, f"Bearer{SECRET}", "wrong-one", *tokens):
        assert secret not in written
