"""The bot's process ends before and after every commit and every call of a journey, each point once.

The job of that journey still ends right: told once, in one message, and nothing is painted again that lives.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from playground import Playground, open_playground
from playground.rules.messages import LOADING
from playground.world import people
from tests.chaos.bot import SECRET
from tests.chaos.crowd import PAINT, jobs_with
from tests.chaos.points import Trap
from tests.chaos.processes import Kept
from tests.chaos.verdict import Witness
from tests.story.studio import Message, Visitor
from tests.story.test_attachments import picture
from tests.support.fake_engine import FakeEngine, Script
from tests.support.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

EDIT_BY_TOKEN = r"/webhooks/.*/messages/"
QUICK, SLOW = Script(step_seconds=0.01), Script(step_seconds=0.25)


class House:
    """A playground, an engine in this process that outlives every bot, and the bot that dies."""

    def __init__(self, folder: Path, playground: Playground, witness: Witness, mia: Visitor) -> None:
        self.playground, self.witness, self.mia = playground, witness, mia
        self.ledger = folder / "data" / "ledger.db"
        self.trap = Trap(folder)
        (folder / "data").mkdir()
        secret = folder / "data" / "engine.json"
        secret.write_text(json.dumps({"secret": SECRET}), "utf-8")
        port = free_port()
        command = ["-m", "tests.chaos.bot", "--url", playground.url, "--token", playground.token]
        command += ["--data", str(self.ledger.parent), "--port", str(port), "--points", str(folder)]
        self.bot = Kept(name="bot", command=command, log=folder / "bot.log")
        self._new_engine = partial(FakeEngine, url=f"ws://127.0.0.1:{port}/engine", secret_file=secret)
        self._begun = list[tuple[str, int]]()
        self.wishes = 0

    async def keep_engine(self) -> None:
        """One after the other, should one die."""
        for number in count():
            self.engine = self._new_engine(name=f"engine-{number}", script=QUICK, begun=self._begun)
            await self.engine.run()

    async def open_bot(self) -> None:
        """Start it and wait until it is online and has an engine."""
        await self._until(lambda: not self.playground.online)  # it has noticed the end of the one before
        await self.bot.start()
        await self._until(lambda: self.playground.online, or_exit=True)

    async def wish(self, more: str = "", **files: bytes) -> str:
        """Mia asks; returns the words by which to know the job."""
        self.wishes += 1
        prompt = f"wish {self.wishes} end"
        await self.mia.say(f"/imagine prompt:{prompt} seed:1 {more}", **files)
        return prompt

    def job(self, prompt: str) -> tuple[str, str, int] | None:
        """(id, state, told) of the job that this wish became, if it did."""
        sql = "SELECT id, state, told FROM job WHERE spec ->> 'prompt' = ?"
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=10)) as db:
            return db.execute(sql, (prompt,)).fetchone()

    async def told(self, prompt: str) -> None:
        await self._until(lambda: (self.job(prompt) or ("", "", 0))[2] == 1)

    async def wrongs(self, prompt: str, states: tuple[str, ...], runs: int, *, deleted: bool = False) -> list[str]:
        """What is wrong with the ending of this wish; a wish that was never accepted has none."""
        found = self.job(prompt)
        if found is None:
            return []
        job, state, told = found
        messages = [m for m in await self.mia.messages() if prompt in json.dumps(m)]
        wrongs = list[str]()
        if state not in states or not told:
            wrongs.append(f"state {state}, told {told}")
        if len(messages) != (not deleted) or any(jobs_with(message, "cancel") for message in messages):
            wrongs.append(f"{len(messages)} messages, of which {[jobs_with(m, 'cancel') for m in messages]} wait")
        if thinking := [m["id"] for m in await self.mia.messages() if m["flags"] & LOADING]:
            wrongs.append(f"{thinking} still think")
        if state == "posted" and len(self.witness.shown[job]) != 1:
            wrongs.append(f"pictures in {self.witness.shown[job]}")
        starts = sum(begun == job for begun, _ in self._begun)
        if starts > runs:
            wrongs.append(f"painted {starts} times")
        return wrongs

    def owes_nothing(self) -> bool:
        """Whether every request is a job or was refused, and every message gone that somebody wants gone."""
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=10)) as db:
            return not db.execute("SELECT 1 FROM pending UNION ALL SELECT 1 FROM removal").fetchall()

    async def _until(self, condition: Callable[[], Any], *, or_exit: bool = False) -> None:
        async with asyncio.timeout(60):
            while not condition():
                assert self.bot.process is not None
                if or_exit and self.bot.process.returncode is not None:
                    return
                await asyncio.sleep(0.02)


Journey = Callable[[House, Callable[[], object]], Awaitable[str]]


async def _a_picture(house: House, arm: Callable[[], object]) -> str:
    arm()
    return await house.wish()


async def _a_picture_from_another(house: House, arm: Callable[[], object]) -> str:
    arm()
    return await house.wish("image:@cat.png", cat=picture())


async def _a_picture_whose_message_is_deleted(house: House, arm: Callable[[], object]) -> str:
    arm()
    house.engine.script = SLOW
    prompt = await house.wish()
    waiting = await house.mia.sees(lambda m: prompt in json.dumps(m))
    house.engine.script = QUICK
    async with aiohttp.ClientSession() as session:
        await Visitor(session, house.playground.url, people.PEOPLE[2], PAINT).delete(waiting)
    return prompt


async def _a_picture_whose_answer_is_refused(house: House, arm: Callable[[], object]) -> str:
    arm()
    house.playground.faults.refuse(r"/callback$", status=403, code=50013)
    return await house.wish()


async def _a_picture_after_its_token(house: House, arm: Callable[[], object]) -> str:
    arm()
    house.engine.script = SLOW
    prompt = await house.wish()
    await house.mia.sees(lambda m: prompt in json.dumps(m))
    house.playground.faults.refuse(EDIT_BY_TOKEN, times=10_000, status=401, code=50027)
    house.engine.script = QUICK
    return prompt


async def _a_picture_that_fails(house: House, arm: Callable[[], object]) -> str:
    arm()
    house.engine.script = Script(fail_at_step=1)
    return await house.wish()


async def _a_picture_whose_engine_dies(house: House, arm: Callable[[], object]) -> str:
    arm()
    house.engine.script = Script(die_at_step=2)
    return await house.wish()


async def _a_picture_that_is_cancelled(house: House, arm: Callable[[], object]) -> str:
    house.engine.script = SLOW
    prompt = await house.wish()
    waiting = await house.mia.sees(lambda m: prompt in json.dumps(m))
    arm()
    await house.mia.click("Cancel", on=waiting)
    return prompt


# Each with the states that are a right ending, the starts that it may take, and those of its points that the first
# has not had.
JOURNEYS: list[tuple[Journey, tuple[str, ...], int, str]] = [
    (_a_picture, ("posted",), 1, ""),
    (_a_picture_from_another, ("posted",), 1, "PendingStore|accept|callback|blob|PATCH"),
    (_a_picture_whose_engine_dies, ("posted",), 2, "requeue"),
    (
        _a_picture_whose_message_is_deleted,
        ("undeliverable",),
        1,
        "PATCH /channels|_told",
    ),
    (_a_picture_whose_answer_is_refused, ("posted",), 1, "GET /channels|POST /channels|MessageStore.bind|drop_token"),
    (_a_picture_after_its_token, ("posted",), 1, "PATCH /channels"),
    (_a_picture_that_fails, ("failed",), 1, "gave_up|_told"),
    (_a_picture_that_is_cancelled, ("cancelled", "posted"), 1, "cancel|callback|_told"),
]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    witness = Witness()
    async with (
        open_playground(data=tmp_path / "playground", on_exchange=witness) as playground,
        aiohttp.ClientSession() as session,
    ):
        mia = Visitor(session, playground.url, people.PEOPLE[0], PAINT)
        house = House(tmp_path, playground, witness, mia)
        await house.open_bot()
        keeping = asyncio.create_task(house.keep_engine())
        yield house
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await house.bot.kill()


async def _first_picture(house: House) -> None:
    """Until there is one: the bot refuses while no engine has told what it can paint."""
    while True:
        prompt = await house.wish()
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                return await house.told(prompt)


@pytest.mark.parametrize(
    ("journey", "states", "runs", "own"), JOURNEYS, ids=[journey.__name__.strip("_") for journey, *_ in JOURNEYS]
)
async def test_the_job_ends_right_wherever_the_bot_stops(
    house: House, journey: Journey, states: tuple[str, ...], runs: int, own: str
) -> None:
    await _first_picture(house)
    await house.told(await journey(house, house.trap.seen))
    house.playground.faults.clear()
    points = [point for point in house.trap.seen() if re.search(own, point)]
    assert points

    wrong = dict[str, list[str]]()
    for point in points:
        prompt = await journey(house, partial(house.trap.arm, point))
        assert house.bot.process is not None
        try:
            async with asyncio.timeout(60):
                code = await house.bot.process.wait()
        except TimeoutError:
            wrong[point] = ["the bot did not come here"]
            house.trap.disarm()
            continue
        assert code == Trap.EXIT_CODE
        await house.open_bot()
        await house._until(house.owes_nothing)
        if house.job(prompt) is not None:
            await house.told(prompt)
        house.playground.faults.clear()
        deleted = journey is _a_picture_whose_message_is_deleted
        if wrongs := await house.wrongs(prompt, states, runs, deleted=deleted):
            wrong[point] = wrongs

    print(f"{len(points)} points", *points, sep="\n  ")
    assert wrong == {}


async def _ends_at(house: House, point: str) -> bool:
    """Whether the bot's process ended there; else the trap is taken away again."""
    assert house.bot.process is not None
    try:
        async with asyncio.timeout(60):
            return await house.bot.process.wait() == Trap.EXIT_CODE
    except TimeoutError:
        house.trap.disarm()
        return False


