"""The life of a job: each transition first in the ledger, then in memory, then told to subscribers.

Its callers see to it that only one is under way at a time.
"""

from __future__ import annotations

from bot.jobs.events import Began, Ended, Painted, PainterLost, PromptEnhanced, Stepped
from bot.jobs.job import Failure, Job, Picture
from bot.jobs.states import JobState
from bot.queue.engine import Engine
from bot.queue.fair_queue import Turn
from bot.queue.state import QueueState
from protocol.messages import Cancel, Progress


class Lifecycle:
    """Moves jobs; knows engines by name, not by wire."""

    def __init__(self, state: QueueState) -> None:
        self._jobs = state.ledger.jobs
        self._facts = state.ledger.facts
        self._live = state.live
        self._events = state.events
        self._engines = state.engines
        self._monotonic = state.monotonic

    async def offer(self, turn: Turn, engine: Engine) -> Job:
        """Its turn has come, in this engine."""
        name = engine.hello.engine
        job = await self._jobs.offer(turn.ticket.job, engine=name, charge=self._live.charge(turn))
        assert job is not None, "memory and the ledger disagree"
        self._live.served(turn)
        self._live.update(job)
        return job

    async def adopt(self, job_id: str, engine: Engine) -> Job | None:
        """It went back to the queue, but its engine turns out to have it still."""
        job = await self._jobs.offer(job_id, engine=engine.hello.engine, charge=None)
        if job is not None:
            self._live.update(job)
        return job

    async def begin(self, job: Job) -> None:
        """Its engine paints it."""
        begun = await self._jobs.start(job.id)
        if begun is not None:
            self._live.update(begun)
            self._events.publish(Began(job=begun))

    async def write(self, job: Job, text: str, *, done: bool) -> None:
        """Its prompt is being written out; the whole text is kept with the job."""
        kept = await self._jobs.keep_enhanced(job.id, text) if done else None
        if kept is not None:
            self._live.update(kept)
        self._events.publish(PromptEnhanced(job=kept or job, text=text))

    def step(self, event: Progress) -> None:
        """One more step is done."""
        self._events.publish(Stepped(job_id=event.job, step=event.step, steps=event.steps, preview=event.preview))

    async def paint(self, name: str, job_id: str, picture: Picture) -> None:
        """Picture k lies in the blob store, painted by the engine of this name."""
        job = await self._jobs.painted(job_id, picture)
        if job is None:
            return
        self._live.update(job)
        self._events.publish(Painted(job=job, k=picture.k))
        if not job.live:
            await self._end(job, by=name)

    async def give_up(self, name: str, job: Job, k: int, failure: Failure) -> None:
        """Picture k will not come, says the engine of this name."""
        after = await self._jobs.gave_up(job.id, k, failure)
        if after is not None:
            self._live.update(after)
            if not after.live:
                await self._end(after, by=name)

    async def fail(self, job: Job, failure: Failure) -> None:
        """It cannot be painted at all."""
        failed = await self._jobs.fail(job.id, failure)
        if failed is not None:
            await self._end(failed)

    async def cancel(self, job_id: str) -> Job | None:
        """Somebody gave it up; None when it had ended before."""
        job = await self._jobs.cancel(job_id)
        if job is not None:
            await self._end(job)
        return job

    async def requeue(self, job: Job, *, count_attempt: bool, most_attempts: int, chances: int | None) -> None:
        """Its engine is gone: it waits again, in front, or fails where it has no attempt or chance left."""
        after = await self._jobs.requeue(
            job.id, count_attempt=count_attempt, most_attempts=most_attempts, chances=chances
        )
        if (holder := self._engines.let_go(job.id)) is not None:
            engine, order = holder
            engine.ended(order, self._monotonic(), done=False)
        if after is None:
            return
        self._live.update(after)
        if after.live:
            self._events.publish(PainterLost(job=after))
        else:
            await self._end(after)

    async def _end(self, job: Job, by: str | None = None) -> None:
        """Let go of a job that has ended. Its engine hears of it unless it was the one that ended it."""
        holder = self._engines.let_go(job.id)
        self._live.update(job)
        self._events.publish(Ended(job=job))
        if holder is None:
            return
        engine, order = holder
        done = by == engine.hello.engine and job.state is JobState.RENDERED
        engine.ended(order, self._monotonic(), done=done)
        if by != engine.hello.engine:
            engine.send(Cancel(job=job.id))
        elif job.state is JobState.RENDERED and engine.pace is not None:
            await self._facts.keep(engine.pace_key, repr(engine.pace))
