"""Jobs that nobody can do: how long they wait for an engine that can, or for any that can start at all."""

from __future__ import annotations

import asyncio
import logging

from bot.jobs.job import Failure, Job, JobState
from bot.queue.lifecycle import Course
from bot.queue.state import Workshop
from bot.storage.database import STORAGE_ERRORS

HOPE = 600.0  # seconds; an engine that was started anew is back long before
LOOK = 5.0  # seconds between two looks

log = logging.getLogger(__name__)


class Vigil:
    """Ends them rather than have them wait for ever. While no engine is there or comes up, nobody's time runs."""

    def __init__(self, shop: Workshop, course: Course) -> None:
        self._shop = shop
        self._course = course
        self._since: dict[str, float] = {}  # job -> monotonic seconds
        self._troubled: float | None = None  # monotonic seconds since which no engine was there, only some that failed

    async def keep(self) -> None:
        """Look now and then, for ever."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                async with self._shop.turn:
                    await self._look()
            except STORAGE_ERRORS as error:
                log.error("what no engine can do cannot be given up: %s", error)

    async def _look(self) -> None:
        now = self._shop.monotonic()
        beyond = [job for job in self._shop.board.jobs.values() if self._is_beyond(job)]
        self._since = {job.id: self._since.get(job.id, now) for job in beyond}
        for job in beyond:
            if now - self._since[job.id] >= HOPE:
                await self._course.fail(job, Failure(code="beyond-engines", arguments={}))
        await self._look_at_trouble(now)

    async def _look_at_trouble(self, now: float) -> None:
        """An engine that fails is started again and again: what waits is given up where none of that has helped."""
        if self._shop.crew.painters:
            self._troubled = None
        elif self._shop.crew.trouble is not None:
            self._troubled = now if self._troubled is None else self._troubled
            if now - self._troubled >= HOPE:
                for job in filter(self._waits, list(self._shop.board.jobs.values())):
                    await self._course.fail(job, Failure(code="painter-broken", arguments={}))

    def _waits(self, job: Job) -> bool:
        return job.state is JobState.QUEUED and not self._shop.board.is_held_back(job.requester.guild)

    def _is_beyond(self, job: Job) -> bool:
        return self._waits(job) and self._shop.crew.is_beyond_all(job.request)