async def test_the_bot_comes_up_and_ends_its_jobs_wherever_its_start_was_cut_off(house: House) -> None:
    async def start_anew(*, with_work: bool = True) -> str:
        """The bot dies over a wish that waits; the next one has its commands to send again."""
        house.engine.script = SLOW
        prompt = await house.wish() if with_work else ""
        if with_work:
            await house.mia.sees(lambda m: prompt in json.dumps(m))
        await house.bot.kill()
        house.engine.script = QUICK
        with closing(sqlite3.connect(house.ledger, timeout=10)) as db:
            db.execute("DELETE FROM fact WHERE key LIKE 'commands:%'")
            db.commit()
        return prompt

    await _first_picture(house)
    await start_anew(with_work=False)
    house.trap.seen()
    await house.open_bot()
    points = house.trap.seen()
    assert any("PUT /applications" in point for point in points)

    wrong = dict[str, list[str]]()
    for point in points:
        prompt = await start_anew()
        house.trap.arm(point)
        await house.bot.start()
        if not await _ends_at(house, point):
            wrong[point] = ["the bot did not come here"]
            await house.bot.kill()
        await house.open_bot()
        await house.told(prompt)
        if wrongs := await house.wrongs(prompt, ("posted",), 1):
            wrong[point] = wrongs

    print(f"{len(points)} points", *points, sep="\n  ")
    assert wrong == {}


