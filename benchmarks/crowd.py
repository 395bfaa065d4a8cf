"""How soon a crowd is answered, beside a bare discord.py bot that answers with one line, in turns (ABBA).

    python -m benchmarks.crowd [--rounds 4] [--only at-once,refused,steady,flat,busy]

Each bot is a process of its own over a loopback Discord that only asks and takes answers, ours with a paced engine
without torch. Answers are timed where Discord would time them. CPU is that of the bot's process, whoever else is busy.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.lean_discord import LeanDiscord, Question
from tests.support.ports import free_port

CROWD = 200  # people who ask at once
GREEDY = 7  # the id of one who has as many requests in flight as one may have
WAITING = 600  # jobs in the queue while others come steadily
PER_SECOND = 50
STEADY = 8.0  # seconds of that
DEPTHS = (0, 200, 600, 1000)  # waiting jobs at which an answer's CPU is measured
SAMPLE = 300  # answers for each
ANSWER_WITHIN = 3.0  # Discord's
PATIENCE = 60.0  # seconds until an answer counts as none
LOG = Path(tempfile.gettempdir()) / "zimagine-crowd.log"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What a crowd was told: seconds of each, sorted, and CPU seconds of the bot's process."""

    seconds: Sequence[float]
    cpu: float

    @property
    def cpu_ms(self) -> float:
        """Of one answer."""
        return 1000 * self.cpu / len(self.seconds)

    def ms(self, share: float) -> float:
        """The milliseconds within which this share of them came."""
        return 1000 * self.seconds[min(int(share * len(self.seconds)), len(self.seconds) - 1)]


