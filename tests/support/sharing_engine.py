"""A fake engine that lets pictures of several jobs share its steps, as the real engine's Scheduler decides."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field

from engine.worker.scheduling.forward_time import ForwardTime
from engine.worker.scheduling.scheduler import Expected, Scheduler, token_load
from protocol.messages import Cancelled, Generate, Progress, Started
from tests.support.fake_engine import FakeEngine

# A large GPU in slow motion: up to eight pictures of 256² take no longer than one.
ROOMY = ForwardTime(points=((0, 0.03), (2048, 0.03), (4096, 0.06)))


@dataclass(eq=False, slots=True)
class Sample:
    order: Generate
    k: int
    tokens: int
    steps: int
    rows: int = 1
    position: int = 0
    lora_set: Hashable = ()

    @property
    def left(self) -> int:
        return self.steps - self.position


@dataclass
class SharingEngine(FakeEngine):
    """`forwards` lists the jobs that took part in each step."""

    capacity: int = 4
    forward_time: ForwardTime = ROOMY
    forwards: list[frozenset[str]] = field(default_factory=list[frozenset[str]])

    @property
    def known(self) -> int:
        """How many jobs have come."""
        return len({order.job for order in (*self.orders, *self._jobs)})

    async def _work(self) -> None:
        scheduler: Scheduler[Generate, Sample] = Scheduler(forward_time=self.forward_time)
        while True:
            self._busy = not scheduler.idle
            if scheduler.idle and not self._jobs:
                self._arrived.clear()
                await self._arrived.wait()
            self._admit(scheduler)
            while self.is_held(1):
                self._busy = not scheduler.idle
                await asyncio.sleep(0.01)
                self._admit(scheduler)
            batch = scheduler.next_batch()
            await asyncio.sleep(self.forward_time.seconds(token_load(batch)) if batch else 0)
            self._step(scheduler, batch)

    def _admit(self, scheduler: Scheduler[Generate, Sample]) -> None:
        while self._jobs:
            order = self._jobs.popleft()
            self.orders.append(order)
            steps = order.request.steps - order.request.first_step
            scheduler.enqueue(
                order.job, order, [Expected(tokens=_tokens(order), rows=1, left=steps)] * len(order.wanted)
            )
        for job in self._cancelled:
            orders, samples = scheduler.withdraw(job)
            gone = [(order, k) for order in orders for k in order.wanted] + [(one.order, one.k) for one in samples]
            for order, k in gone:
                self._link.send_event(Cancelled(job=job, attempt=order.attempt, k=k))
        self._cancelled.clear()
        while (order := scheduler.next_order()) is not None:
            steps = order.request.steps - order.request.first_step
            scheduler.admit(order, [Sample(order, k, _tokens(order), steps) for k in order.wanted])
            self.begun.append((order.job, order.attempt))
            self._link.send_event(Started(job=order.job, attempt=order.attempt))

    def _step(self, scheduler: Scheduler[Generate, Sample], batch: list[Sample]) -> None:
        self._steps += 1
        if batch:
            self.forwards.append(frozenset(sample.order.job for sample in batch))
        for sample in batch:
            order = sample.order
            sample.position += 1
            self._link.send_event(
                Progress(job=order.job, attempt=order.attempt, step=sample.position, steps=sample.steps, preview=None)
            )
            if not sample.left:
                scheduler.remove(sample)
                self._finish(order, sample.k, sample.steps * self.forward_time.seconds(sample.tokens))


def _tokens(order: Generate) -> int:
    return order.request.width * order.request.height // 256
