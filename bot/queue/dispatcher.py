"""Keeps live engines fed, just in time; stores what they paint; requeues what a dead one held.

One transition at a time, under one lock. Knows no transport and no Discord.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from typing import Self

from bot.jobs.events import Accepted
from bot.jobs.job import Job
from bot.queue.engine_events import EngineEvents
from bot.queue.eta import Positions
from bot.queue.handshake import Handshake
from bot.queue.lifecycle import Lifecycle
from bot.queue.orders import Orders
from bot.queue.recovery import GracePeriods, Recovery
from bot.queue.state import STORAGE_RETRY, QueueState
from bot.queue.token_counts import TokenCounts
from bot.storage.database import STORAGE_ERRORS
from protocol.messages import Cancel, Stop

log = logging.getLogger(__name__)


class Dispatcher:
    """Between the ledger and the engines. Links report to `engine_events`; where jobs stand is in `positions`."""

    def __init__(self, state: QueueState, grace_periods: GracePeriods) -> None:
        self.positions = Positions(state)
        self._state = state
        self._lifecycle = Lifecycle(state)
        self._recovery = Recovery(state, self._lifecycle, grace_periods)
        self.token_counts = TokenCounts(state.engines)
        self._orders = Orders(state, self._lifecycle, self._recovery)
        self._handshake = Handshake(state, self._lifecycle, self._orders, self._recovery)
        self.engine_events = EngineEvents(
            state,
            self._lifecycle,
            self._recovery,
            self._handshake,
            orders=self._orders,
            positions=self.positions,
            token_counts=self.token_counts,
        )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Self, None]:
        """Resume what the last process left, then work until the block ends."""
        await self._handshake.resume()
        mistakes = list[BaseException]()
        try:
            async with asyncio.TaskGroup() as tasks:
                duties = (
                    self._keep_feeding(),
                    self._recovery.keep_giving_up_unpaintable(),
                    self.positions.keep_announcing(),
                )
                owned = [tasks.create_task(duty) for duty in duties]
                try:
                    async with self._recovery.within(tasks):
                        yield self
                except BaseException as error:
                    mistakes.append(error)
                    raise
                finally:
                    for task in owned:
                        task.cancel()
        except BaseExceptionGroup as group:
            if list(group.exceptions) == mistakes:  # the block's own: it is no group's business
                raise mistakes[0] from mistakes[0].__cause__
            raise

    def accepted(self, job: Job) -> None:
        """The ledger has a new job."""
        self._state.live.add(job)
        self._state.events.publish(Accepted(job=job))
        self._state.work_available.set()

    async def cancel(self, job_id: str) -> Job | None:
        """Give a job up, wherever it is; None when it had ended before."""
        async with self._state.transition_lock:
            self._state.work_available.set()
            return await self._lifecycle.cancel(job_id)

    async def paint_anew(self, job: Job, pictures: Collection[int]) -> Job | None:
        """These pictures of a rendered job are lost. It waits to have them painted again, where somebody may do so.

        None where that is not so, or was tried before. Its turn was counted.
        """
        async with self._state.transition_lock:
            if self._state.engines.is_beyond_all(job.request):
                return None
            after = await self._state.ledger.jobs.paint_anew(job.id, pictures)
            if after is not None:
                self._state.live.add(after, charged=True)
                self._state.work_available.set()
            return after

    def pause(self, places: frozenset[int | None]) -> None:
        """Hold back waiting jobs of these guilds; None stands for everything."""
        self._state.live.paused = places
        self._state.work_available.set()

    def stop_engines(self, names: Collection[str] | None = None) -> None:
        """Tell these engines, or all, to leave, and the supervisor of each with it."""
        for name, engine in self._state.engines.by_name.items():
            if names is None or name in names:
                engine.dismissed = True
                engine.send(Stop())

    async def retire(self, names: Collection[str]) -> bool:
        """These engines get nothing more, and give back what they have not begun; whether they are done."""
        async with self._state.transition_lock:  # or what is just being handed over would be sent after its recall
            retired = [engine for name, engine in self._state.engines.by_name.items() if name in names]
            for engine in retired:
                if not engine.dismissed:
                    engine.dismissed = True
                    for job_id, order in engine.orders.items():
                        if order.began is None:
                            engine.send(Cancel(job=job_id))
            return not any(engine.orders for engine in retired)

    async def give_up_unpaintable(self) -> None:
        """After a change of models: what waits and nobody here can paint fails, rather than wait for ever."""
        try:
            async with self._state.transition_lock:
                await self._recovery.give_up_unpaintable()
        except STORAGE_ERRORS as error:  # what waits still is given up a little later, as beyond all engines
            log.error("what the new model cannot paint cannot be given up now: %s", error)

    async def _keep_feeding(self) -> None:
        while True:
            await self._state.work_available.wait()
            self._state.work_available.clear()
            try:
                async with self._state.transition_lock:
                    await self._feed()
            except STORAGE_ERRORS as error:
                log.error("no job can be handed out: %s", error)
                await asyncio.sleep(STORAGE_RETRY)
                self._state.work_available.set()
            self.positions.changed.set()

    async def _feed(self) -> None:
        engines, live = self._state.engines, self._state.live
        while (match := engines.match(live.line.turns, live.jobs)) is not None:
            turn, engine = match
            await self._orders.send(engine, await self._lifecycle.offer(turn, engine))