async def test_a_setting_is_the_old_or_the_new_one_wherever_the_bot_stops(house: House) -> None:
    values = cycle(range(4, 20))

    async def change() -> int:
        value = next(values)
        async with aiohttp.ClientSession() as session:
            robin = Visitor(session, house.playground.url, people.PEOPLE[2], PAINT)
            await robin.say(f"/admin defaults set setting:steps value:{value}")
        return value

    def stored() -> int | None:
        """The value; what was written down of its changes says the same."""
        with closing(sqlite3.connect(f"file:{house.ledger}?mode=ro", uri=True, timeout=10)) as db:
            db.execute("BEGIN")  # both as of one moment
            rows = db.execute("SELECT value FROM setting WHERE key = 'steps'").fetchall()
            noted = db.execute("SELECT value FROM setting_event WHERE key = 'steps' ORDER BY seq").fetchall()
        assert rows == noted[-1:]
        return int(json.loads(rows[0][0])) if rows else None

    await _first_picture(house)
    house.trap.seen()
    old = await change()
    await house._until(lambda: stored() == old)
    await asyncio.sleep(0.5)  # its answer
    points = [point for point in house.trap.seen() if re.search("SettingStore|callback", point)]
    assert any("commit" in point for point in points)

    for point in points:
        house.trap.arm(point)
        new = await change()
        assert await _ends_at(house, point), point
        assert stored() in (old, new), point
        await house.open_bot()
        old = await change()  # said again, it holds
        await house._until(lambda value=old: stored() == value)
        prompt = await house.wish()
        await house.told(prompt)
        assert await house.wrongs(prompt, ("posted",), 1) == [], point

    print(f"{len(points)} points", *points, sep="\n  ")


async def test_a_picture_is_deleted_or_stays_as_it_was_wherever_the_bot_stops(house: House) -> None:
    async def about_to_delete() -> tuple[Message, Message]:
        """The picture, and the question whether it is to be deleted."""
        prompt = await house.wish()
        await house.told(prompt)
        shown = await house.mia.sees(lambda m: prompt in json.dumps(m))
        await house.mia.delete_picture(on=shown)
        return shown, await house.mia.sees(lambda m: jobs_with(m, "remove") == jobs_with(shown, "reroll"))

    await _first_picture(house)
    shown, question = await about_to_delete()
    house.trap.seen()
    await house.mia.click("Delete for good", on=question)
    await house.mia.sees_gone(shown)
    await house.mia.sees("Deleted")
    points = [
        point for point in house.trap.seen() if re.search("MessageStore.delete|RemovalStore|DELETE|callback", point)
    ]
    assert any("DELETE" in point for point in points)
    assert any("commit" in point for point in points)

    for point in points:
        shown, question = await about_to_delete()
        house.trap.arm(point)
        await house.mia.click("Delete for good", on=question)
        assert await _ends_at(house, point), point
        await house.open_bot()
        await house._until(house.owes_nothing)
        if point == "before commit MessageStore.delete":
            assert shown["id"] in [m["id"] for m in await house.mia.messages()], point
            await house.mia.click("Delete for good", on=question)  # said again, it holds
        await house.mia.sees_gone(shown)

    print(f"{len(points)} points", *points, sep="\n  ")
