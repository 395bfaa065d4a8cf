"""Engines that come, and come back: what they can do is learned, what they still have is theirs."""

from __future__ import annotations

import logging

import msgspec

from bot.jobs.events import PainterState
from bot.jobs.job import Failure, JobState
from bot.queue.engine import EngineLink, Painter
from bot.queue.lifecycle import Course
from bot.queue.orders import Orders
from bot.queue.recovery import Burials
from bot.queue.state import Workshop
from protocol.card import ModelCard
from protocol.messages import Cancel, EngineHello

CARD = "model-card"

log = logging.getLogger(__name__)


class Welcome:
    """Compares what is said with what is written."""

    def __init__(self, shop: Workshop, course: Course, orders: Orders, burials: Burials) -> None:
        self._shop = shop
        self._course = course
        self._orders = orders
        self._burials = burials

    async def resume(self) -> None:
        """Take over what the last bot process left."""
        card = await self._shop.ledger.fact(CARD)
        if card is not None:
            self._shop.crew.card = msgspec.json.decode(card, type=ModelCard)
        for left in await self._shop.ledger.live():
            self._shop.board.add(left.job, charged=left.charged)
            if left.job.state is not JobState.QUEUED and left.engine is not None:
                self._shop.crew.inherit(left.job.id, left.engine)
        self._shop.wake.set()

    async def take_on(self, link: EngineLink, hello: EngineHello) -> None:
        """An engine is ready, and says what it has."""
        await self._learn_card(hello)
        has_new_card = self._shop.crew.has_new_card(link, hello)
        painter = self._shop.crew.join(link, hello)
        ready = PainterState(engine=hello.engine, state="ready", model=hello.card.name)
        if has_new_card:  # orders that cross this hello on the line are in it as little as they are lost
            await self._give_up_without_lora()
            self._shop.news.tell(ready)
            self._shop.wake.set()
            return
        if painter.pace is None and (pace := await self._shop.ledger.fact(painter.pace_key)) is not None:
            painter.throughput.pace = float(pace)
        await self._settle(painter)
        if painter.link is None:  # it was lost meanwhile, with what it had claimed just then
            self._burials.mourn(painter, set(painter.orders))
        log.info("engine %s is ready: %s on %s", hello.engine, hello.card.name, hello.device)
        self._shop.news.tell(ready)
        self._shop.wake.set()

    async def _learn_card(self, hello: EngineHello) -> None:
        card = self._shop.crew.offered(self._shop.crew.card, hello)
        if card is not None and card != self._shop.crew.card:
            await self._shop.ledger.keep_fact(CARD, msgspec.json.encode(card).decode())
            self._shop.crew.card = card

    async def _give_up_without_lora(self) -> None:
        """What waits for a file that somebody took away fails, rather than wait for ever."""
        offered = self._shop.crew.card.loras if self._shop.crew.card is not None else ()
        for job in list(self._shop.board.jobs.values()):
            gone = [lora.name for lora in job.request.loras if lora.name not in offered]
            if gone and job.state is JobState.QUEUED and self._shop.crew.is_beyond_all(job.request):
                await self._course.fail(job, Failure(code="lora-gone", arguments={"lora": gone[0]}))

    async def _settle(self, painter: Painter) -> None:
        """Compare what an engine says it has with what it should have.

        Jobs that it does not name keep their term: their ending may be the next thing it says.
        """
        name, running, held = painter.hello.engine, dict(painter.hello.running), set(painter.hello.held)
        claimed = running.keys() | {job_id for job_id, _ in held}
        for job_id in claimed:
            job, holder = self._shop.board.jobs.get(job_id), self._shop.crew.holder(job_id)
            if job is None or holder not in (None, name):
                painter.send(Cancel(job=job_id))
                continue
            if holder is None:
                job = await self._course.adopt(job_id, painter)
            if job is None:
                continue
            missing = await self._shop.ledger.missing(job_id)
            complete = job_id in running or all((job_id, k) in held for k in missing)
            self._shop.crew.give(painter, job, len(missing) / job.request.count)
            if job.state is JobState.RUNNING:
                painter.has_begun(painter.orders[job_id], self._shop.monotonic())
            # It does not say of which attempt those are that it holds.
            if not complete or running.get(job_id, 1) != job.attempt:
                await self._orders.send(painter, job)  # an engine paints nothing twice that it has already
        unclaimed = painter.orders.keys() - claimed
        fresh = {job_id for job_id in unclaimed if painter.orders[job_id].began is None}
        for job_id in fresh:  # the order never came, or will be known when it comes
            await self._orders.send(painter, self._shop.board.jobs[job_id])
        self._burials.mourn(painter, unclaimed - fresh)
