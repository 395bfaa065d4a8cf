"""Jobs whose engine is out of sight: the term that it has to say that it still has them, and what follows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from bot.jobs.job import Failure, JobState
from bot.queue.engine import Painter
from bot.queue.lifecycle import Course
from bot.queue.state import STORAGE_RETRY, Workshop
from bot.storage.database import STORAGE_ERRORS

GRACE = 1.0  # seconds that a lost engine has to come back before its jobs go elsewhere; it dials twice a second
ADOPTION = 3.0  # the same after the bot itself was away
LISTENING = 0.25  # seconds; the grain in which the time of adoption is counted
DEAF_FOR = 60.0  # seconds that each grain waits for ears; a broker that is gone for good must not keep a job

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """Seconds until a job goes elsewhere: after its engine was lost, and after the bot itself was away."""

    grace: float = GRACE
    adoption: float = ADOPTION


class Burials:
    """Gives each lost engine its term; then its jobs wait again."""

    def __init__(self, shop: Workshop, course: Course, terms: Terms) -> None:
        self._shop = shop
        self._course = course
        self._terms = terms
        self._tasks: asyncio.TaskGroup | None = None
        self._burials: set[asyncio.Task[None]] = set()
        self._deaf = set[object]()
        self._hears = asyncio.Event()
        self._hears.set()

    @asynccontextmanager
    async def within(self, tasks: asyncio.TaskGroup) -> AsyncGenerator[None, None]:
        """Terms run until the block ends; that of the jobs which the last bot process left begins."""
        self._tasks = tasks
        self._bury_later(set(self._shop.crew.orphans), self._terms.adoption)
        try:
            yield
        finally:
            self._tasks = None
            for task in self._burials:
                task.cancel()

    def deaf(self, way: object, is_deaf: bool) -> None:
        """Whether engines that come this way cannot be heard, through no fault of theirs; say so before they are."""
        self._deaf = self._deaf | {way} if is_deaf else self._deaf - {way}
        if self._deaf:
            self._hears.clear()
        else:
            self._hears.set()

    def mourn(self, painter: Painter, jobs: set[str]) -> None:
        """These jobs of this engine go elsewhere unless it says in time that it has them."""
        self._shop.crew.orphans |= jobs
        self._bury_later(jobs, self._terms.grace, painter)

    def _bury_later(self, jobs: set[str], term: float, painter: Painter | None = None) -> None:
        if self._tasks is not None and (jobs or painter is not None):
            task = self._tasks.create_task(self._bury(jobs, term, painter))
            self._burials.add(task)
            task.add_done_callback(self._burials.discard)

    async def _bury(self, jobs: set[str], term: float, painter: Painter | None) -> None:
        """After the term, jobs that are still orphans wait again."""
        if painter is None:
            await self._listen_for(term)
        else:
            await asyncio.sleep(term)
        while True:
            try:
                async with self._shop.turn:
                    await self._give_back(jobs, painter)
                return
            except STORAGE_ERRORS as error:
                log.error("what an engine that is gone held cannot be given back: %s", error)
                await asyncio.sleep(STORAGE_RETRY)

    async def _give_back(self, jobs: set[str], painter: Painter | None) -> None:
        """Within a turn.

        An attempt counts where the job was running and its engine died by itself: not where it was stopped, nor
        where the bot was away and cannot know.
        """
        died = painter is not None and not painter.dismissed
        next_one = self._next_to_begin(painter) if painter is not None and died else None
        for job_id in jobs:
            if job_id not in self._shop.crew.orphans:  # perhaps since a moment ago: its engine may speak meanwhile
                continue
            job = self._shop.board.jobs[job_id]
            begun = died and job.state is JobState.RUNNING
            await self._course.requeue(job, count_attempt=begun, on_the_doorstep=job_id == next_one)
        if painter is not None:
            self._shop.crew.forget(painter)
            self._shop.crew.card = self._shop.crew.offered(self._shop.crew.card)
            if painter.dismissed:  # it was ended for another model, perhaps while it still held something
                await self.give_up_unpaintable()
        self._shop.wake.set()

    async def give_up_unpaintable(self) -> None:
        """What waits for a model that was taken away fails, rather than wait for ever. Within a turn."""
        for job in list(self._shop.board.jobs.values()):
            if job.state is JobState.QUEUED and self._shop.crew.is_beyond_all(job.request):
                await self._course.fail(job, Failure(code="model-changed", arguments={}))

    async def _listen_for(self, seconds: float) -> None:
        """So long in which whoever is to be adopted could be heard."""
        while seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(DEAF_FOR):
                    await self._hears.wait()
            moment = min(seconds, LISTENING)
            await asyncio.sleep(moment)
            seconds -= moment

    def _next_to_begin(self, painter: Painter) -> str | None:
        """The order that this engine had before it, where it had begun none."""
        jobs = [self._shop.board.jobs[job_id] for job_id in painter.orders if job_id in self._shop.board.jobs]
        return jobs[0].id if jobs and all(job.state is not JobState.RUNNING for job in jobs) else None
