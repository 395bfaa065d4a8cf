"""The handshake with an engine that comes, or comes back: what it can do, and which jobs it still has."""

from __future__ import annotations

import logging

import msgspec

from bot.jobs.events import EngineState
from bot.jobs.job import Failure
from bot.jobs.states import JobState
from bot.queue.engine import Engine, EngineLink
from bot.queue.lifecycle import Lifecycle
from bot.queue.orders import Orders
from bot.queue.recovery import Recovery
from bot.queue.state import QueueState
from protocol.card import ModelCard
from protocol.messages import Cancel, EngineHello

CARD = "model-card"

log = logging.getLogger(__name__)


class Handshake:
    """Compares what is said with what is written."""

    def __init__(self, state: QueueState, lifecycle: Lifecycle, orders: Orders, recovery: Recovery) -> None:
        self._state = state
        self._lifecycle = lifecycle
        self._orders = orders
        self._recovery = recovery

    async def resume(self) -> None:
        """Take over what the last bot process left."""
        card = await self._state.ledger.facts.get(CARD)
        if card is not None:
            try:
                self._state.engines.expect(msgspec.json.decode(card, type=ModelCard))
            except msgspec.MsgspecError as error:
                log.warning("What was kept of the last model cannot be read by this version (%s).", error)
        for left in await self._state.ledger.jobs.live():
            self._state.live.add(left.job, charged=left.charged)
            if left.job.state is not JobState.QUEUED and left.engine is not None:
                self._state.engines.inherit(left.job.id, left.engine)
        self._state.work_available.set()

    async def accept(self, link: EngineLink, hello: EngineHello) -> None:
        """An engine is ready, and says what it has."""
        await self._keep_card(hello)
        has_new_card = self._state.engines.has_new_card(link, hello)
        engine = self._state.engines.join(link, hello)
        ready = EngineState(engine=hello.engine, state="ready", model=hello.card.name)
        if has_new_card:  # orders that cross this hello on the line are in it as little as they are lost
            await self._give_up_without_lora()
            self._state.events.publish(ready)
            self._state.work_available.set()
            return
        if engine.pace is None and (pace := await self._state.ledger.facts.get(engine.pace_key)) is not None:
            engine.throughput.pace = float(pace)
        await self._settle(engine)
        if engine.link is None:  # it was lost meanwhile, with what it had claimed just then
            self._recovery.start_grace(engine, set(engine.orders))
        log.info("engine %s is ready: %s on %s", hello.engine, hello.card.name, hello.device)
        self._state.events.publish(ready)
        self._state.work_available.set()

    async def _keep_card(self, hello: EngineHello) -> None:
        """It is offered again when the bot starts the next time, before any engine is there."""
        card = self._state.engines.card_with(hello)
        if card != self._state.engines.card:
            await self._state.ledger.facts.keep(CARD, msgspec.json.encode(card).decode())

    async def _give_up_without_lora(self) -> None:
        """What waits for a file that somebody took away fails, rather than wait for ever."""
        offered = self._state.engines.card.loras if self._state.engines.card is not None else ()
        for job in list(self._state.live.jobs.values()):
            gone = [lora.name for lora in job.request.loras if lora.name not in offered]
            if gone and job.state is JobState.QUEUED and self._state.engines.is_beyond_all(job.request):
                await self._lifecycle.fail(job, Failure(code="lora-gone", arguments={"lora": gone[0]}))

    async def _settle(self, engine: Engine) -> None:
        """Compare what an engine says it has with what it should have.

        Jobs that it does not name keep their grace period: their ending may be the next thing it says.
        """
        name, running, held = engine.hello.engine, dict(engine.hello.running), set(engine.hello.held)
        claimed = running.keys() | {job_id for job_id, _ in held}
        for job_id in claimed:
            job, holder = self._state.live.jobs.get(job_id), self._state.engines.holder(job_id)
            if job is None or holder not in (None, name):
                engine.send(Cancel(job=job_id))
                continue
            if holder is None:
                job = await self._lifecycle.adopt(job_id, engine)
            if job is None:
                continue
            missing = await self._state.ledger.jobs.missing(job_id)
            complete = job_id in running or all((job_id, k) in held for k in missing)
            self._state.engines.give(engine, job, len(missing) / job.request.count)
            if job.state is JobState.RUNNING:
                engine.has_begun(engine.orders[job_id], self._state.monotonic())
            # It does not say of which attempt those are that it holds.
            if not complete or running.get(job_id, 1) != job.attempt:
                await self._orders.send(engine, job)  # an engine paints nothing twice that it has already
        unclaimed = engine.orders.keys() - claimed
        fresh = {job_id for job_id in unclaimed if engine.orders[job_id].began is None}
        for job_id in fresh:  # the order never came, or will be known when it comes
            await self._orders.send(engine, self._state.live.jobs[job_id])
        self._recovery.start_grace(engine, unclaimed - fresh)
