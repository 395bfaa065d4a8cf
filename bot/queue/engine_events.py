"""What links report of engines, and what becomes of it. What comes late or twice changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import logging

from bot.jobs.events import EngineState
from bot.jobs.job import Failure, Picture
from bot.queue.engine import EngineLink
from bot.queue.eta import Positions
from bot.queue.handshake import Handshake
from bot.queue.lifecycle import Lifecycle
from bot.queue.orders import Orders
from bot.queue.recovery import Recovery
from bot.queue.state import QueueState
from bot.queue.token_counts import TokenCounts
from bot.storage.database import STORAGE_ERRORS
from protocol.messages import (
    Beat,
    Cancelled,
    EngineHello,
    Enhanced,
    Event,
    Failed,
    Finished,
    Loading,
    Progress,
    Started,
    Stored,
    TokensCounted,
)

REMIND_AFTER = 10.0  # seconds that an engine may idle over an order: the last picture is encoded meanwhile

log = logging.getLogger(__name__)


class EngineEvents:
    """What a link calls: an engine comes up, is there, says something, is lost."""

    def __init__(
        self,
        state: QueueState,
        lifecycle: Lifecycle,
        recovery: Recovery,
        handshake: Handshake,
        *,
        orders: Orders,
        positions: Positions,
        token_counts: TokenCounts,
    ) -> None:
        self._state = state
        self._lifecycle = lifecycle
        self._recovery = recovery
        self._orders = orders
        self._positions = positions
        self._token_counts = token_counts
        self._handshake = handshake

    def loading(self, name: str, model: str, problem: str | None = None) -> None:
        """An engine comes up, or cannot."""
        self._state.engines.loading(name, model, problem)
        self._state.events.publish(EngineState(engine=name, state="loading", model=model, problem=problem))

    def not_loading(self, name: str) -> None:
        """An engine that came up is gone."""
        if (view := self._state.engines.not_loading(name)) is not None:
            self._state.events.publish(EngineState(engine=name, state="lost", model=view.model_id))

    def deaf(self, way: object, is_deaf: bool) -> None:
        """Whether engines that come this way cannot be heard, through no fault of theirs; say so before they are."""
        self._recovery.deaf(way, is_deaf)

    async def joined(self, link: EngineLink, hello: EngineHello) -> None:
        """An engine is ready; `hello` says which jobs it still has, so that they are not run twice."""
        try:
            async with self._state.transition_lock:
                await self._handshake.accept(link, hello)
        except STORAGE_ERRORS as error:
            log.error("engine %s cannot be accepted: %s", hello.engine, error)
            link.close("the ledger cannot be written at the moment")
            self.lost(link, hello.engine)  # its line may not say so: it was never ready

    def lost(self, link: EngineLink, name: str) -> None:
        """Its line is gone. It has the grace period to come back before its jobs go elsewhere."""
        engine = self._state.engines.by_name.get(name)
        if engine is None or engine.link is not link:
            return
        engine.link = None
        engine.throughput.lose_sight()
        log.info("engine %s is lost with %d jobs", name, len(engine.orders))
        self._state.events.publish(EngineState(engine=name, state="lost", model=engine.hello.card.name))
        self._recovery.start_grace(engine, set(engine.orders))

    async def receive(self, link: EngineLink, name: str, event: Event) -> None:
        """Something an engine said. What cannot be written down is said again after it reconnects."""
        try:
            await self._take(link, name, event)
        except STORAGE_ERRORS as error:
            log.error("what engine %s sent cannot be stored: %s", name, error)
            link.close("what you sent cannot be stored at the moment")

    async def _take(self, link: EngineLink, name: str, event: Event) -> None:
        match event:
            case Progress():
                await self._stepped(link, name, event)
            case Finished():
                await self._finished(link, name, event)
                link.send(Stored(job=event.job, k=event.k))
                self._state.work_available.set()
            case Started() | Enhanced() | Failed() | Cancelled():
                async with self._state.transition_lock:
                    await self._changed(link, name, event)
                    self._state.work_available.set()
                if isinstance(event, Failed | Cancelled):
                    link.send(Stored(job=event.job, k=event.k))
            case TokensCounted():
                self._token_counts.answered(event)
            case Beat(busy=busy):
                await self._remind(name, busy=busy)
            case Loading() | EngineHello():
                pass

    async def _remind(self, name: str, *, busy: bool) -> None:
        """An engine that idles over orders has lost them somewhere: it is told again."""
        engine = self._state.engines.by_name.get(name)
        if engine is None:
            return
        now = self._state.monotonic()
        if busy or not engine.orders:
            engine.idle_since = None
        elif engine.idle_since is None:
            engine.idle_since = now
        elif now - engine.idle_since >= REMIND_AFTER:
            engine.idle_since = None
            async with self._state.transition_lock:
                for job_id in list(engine.orders):
                    log.warning("engine %s idles over job %s; sending it again", name, job_id)
                    await self._orders.send(engine, self._state.live.jobs[job_id])

    async def _stepped(self, link: EngineLink, name: str, event: Progress) -> None:
        order = self._state.engines.heard_of(link, name, self._state.live.jobs.get(event.job), event.attempt)
        if order is not None and order.began is None:  # its Started was said while the line was down
            async with self._state.transition_lock:
                await self._changed(link, name, Started(job=event.job, attempt=event.attempt))
                self._state.work_available.set()
            order = self._state.engines.heard_of(link, name, self._state.live.jobs.get(event.job), event.attempt)
        if order is None:
            return
        engine = self._state.engines.by_name[name]
        engine.stepped(order, event.step, event.steps, self._state.monotonic())
        self._lifecycle.step(event)
        self._positions.changed.set()

    async def _finished(self, link: EngineLink, name: str, event: Finished) -> None:
        """Blob first, then the row. The first result of a picture wins, whoever painted it."""
        job = self._state.live.jobs.get(event.job)
        if job is None or event.k >= job.request.count:
            return
        digest = await asyncio.to_thread(lambda: hashlib.sha256(event.png).hexdigest())
        if digest != event.sha256:
            raise OSError(f"picture {event.k} of job {event.job} arrived damaged")
        picture = Picture(
            k=event.k,
            seed=event.seed,
            width=event.width,
            height=event.height,
            blob=await self._state.blobs.put(event.png),
            size=len(event.png),
            seconds=event.seconds,
        )
        async with self._state.transition_lock:
            self._state.engines.heard_of(link, name, self._state.live.jobs.get(event.job), event.attempt)
            if event.enhanced and job.request.to_be_written:  # its own event was lost
                await self._lifecycle.write(job, event.enhanced, done=True)
            await self._lifecycle.paint(name, event.job, picture)

    async def _changed(self, link: EngineLink, name: str, event: Started | Enhanced | Failed | Cancelled) -> None:
        job = self._state.live.jobs.get(event.job)
        order = self._state.engines.heard_of(link, name, job, event.attempt)
        if job is None or order is None:
            return
        match event:
            case Started():
                engine, now = self._state.engines.by_name[name], self._state.monotonic()
                if job.request.to_be_written:  # said again when it paints; the pace is of painting alone
                    engine.has_begun(order, now)
                else:
                    engine.began(order, now)
                await self._lifecycle.begin(job)
            case Enhanced(text=text, done=done):
                await self._lifecycle.write(job, text, done=done)
            case Failed(k=k, code=code, arguments=arguments):
                await self._lifecycle.give_up(name, job, k, Failure(code=code, arguments=arguments))
            case Cancelled():  # nobody asked: it is being stopped, or was told so when it came back from the dead
                await self._recovery.requeue(job, count_attempt=not self._state.engines.by_name[name].dismissed)
