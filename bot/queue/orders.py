"""Jobs on their way to an engine: with what they start from, and without the pictures that are there already."""

from __future__ import annotations

import logging

from bot.jobs.job import Failure, Job
from bot.queue.engine import Engine
from bot.queue.lifecycle import Lifecycle
from bot.queue.recovery import Recovery
from bot.queue.state import QueueState
from protocol.messages import Generate

log = logging.getLogger(__name__)


class Orders:
    """Sends them."""

    def __init__(self, state: QueueState, lifecycle: Lifecycle, recovery: Recovery) -> None:
        self._state = state
        self._lifecycle = lifecycle
        self._recovery = recovery

    async def send(self, engine: Engine, job: Job) -> None:
        """Send the job, with what it starts from and without the pictures that are there already."""
        self._state.engines.give(engine, job, 1 - len(job.pictures) / job.request.count)
        if engine.link is None:  # its line broke while the ledger wrote: nobody else would miss this job
            self._recovery.start_grace(engine, {job.id})
            return
        wanted = await self._state.ledger.jobs.missing(job.id)
        pictures = dict[str, bytes]()
        for field, name in job.request.pictures.items():
            content = await self._read(job, name)
            if content is None:
                await self._lifecycle.fail(job, Failure(code="bad-source", arguments={}))
                return
            pictures[field] = content
        engine.send(Generate(job=job.id, attempt=job.attempt, request=job.request, wanted=wanted, **pictures))

    async def _read(self, job: Job, name: str) -> bytes | None:
        try:
            return await self._state.blobs.get(name)
        except OSError as error:  # it would break the line of every engine that is to have this job
            log.error("job %s: its source cannot be read: %s", job.id, error)
            return None
