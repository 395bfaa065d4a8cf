"""Jobs that none of the engines there can do: how long each waits for one that can."""

from __future__ import annotations

import asyncio
import logging

from bot.jobs.course import Course
from bot.jobs.job import Failure, Job, JobState
from bot.jobs.workshop import STORAGE_ERRORS, Workshop

HOPE = 600.0  # seconds; an engine that was started anew is back long before
LOOK = 5.0  # seconds between two looks

log = logging.getLogger(__name__)


class Vigil:
    """Ends them rather than have them wait for ever. While no engine is there at all, nobody's time runs."""

    def __init__(self, shop: Workshop, course: Course) -> None:
        self._shop = shop
        self._course = course
        self._since: dict[str, float] = {}  # job -> monotonic seconds

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

    def _is_beyond(self, job: Job) -> bool:
        waits = job.state is JobState.QUEUED and not self._shop.board.is_held_back(job.requester.guild)
        return waits and self._shop.crew.is_beyond_all(job.request)
