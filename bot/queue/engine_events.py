"""What engines say while they work, and what becomes of it. What comes late or twice changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import logging

from bot.jobs.job import Failure, Picture
from bot.queue.engine import EngineLink
from bot.queue.lifecycle import Course
from bot.queue.orders import Orders
from bot.queue.state import Workshop
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
)

REMIND_AFTER = 10.0  # seconds that an engine may idle over an order: the last picture is encoded meanwhile

log = logging.getLogger(__name__)


class Hearing:
    """Takes in one event after another."""

    def __init__(self, shop: Workshop, course: Course, orders: Orders) -> None:
        self._shop = shop
        self._course = course
        self._orders = orders

    async def take(self, link: EngineLink, name: str, event: Event) -> None:
        """From the engine of this name. Raises STORAGE_ERRORS where it cannot be written down."""
        match event:
            case Progress():
                await self._stepped(link, name, event)
            case Finished():
                await self._finished(link, name, event)
                link.send(Stored(job=event.job, k=event.k))
                self._shop.wake.set()
            case Started() | Enhanced() | Failed() | Cancelled():
                async with self._shop.turn:
                    await self._changed(link, name, event)
                    self._shop.wake.set()
                if isinstance(event, Failed | Cancelled):
                    link.send(Stored(job=event.job, k=event.k))
            case Beat(busy=busy):
                await self._remind(name, busy=busy)
            case Loading() | EngineHello():
                pass

    async def _remind(self, name: str, *, busy: bool) -> None:
        """An engine that idles over orders has lost them somewhere: it is told again."""
        painter = self._shop.crew.painters.get(name)
        if painter is None:
            return
        now = self._shop.monotonic()
        if busy or not painter.orders:
            painter.idle_since = None
        elif painter.idle_since is None:
            painter.idle_since = now
        elif now - painter.idle_since >= REMIND_AFTER:
            painter.idle_since = None
            async with self._shop.turn:
                for job_id in list(painter.orders):
                    log.warning("engine %s idles over job %s; sending it again", name, job_id)
                    await self._orders.send(painter, self._shop.board.jobs[job_id])

    async def _stepped(self, link: EngineLink, name: str, event: Progress) -> None:
        order = self._shop.crew.heard_of(link, name, self._shop.board.jobs.get(event.job), event.attempt)
        if order is not None and order.began is None:  # its Started was said while the line was down
            async with self._shop.turn:
                await self._changed(link, name, Started(job=event.job, attempt=event.attempt))
                self._shop.wake.set()
            order = self._shop.crew.heard_of(link, name, self._shop.board.jobs.get(event.job), event.attempt)
        if order is None:
            return
        painter = self._shop.crew.painters[name]
        painter.stepped(order, event.step, event.steps, self._shop.monotonic())
        self._course.step(event)
        self._course.moved.set()

    async def _finished(self, link: EngineLink, name: str, event: Finished) -> None:
        """Blob first, then the row. The first result of a picture wins, whoever painted it."""
        job = self._shop.board.jobs.get(event.job)
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
            blob=await self._shop.blobs.put(event.png),
            size=len(event.png),
            seconds=event.seconds,
        )
        async with self._shop.turn:
            self._shop.crew.heard_of(link, name, self._shop.board.jobs.get(event.job), event.attempt)
            if event.enhanced and job.request.to_be_written:  # its own event was lost
                await self._course.write(job, event.enhanced, done=True)
            await self._course.paint(name, event.job, picture)

    async def _changed(self, link: EngineLink, name: str, event: Started | Enhanced | Failed | Cancelled) -> None:
        job = self._shop.board.jobs.get(event.job)
        order = self._shop.crew.heard_of(link, name, job, event.attempt)
        if job is None or order is None:
            return
        match event:
            case Started():
                painter, now = self._shop.crew.painters[name], self._shop.monotonic()
                if job.request.to_be_written:  # said again when it paints; the pace is of painting alone
                    painter.has_begun(order, now)
                else:
                    painter.began(order, now)
                await self._course.begin(job)
            case Enhanced(text=text, done=done):
                await self._course.write(job, text, done=done)
            case Failed(k=k, code=code, arguments=arguments):
                await self._course.give_up(name, job, k, Failure(code=code, arguments=arguments))
            case Cancelled():  # nobody asked: it is being stopped, or was told so when it came back from the dead
                await self._course.requeue(job, count_attempt=not self._shop.crew.painters[name].dismissed)
