"""When a job is tried again, and when it is given up: its engine was lost, died under it, or none can paint it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from bot.jobs.job import Failure, Job
from bot.jobs.states import JobState
from bot.queue.engine import Engine
from bot.queue.lifecycle import Lifecycle
from bot.queue.state import STORAGE_RETRY, QueueState
from bot.storage.database import STORAGE_ERRORS

GRACE = 1.0  # seconds that a lost engine has to come back before its jobs go elsewhere; it dials twice a second
ADOPTION = 3.0  # the same after the bot itself was away
LISTENING = 0.25  # seconds; the grain in which the time of adoption is counted
DEAF_FOR = 60.0  # seconds that each grain waits until engines can be heard; a broker gone for good must not keep a job
MOST_ATTEMPTS = 3  # engines that may die under a job before it is called poison
PURE_CHANCE = 3  # engines that may die when a job's turn had come, before they said that it began
UNPAINTABLE_FOR = 600.0  # seconds until such a job is given up; an engine that was started anew is back long before
LOOK_EVERY = 15.0  # seconds between two looks for such jobs, each at all that wait

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class GracePeriods:
    """Seconds until a job goes elsewhere: after its engine was lost, and after the bot itself was away."""

    grace: float = GRACE
    adoption: float = ADOPTION


class Recovery:
    """Gives each lost engine its grace period, then requeues its jobs; ends what no engine there will ever paint."""

    def __init__(self, state: QueueState, lifecycle: Lifecycle, grace_periods: GracePeriods) -> None:
        self._state = state
        self._lifecycle = lifecycle
        self._grace_periods = grace_periods
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[None]] = set()  # one for each grace period
        self._deaf = set[object]()
        self._hears = asyncio.Event()
        self._hears.set()
        self._unpaintable_since: dict[str, float] = {}  # job -> monotonic seconds
        self._troubled_since: float | None = None  # monotonic seconds; no engine was there since, only some that failed

    @asynccontextmanager
    async def within(self, tasks: asyncio.TaskGroup) -> AsyncGenerator[None, None]:
        """Grace periods run until the block ends; that of the jobs which the last bot process left begins."""
        self._tasks = tasks
        self._requeue_later(set(self._state.engines.unclaimed), self._grace_periods.adoption)
        try:
            yield
        finally:
            self._tasks = None
            for task in self._running:
                task.cancel()

    async def requeue(self, job: Job, *, count_attempt: bool, was_next: bool = False) -> None:
        """Its engine is gone: it waits again, in front, or fails after too many deaths. Within a transition.

        `was_next`: it was the next to begin. Once is chance; time and again it kills before that can be said.
        """
        await self._lifecycle.requeue(
            job,
            count_attempt=count_attempt,
            most_attempts=MOST_ATTEMPTS,
            chances=PURE_CHANCE if was_next else None,
        )

    # Engines that are lost

    def deaf(self, way: object, is_deaf: bool) -> None:
        """Whether engines that come this way cannot be heard, through no fault of theirs; say so before they are."""
        self._deaf = self._deaf | {way} if is_deaf else self._deaf - {way}
        if self._deaf:
            self._hears.clear()
        else:
            self._hears.set()

    def start_grace(self, engine: Engine, jobs: set[str]) -> None:
        """These jobs of this engine go elsewhere unless it says in time that it has them."""
        self._state.engines.unclaimed |= jobs
        self._requeue_later(jobs, self._grace_periods.grace, engine)

    def _requeue_later(self, jobs: set[str], grace: float, engine: Engine | None = None) -> None:
        if self._tasks is not None and (jobs or engine is not None):
            task = self._tasks.create_task(self._requeue_after(grace, jobs, engine))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _requeue_after(self, grace: float, jobs: set[str], engine: Engine | None) -> None:
        if engine is None:
            await self._listen_for(grace)
        else:
            await asyncio.sleep(grace)
        while True:
            try:
                async with self._state.transition_lock:
                    await self._requeue_unclaimed(jobs, engine)
                return
            except STORAGE_ERRORS as error:
                log.error("what an engine that is gone held cannot be requeued: %s", error)
                await asyncio.sleep(STORAGE_RETRY)

    async def _requeue_unclaimed(self, jobs: set[str], engine: Engine | None) -> None:
        """Those of these jobs that no engine has claimed wait again. Within a transition.

        An attempt counts where the job was running and its engine died by itself: not where it was stopped, nor
        where the bot was away and cannot know.
        """
        died = engine is not None and not engine.dismissed
        next_one = self._next_to_begin(engine) if engine is not None and died else None
        for job_id in jobs:
            if job_id not in self._state.engines.unclaimed:  # it may be claimed meanwhile
                continue
            job = self._state.live.jobs[job_id]
            begun = died and job.state is JobState.RUNNING
            await self.requeue(job, count_attempt=begun, was_next=job_id == next_one)
        if engine is not None:
            self._state.engines.forget(engine)
            if engine.dismissed:  # it was ended for another model, perhaps while it still held something
                await self.give_up_unpaintable()
        self._state.work_available.set()

    async def _listen_for(self, seconds: float) -> None:
        """So long in which whoever is to be adopted could be heard."""
        while seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(DEAF_FOR):
                    await self._hears.wait()
            moment = min(seconds, LISTENING)
            await asyncio.sleep(moment)
            seconds -= moment

    def _next_to_begin(self, engine: Engine) -> str | None:
        """The order that this engine had before it, where it had begun none."""
        jobs = [self._state.live.jobs[job_id] for job_id in engine.orders if job_id in self._state.live.jobs]
        return jobs[0].id if jobs and all(job.state is not JobState.RUNNING for job in jobs) else None

    # Jobs that nobody can paint

    async def give_up_unpaintable(self) -> None:
        """What waits for a model that was taken away fails, rather than wait for ever. Within a transition."""
        for job in list(self._state.live.jobs.values()):
            if job.state is JobState.QUEUED and self._state.engines.is_beyond_all(job.request):
                await self._give_up(job, "model-changed")

    async def keep_giving_up_unpaintable(self) -> None:
        """Look now and then for jobs that have waited too long for an engine that can paint them; for ever.

        While no engine is there or comes up, nobody's time runs.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                async with self._state.transition_lock:
                    await self._give_up_beyond_all()
                    await self._give_up_where_all_fail()
            except STORAGE_ERRORS as error:
                log.error("what no engine can do cannot be given up: %s", error)

    async def _give_up_beyond_all(self) -> None:
        """Jobs that need what no engine there can do."""
        now, engines = self._state.monotonic(), self._state.engines
        beyond = [job for job in self._waiting() if engines.is_beyond_all(job.request)]
        self._unpaintable_since = {job.id: self._unpaintable_since.get(job.id, now) for job in beyond}
        for job in beyond:
            if now - self._unpaintable_since[job.id] >= UNPAINTABLE_FOR:
                await self._give_up(job, "beyond-engines")

    async def _give_up_where_all_fail(self) -> None:
        """An engine that fails is started again and again: what waits is given up where none of that has helped."""
        now = self._state.monotonic()
        if self._state.engines.by_name:
            self._troubled_since = None
        elif self._state.engines.trouble is not None:
            self._troubled_since = now if self._troubled_since is None else self._troubled_since
            if now - self._troubled_since >= UNPAINTABLE_FOR:
                for job in self._waiting():
                    await self._give_up(job, "painter-broken")

    async def _give_up(self, job: Job, code: str) -> None:
        await self._lifecycle.fail(job, Failure(code=code, arguments={}))
        self._state.work_available.set()  # whoever waits behind it has another place

    def _waiting(self) -> list[Job]:
        """Jobs whose turn may come: no engine has them, and no pause holds them back."""
        live = self._state.live
        waits = (job for job in live.jobs.values() if job.state is JobState.QUEUED)
        return [job for job in waits if not live.is_held_back(job.requester.guild)]
