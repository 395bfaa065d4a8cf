"""The course of a job: each step first in the ledger, then in memory, then in the news.

Its callers see to it that only one step is under way at a time.
"""

from __future__ import annotations

import asyncio

from bot.jobs.events import Accepted, Began, Ended, Moved, Painted, PainterLost, Standing, Stepped, Wrote
from bot.jobs.job import Failure, Job, JobState, Picture
from bot.queue import eta as standings
from bot.queue.engine import Painter
from bot.queue.eta import worth_telling
from bot.queue.fair_queue import Turn
from bot.queue.state import Workshop
from protocol.messages import Cancel, Progress

MOST_ATTEMPTS = 3  # engines that may die under a job before it is called poison
ANNOUNCED_EVERY = 0.5  # seconds; messages are edited every two
PURE_CHANCE = 3  # engines that may die when a job's turn had come, before they said that it began


class Course:
    """Moves jobs; knows engines by name, not by wire."""

    def __init__(self, shop: Workshop) -> None:
        self._ledger = shop.ledger
        self._board = shop.board
        self._news = shop.news
        self._crew = shop.crew
        self._wall = shop.wall
        self._monotonic = shop.monotonic
        self._told: dict[str, Standing] = {}
        self.moved = asyncio.Event()  # places or times may have changed since they were announced

    def accepted(self, job: Job) -> None:
        """The ledger has a new job."""
        self._board.add(job)
        self._news.tell(Accepted(job=job))

    async def offer(self, turn: Turn, painter: Painter) -> Job:
        """Its turn has come, in this engine."""
        name = painter.hello.engine
        job = await self._ledger.offer(turn.ticket.job, engine=name, charge=self._board.charge(turn))
        assert job is not None, "the board and the ledger disagree"
        self._board.took(turn)
        self._board.update(job)
        return job

    async def adopt(self, job_id: str, painter: Painter) -> Job | None:
        """It went back to the queue, but its engine turns out to have it still."""
        job = await self._ledger.offer(job_id, engine=painter.hello.engine, charge=None)
        if job is not None:
            self._board.update(job)
        return job

    async def begin(self, job: Job) -> None:
        """Its engine paints it."""
        begun = await self._ledger.start(job.id)
        if begun is not None:
            self._board.update(begun)
            self._news.tell(Began(job=begun))

    async def write(self, job: Job, text: str, *, done: bool) -> None:
        """Its prompt is being written out; the whole text is kept with the job."""
        kept = await self._ledger.keep_enhanced(job.id, text) if done else None
        if kept is not None:
            self._board.update(kept)
        self._news.tell(Wrote(job=kept or job, text=text))

    def step(self, event: Progress) -> None:
        """One more step is done."""
        self._news.tell(Stepped(job_id=event.job, step=event.step, steps=event.steps, preview=event.preview))

    async def paint(self, name: str, job_id: str, picture: Picture) -> None:
        """Picture k lies in the blob store, painted by the engine of this name."""
        job = await self._ledger.painted(job_id, picture)
        if job is None:
            return
        self._board.update(job)
        self._news.tell(Painted(job=job, k=picture.k))
        if not job.live:
            await self._end(job, by=name)

    async def give_up(self, name: str, job: Job, k: int, failure: Failure) -> None:
        """Picture k will not come, says the engine of this name."""
        after = await self._ledger.gave_up(job.id, k, failure)
        if after is not None:
            self._board.update(after)
            if not after.live:
                await self._end(after, by=name)

    async def fail(self, job: Job, failure: Failure) -> None:
        """It cannot be painted at all."""
        failed = await self._ledger.fail(job.id, failure)
        if failed is not None:
            await self._end(failed)

    async def cancel(self, job_id: str) -> Job | None:
        """Somebody gave it up; None when it had ended before."""
        job = await self._ledger.cancel(job_id)
        if job is not None:
            await self._end(job)
        return job

    async def requeue(self, job: Job, *, count_attempt: bool, on_the_doorstep: bool = False) -> None:
        """Its engine is gone: it waits again, in front, or fails after too many deaths.

        `on_the_doorstep`: it was the next to begin. Once is chance; time and again it kills before that can be said.
        """
        chances = PURE_CHANCE if on_the_doorstep else None
        after = await self._ledger.requeue(
            job.id, count_attempt=count_attempt, most_attempts=MOST_ATTEMPTS, chances=chances
        )
        if (holder := self._crew.let_go(job.id)) is not None:
            painter, order = holder
            painter.ended(order, self._monotonic(), done=False)
        if after is None:
            return
        self._board.update(after)
        if after.live:
            self._news.tell(PainterLost(job=after))
        else:
            await self._end(after)

    async def _end(self, job: Job, by: str | None = None) -> None:
        """Let go of a job that has ended. Its engine hears of it unless it was the one that ended it."""
        holder = self._crew.let_go(job.id)
        self._board.update(job)
        self._told.pop(job.id, None)
        self._news.tell(Ended(job=job))
        if holder is None:
            return
        painter, order = holder
        done = by == painter.hello.engine and job.state is JobState.RENDERED
        painter.ended(order, self._monotonic(), done=done)
        if by != painter.hello.engine:
            painter.send(Cancel(job=job.id))
        elif job.state is JobState.RENDERED and painter.pace is not None:
            await self._ledger.keep_fact(painter.pace_key, repr(painter.pace))

    def standings(self) -> dict[str, Standing]:
        """Where every live job stands at this moment."""
        painters, now, monotonic = self._crew.painters.values(), self._wall(), self._monotonic()
        return standings.all_of(self._board, painters, now=now, monotonic=monotonic)

    def standing(self, job_id: str) -> Standing | None:
        """Where this live job stands at this moment."""
        painters, now, monotonic = self._crew.painters.values(), self._wall(), self._monotonic()
        return standings.one_of(self._board, painters, job_id, now=now, monotonic=monotonic)

    async def keep_announcing(self) -> None:
        """Tell it, as often as there may be news, to all whose place or time has changed; for ever.

        Each time is a look at the whole queue: while a crowd comes, its answers go first.
        """
        while True:
            await self.moved.wait()
            self.moved.clear()
            self.announce()
            await asyncio.sleep(ANNOUNCED_EVERY)

    def announce(self) -> None:
        """Tell those whose place or time has changed."""
        for job_id, standing in self.standings().items():
            if worth_telling(self._told.get(job_id), standing):
                self._told[job_id] = standing
                self._news.tell(Moved(job_id=job_id, standing=standing))