class Bot:
    """A bot's process, online, and the Discord that asks it."""

    def __init__(self, discord: LeanDiscord, pid: int) -> None:
        self._discord = discord
        self._pid = pid

    async def at_once(self, count: int, *, person: int | None = None) -> Answers:
        """So many ask in the same moment, each somebody else or all of them this person."""
        return await self._answers(lambda: self._ask_all([person] * count))

    async def side_by_side(self, count: int, *, person: int) -> tuple[Answers, Answers]:
        """What is accepted and what is refused where so many others and this person, as often, ask in one moment."""
        questions, cpu = await self._asked(lambda: self._ask_all([None, person] * count))
        accepted, refused = ([one for one in questions if one.private is private] for private in (False, True))
        return _answers_of(accepted, cpu / 2), _answers_of(refused, cpu / 2)

    async def steadily(self, count: int, per_second: float) -> Answers:
        """So many ask one after the other."""
        return await self._answers(lambda: self._ask_paced(count, per_second))

    async def calm(self) -> None:
        """Until it has little to do: what an answer left behind is done."""
        before, quiet = self.cpu(), 0
        while quiet < 3:
            await asyncio.sleep(0.2)
            now = self.cpu()
            quiet = quiet + 1 if now - before < 0.02 else 0
            before = now

    async def idle_share(self) -> float:
        """CPU seconds that it takes in a second in which nobody asks."""
        before = self.cpu()
        await asyncio.sleep(3)
        return (self.cpu() - before) / 3

    def cpu(self) -> float:
        """Seconds on a processor so far, of all its threads."""
        tasks = Path(f"/proc/{self._pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    async def greedily(self, person: int) -> None:
        """This person asks until that is refused."""
        refused = False
        while not refused:
            question = await self._discord.ask(person)
            await question.done.wait()
            refused = question.private

    async def _ask_all(self, askers: Sequence[int | None]) -> list[Question]:
        return [await self._discord.ask(person) for person in askers]

    async def _ask_paced(self, count: int, per_second: float) -> list[Question]:
        began, questions = time.monotonic(), list[Question]()
        for number in range(count):
            await asyncio.sleep(max(began + number / per_second - time.monotonic(), 0))
            questions.append(await self._discord.ask())
        return questions

    async def _answers(self, ask: Callable[[], Awaitable[list[Question]]]) -> Answers:
        return _answers_of(*await self._asked(ask))

    async def _asked(self, ask: Callable[[], Awaitable[list[Question]]]) -> tuple[list[Question], float]:
        """The questions, answered, and the CPU seconds of that."""
        before = self.cpu()
        questions = await ask()
        try:
            async with asyncio.timeout(PATIENCE):
                for question in questions:
                    await question.done.wait()
        except TimeoutError:
            pass  # those that are missing say so themselves
        return questions, self.cpu() - before


def _answers_of(questions: Sequence[Question], cpu: float) -> Answers:
    return Answers(seconds=sorted(question.seconds for question in questions), cpu=cpu)


@asynccontextmanager
async def online(kind: str, *, step_seconds: float = 1.0) -> AsyncGenerator[Bot, None]:
    """A bot of this kind that is ready to be asked; ours has an engine that takes so long for a step."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="zimagine-crowd-") as folder:
        data = Path(folder)
        async with LeanDiscord.open() as discord:
            words = ("-m", "benchmarks.crowd_bots", kind, "--url", discord.url, "--data", folder, "--port", str(port))
            async with _process(*words) as pid:
                async with asyncio.timeout(PATIENCE):
                    await discord.online.wait()
                bot = Bot(discord, pid)
                if kind == "bare":
                    await _ready(bot, discord)
                    yield bot
                    return
                words = ("-m", "tests.support.fake_engine", "--url", f"ws://127.0.0.1:{port}/engine")
                words += ("--secret-file", str(data / "engine.json"), "--step-seconds", str(step_seconds))
                async with _process(*words):
                    await _ready(bot, discord)
                    yield bot


async def _ready(bot: Bot, discord: LeanDiscord) -> None:
    """Until it takes a request: the first ones may come before its engine."""
    while True:
        question = await discord.ask()
        await question.done.wait()
        if not question.private:
            return await bot.calm()
        await asyncio.sleep(0.1)


@asynccontextmanager
async def _process(*words: str) -> AsyncGenerator[int, None]:
    with LOG.open("ab") as log:
        process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=log, stderr=log)
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def busy_cores() -> AsyncGenerator[None, None]:
    """As many processes as cores, each of which takes all that it can get."""
    loops = [
        await asyncio.create_subprocess_exec("sh", "-c", "while :; do :; done") for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            await loop.wait()


async def _rounds(count: int, measure: Callable[[Bot], Awaitable[Answers]]) -> dict[str, list[Answers]]:
    """Both kinds so often, in turns, each time a new process."""
    found: dict[str, list[Answers]] = {"bare": [], "ours": []}
    for number in range(count):
        for kind in ("bare", "ours") if number % 2 == 0 else ("ours", "bare"):
            async with online(kind) as bot:
                found[kind].append(await measure(bot))
    return found


async def _at_once(rounds: int) -> Table:
    found = await _rounds(rounds, lambda bot: bot.at_once(CROWD))
    table = _table(f"{CROWD} at once, medians of {rounds} rounds, ms")
    for kind, runs in found.items():
        table.add_row(kind, *_times(runs))
    return table


async def _refused(rounds: int) -> Table:
    found: dict[str, list[Answers]] = {"refused": [], "refused, as many accepted": [], "accepted, as many refused": []}
    for _ in range(rounds):
        async with online("ours", step_seconds=60) as bot:  # nothing ends, so who is refused stays so
            await bot.greedily(GREEDY)
            await bot.calm()
            refused = await bot.at_once(CROWD, person=GREEDY)
            await bot.calm()
            beside = await bot.side_by_side(CROWD, person=GREEDY)
        for runs, answers in zip(found.values(), (refused, *reversed(beside)), strict=True):
            runs.append(answers)
    table = _table(f"{CROWD} refused at once, medians of {rounds} rounds, ms")
    for kind, runs in found.items():
        table.add_row(kind, *_times(runs))
    return table


async def _busy(rounds: int) -> Table:
    async with busy_cores():
        found = await _rounds(rounds, lambda bot: bot.at_once(CROWD))
    table = _table(f"{CROWD} at once while {os.cpu_count()} others keep every core busy, worst of {rounds} rounds, ms")
    for kind, runs in found.items():
        table.add_row(kind, *(f"{max(run.ms(share) for run in runs):.0f}" for share in (0, 0.5, 0.99, 1)), _cpu(runs))
    late = sum(second > ANSWER_WITHIN for run in found["ours"] for second in run.seconds)
    table.caption = f"ours later than {ANSWER_WITHIN:.0f} s: {late} of {rounds * CROWD}"
    return table


async def _steady(_: int) -> Table:
    table = _table(f"{PER_SECOND} a second for {STEADY:.0f} s with {WAITING} waiting, ms")
    for kind in ("bare", "ours"):
        async with online(kind) as bot:
            await bot.at_once(WAITING if kind == "ours" else 1)
            await bot.calm()
            answers = await bot.steadily(int(PER_SECOND * STEADY), PER_SECOND)
        table.add_row(kind, *(f"{answers.ms(share):.0f}" for share in (0, 0.5, 0.99, 1)), _cpu([answers]))
    return table


async def _flat(_: int) -> Table:
    table = Table("waiting", "CPU ms an answer", "beside none", "p99 ms", "CPU of a second without any, ms")
    table.title = f"CPU of an answer by what waits, {SAMPLE} answers at {PER_SECOND // 2} a second"
    async with online("ours") as bot:
        first, waiting = 0.0, 1
        for depth in DEPTHS:
            await bot.at_once(max(depth - waiting, 1))
            await bot.calm()
            idle = await bot.idle_share()
            answers = await bot.steadily(SAMPLE, PER_SECOND // 2)
            waiting = depth + SAMPLE
            first = first or answers.cpu_ms
            beside = f"{answers.cpu_ms / first:.2f}"
            table.add_row(str(depth), f"{answers.cpu_ms:.1f}", beside, f"{answers.ms(0.99):.0f}", f"{1000 * idle:.0f}")
    return table


def _table(title: str) -> Table:
    return Table("", "first", "half", "p99", "last", "CPU ms an answer", title=title)


def _times(runs: Sequence[Answers]) -> list[str]:
    """Medians for a row of `_table`."""
    return [*(f"{_median(run.ms(share) for run in runs):.0f}" for share in (0, 0.5, 0.99, 1)), _cpu(runs)]


def _cpu(runs: Sequence[Answers]) -> str:
    return f"{_median(run.cpu_ms for run in runs):.1f}"


def _median(values: object) -> float:
    return statistics.median(values)  # pyright: ignore[reportArgumentType]


PARTS = {"at-once": _at_once, "refused": _refused, "steady": _steady, "flat": _flat, "busy": _busy}


async def _measure(parts: Sequence[str], rounds: int) -> None:
    console = Console()
    for name in parts:
        table = await PARTS[name](rounds)
        console.print(table, f"load {os.getloadavg()[0]:.1f}", "")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--only", default=",".join(PARTS), help="some of " + ", ".join(PARTS))
    chosen = parser.parse_args()
    asyncio.run(_measure(chosen.only.split(","), chosen.rounds))


if __name__ == "__main__":
    main()
