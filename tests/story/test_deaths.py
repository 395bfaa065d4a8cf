"""Kill the worker, the supervisor or the bot in the middle of a picture: it comes all the same, once.

Real processes: run_bot.py against the playground through the ENDPOINT setting, the real engine with the starter.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from playground import Playground, open_playground
from playground.visitor import Message, Unsaid, Visitor, as_text
from playground.world import people

ROOT = Path(__file__).parents[2]


class Installation:
    """A bot as its owner runs it: one process and a data folder, and the engine that it starts."""

    def __init__(self, data: Path, playground: Playground) -> None:
        self.data = data
        self._playground = playground
        self._bot: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        settings = {
            "ZIMAGINE_DATA": str(self.data),
            "ZIMAGINE_DISCORD__ENDPOINT": self._playground.url,
            "ZIMAGINE_DISCORD__TOKEN": self._playground.token,
            "ZIMAGINE_ENGINE__MODEL": "starter",
        }
        self._bot = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "run_bot.py"), cwd=self.data.parent, env=os.environ | settings,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    async def stop(self) -> None:
        """As Ctrl-C does."""
        assert self._bot is not None
        if self._bot.returncode is None:
            self._bot.send_signal(signal.SIGINT)
        await self._bot.wait()

    async def kill_worker(self) -> None:
        for worker in self._supervisor().children():
            worker.kill()

    async def kill_supervisor(self) -> None:
        self._supervisor().kill()

    async def kill_bot(self) -> None:
        assert self._bot is not None
        self._bot.kill()
        await self._bot.wait()
        await self.start()

    def _supervisor(self) -> psutil.Process:
        return psutil.Process(json.loads((self.data / "engine.json").read_text())["pid"])


@pytest.fixture
async def playground(tmp_path: Path) -> AsyncIterator[Playground]:
    async with open_playground(data=tmp_path / "playground", port=0) as playground:
        yield playground


@pytest.fixture
async def installation(tmp_path: Path, playground: Playground) -> AsyncIterator[Installation]:
    installed = Installation(tmp_path / "data", playground)
    await installed.start()
    yield installed
    await installed.stop()


@asynccontextmanager
async def visitor(playground: Playground) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession() as session:
        mia = Visitor(session=session, url=playground.url, person=people.PEOPLE[0].id, channel=people.CHANNELS[0].id)
        yield mia


async def sees(mia: Visitor, wanted: Callable[[Message], bool], *, within: float = 100) -> Message:
    """The first message that is as wanted, as soon as there is one."""
    async with asyncio.timeout(within):
        while True:
            await mia.news()
            for message in mia.seen.values():
                if wanted(message):
                    return message
            await asyncio.sleep(0.05)


async def says_once_online(mia: Visitor, line: str) -> None:
    """Types it as soon as there is a bot, whatever its painter does."""
    while True:
        try:
            return await mia.say(line)
        except Unsaid:
            await asyncio.sleep(0.1)


def is_painting(message: Message) -> bool:
    return "▰" in as_text(message)


def is_finished(message: Message) -> bool:
    return "[Upscale" in as_text(message)


async def test_the_first_request_of_the_first_visit_is_taken_and_waits_for_the_painter(
    playground: Playground, installation: Installation
) -> None:
    async with visitor(playground) as mia:
        await says_once_online(mia, "/imagine prompt:a red star seed:1")  # long before torch is there
        first = await sees(mia, lambda message: True)

        finished = await sees(mia, is_finished)

        assert not first["ephemeral_for"]
        assert finished["id"] == first["id"]


@pytest.mark.parametrize("victim", ["worker", "supervisor", "bot"])
async def test_a_death_in_the_middle_of_a_picture_costs_nothing_but_time(
    playground: Playground, installation: Installation, victim: str
) -> None:
    async with visitor(playground) as mia:
        await says_once_online(mia, "/imagine prompt:a red star count:4 steps:20 seed:1")
        painting = await sees(mia, is_painting)

        await getattr(installation, f"kill_{victim}")()
        finished = await sees(mia, is_finished)

        assert finished["id"] == painting["id"]
        assert len(finished["attachments"]) == 4
        public = [message for message in mia.seen.values() if not message["ephemeral_for"]]
        assert len(public) == 1

        await mia.say("click:Reroll")
        again = await sees(mia, lambda message: is_finished(message) and message["id"] != finished["id"])
        assert len(again["attachments"]) == 4


async def test_a_bot_that_is_killed_finds_its_engine_again_and_paints_nothing_twice(
    playground: Playground, installation: Installation
) -> None:
    async with visitor(playground) as mia:
        await says_once_online(mia, "/imagine prompt:a blue ring count:4 steps:20 seed:2")
        await sees(mia, is_painting)
        before = json.loads((installation.data / "engine.json").read_text())["pid"]

        await installation.kill_bot()
        await sees(mia, is_finished)

        assert json.loads((installation.data / "engine.json").read_text())["pid"] == before
        log = (installation.data / "engine.log").read_text()
        assert log.count("picture job=") == 4
