"""One run: people ask while processes die and Discord's answers get lost, until every accepted job has said its end."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp

from playground import Playground, open_playground
from playground.wire.faults import AMBIGUOUS, Kind
from playground.world.people import Person
from tests.chaos.crowd import HEAVY, LIGHT, PAINT, Crowd
from tests.chaos.links import CASTS, Cast, Setting
from tests.chaos.verdict import Verdict, Witness, accepted, judge, owed, thinking

# Answers to interactions, edits by token and by the bot, new messages.
MESSAGES = r"/callback$|/webhooks/.*/messages/|/channels/\d+/messages"
FIRST_SIGHT = 120.0  # seconds for bot and engines to come up the first time
BACKLOG = 50  # jobs that one person has waiting
TOGETHER = 20  # requests at one instant, once in the middle of a run
WEATHER: tuple[Kind, ...] = (*AMBIGUOUS, "strange")
BETWEEN_KILLS = (0.6, 1.6)  # seconds
# A slow machine would kill the bot again and again before it is up, and prove nothing:
WHILE_STARTING = 0.25  # how likely the bot is to be killed then, beside what is usual
WITHOUT_BOT = 4  # kills of others in a row; the next one waits until the bot is there
PATIENCE = 180.0  # seconds after the last kill; what has not said its end by then is lost


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """`ambiguous`, `deleted` and `unanswered` are shares: of Discord's answers, of the messages that wait, and of the
    requests whose first answer Discord refuses, so that their picture comes as a new message.

    `archived` is how likely a kill archives the thread: nothing in it can be edited until it is opened again.

    `lost_only`: all ambiguous answers are lost after the deed, and none is an error that the library itself repeats.
    """

    link: str = "local"
    kills: int = 40
    jobs: int = 100
    seed: int = 1
    ambiguous: float = 0.1
    deleted: float = 0.15
    unanswered: float = 0.15
    archived: float = 0.2
    forgetful: bool = False
    lost_only: bool = False
    step_seconds: float = 0.08
    between: tuple[float, float] = BETWEEN_KILLS
    keep: Path | None = None  # a folder for ledger, journal and logs, to look into afterwards


async def run(plan: Plan) -> Verdict:
    """The verdict over one run of this plan, with everything of its own: data, playground, processes."""
    witness = Witness()
    with _folder(plan.keep) as folder:
        async with open_playground(data=folder / "playground", on_exchange=witness) as playground:
            setting = Setting(
                folder=folder, playground=playground, forgetful=plan.forgetful, step_seconds=plan.step_seconds
            )
            cast = CASTS[plan.link](setting)
            try:
                async with aiohttp.ClientSession() as session:
                    crowd = Crowd(session, playground.url, random.Random(plan.seed))
                    return await _Run(plan, setting, cast, crowd, witness).to_the_end()
            finally:
                for kept in cast.processes.values():
                    if kept.process is not None:
                        await kept.kill()


@contextmanager
def _folder(keep: Path | None) -> Generator[Path, None, None]:
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        yield Path(name)


class _Run:
    def __init__(self, plan: Plan, setting: Setting, cast: Cast, crowd: Crowd, witness: Witness) -> None:
        self._plan = plan
        self._setting = setting
        self._cast = cast
        self._crowd = crowd
        self._witness = witness
        self._dice = random.Random(plan.seed + 1)
        self._kills = Counter[str]()
        self._ledger = setting.data / "ledger.db"

    async def to_the_end(self) -> Verdict:
        for kept in self._cast.processes.values():
            await kept.start()
        await _until_online(self._setting.playground)
        async with asyncio.timeout(FIRST_SIGHT):
            await self._crowd.ask(HEAVY)
            while not accepted(self._ledger):  # the bot refuses while no engine has told what it can paint
                await asyncio.sleep(0.5)
                await self._crowd.ask(HEAVY)
        faults = self._setting.playground.faults
        dice = random.Random(self._plan.seed + 2)
        kinds: tuple[Kind, ...] = ("lost",) if self._plan.lost_only else WEATHER
        self._weather = faults.bad_weather(MESSAGES, chance=self._plan.ambiguous, dice=dice, kinds=kinds)
        began = time.monotonic()
        deleting = asyncio.create_task(self._crowd.delete_some(self._plan.deleted))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ask())
                tasks.create_task(self._kill())
            await self._settle()
        finally:
            deleting.cancel()
        return await self._judge(time.monotonic() - began)

    async def _ask(self) -> None:
        """Half of the jobs are one person's, fifty one after the other to begin with.

        Of all others some come at one instant, the rest is spread over the kills.
        """
        half, time_of_kills = self._plan.jobs // 2, self._plan.kills * sum(self._plan.between) / 2
        pause = 0.8 * time_of_kills / half
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask_for(half - min(half, TOGETHER), LIGHT, pause=pause))
            await self._ask_for(min(half, BACKLOG), [HEAVY], pause=0.05)
            tasks.create_task(self._crowd.ask_together(min(half, TOGETHER)))
            await self._ask_for(half - min(half, BACKLOG), [HEAVY], pause=pause)
        while accepted(self._ledger) < self._plan.jobs:
            await self._crowd.ask(self._dice.choice(LIGHT))
            await asyncio.sleep(0.3)

    async def _ask_for(self, jobs: int, whom: Sequence[Person], *, pause: float) -> None:
        for _ in range(jobs):
            if self._dice.random() < self._plan.unanswered:
                self._setting.playground.faults.refuse(r"/callback$", status=403, code=50001)
            await self._crowd.ask(self._dice.choice(whom))
            await asyncio.sleep(self._dice.uniform(0, 2 * pause))

    async def _kill(self) -> None:
        in_the_dark = 0
        for _ in range(self._plan.kills):
            if in_the_dark >= WITHOUT_BOT:
                await _until_online(self._setting.playground)
            await asyncio.sleep(self._dice.uniform(*self._plan.between))
            in_the_dark = 0 if self._setting.playground.online else in_the_dark + 1
            if self._dice.random() < self._plan.archived:
                self._setting.playground.archive(PAINT)
            victim = self._victim()
            self._note(f"{datetime.now().astimezone():%H:%M:%S.%f} {victim}")
            await self._cast.processes[victim].restart()
            self._kills[victim.split("-")[0]] += 1

    def _victim(self) -> str:
        """A bot that is not up yet is mostly spared."""
        weights = dict(self._cast.weights)
        if not self._setting.playground.online:
            weights["bot"] *= WHILE_STARTING
        (victim,) = self._dice.choices(list(weights), list(weights.values()))
        return victim

    def _note(self, death: str) -> None:
        with (self._setting.folder / "kills.log").open("a", encoding="utf-8") as file:
            file.write(death + "\n")

    async def _settle(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._owed() or thinking(await self._crowd.messages()):  # noqa: ASYNC110
                    await asyncio.sleep(0.3)

    def _owed(self) -> int:
        try:
            return owed(self._ledger)
        except sqlite3.OperationalError:  # a writer holds it at this moment
            return 1

    async def _judge(self, seconds: float) -> Verdict:
        deaths = {
            f"fake-{pid}": moment for kept in self._cast.processes.values() for pid, moment in kept.deaths.items()
        }
        return judge(
            ledger=self._ledger,
            journal=self._setting.journal,
            witness=self._witness,
            messages=await self._crowd.messages(),
            kills=self._kills,
            deaths=deaths,
            deleted=self._crowd.deleted,
            ambiguous=self._weather.hits,
            seconds=seconds,
        )


async def _until_online(playground: Playground) -> None:
    async with asyncio.timeout(FIRST_SIGHT):
        while not playground.online:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
