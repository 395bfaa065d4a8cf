"""Jobs on their way to an engine: with what they start from, and without the pictures that are there already."""

from __future__ import annotations

import logging

from bot.jobs.job import Failure, Job
from bot.queue.engine import Painter
from bot.queue.lifecycle import Course
from bot.queue.recovery import Burials
from bot.queue.state import Workshop
from protocol.messages import Generate

log = logging.getLogger(__name__)


class Orders:
    """Sends them."""

    def __init__(self, shop: Workshop, course: Course, burials: Burials) -> None:
        self._shop = shop
        self._course = course
        self._burials = burials

    async def send(self, painter: Painter, job: Job) -> None:
        """Send the job, with what it starts from and without the pictures that are there already."""
        self._shop.crew.give(painter, job, 1 - len(job.pictures) / job.request.count)
        if painter.link is None:  # its line broke while the ledger wrote: nobody else would miss this job
            self._burials.mourn(painter, {job.id})
            return
        wanted = await self._shop.ledger.missing(job.id)
        pictures = dict[str, bytes]()
        for field, name in job.request.pictures.items():
            content = await self._read(job, name)
            if content is None:
                await self._course.fail(job, Failure(code="bad-source", arguments={}))
                return
            pictures[field] = content
        painter.send(Generate(job=job.id, attempt=job.attempt, request=job.request, wanted=wanted, **pictures))

    async def _read(self, job: Job, name: str) -> bytes | None:
        try:
            return await self._shop.blobs.get(name)
        except OSError as error:  # it would break the line of every engine that is to have this job
            log.error("job %s: its source cannot be read: %s", job.id, error)
            return None
