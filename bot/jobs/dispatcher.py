"""Keeps live engines fed, just in time; stores what they paint; gives back what a dead one held.

One transition at a time, under one lock. Knows no transport and no Discord.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Self

import msgspec

from bot.jobs.blobs import BlobStore
from bot.jobs.board import Board
from bot.jobs.course import Course
from bot.jobs.crew import EMBEDDED, Crew
from bot.jobs.fair_queue import Turn
from bot.jobs.ids import MonotonicClock, WallClock
from bot.jobs.job import Failure, Job, JobState, Picture
from bot.jobs.ledger import Ledger
from bot.jobs.news import News, PainterState, Standing
from bot.jobs.painter import EngineLink, EngineView, Painter
from engine.protocol import (
    Beat,
    Cancel,
    Cancelled,
    EngineHello,
    Event,
    Failed,
    Finished,
    Generate,
    Loading,
    ModelCard,
    Progress,
    Started,
    Stop,
    Stored,
)

GRACE = 1.0  # seconds that a lost engine has to come back before its jobs go elsewhere; it dials twice a second
ADOPTION = 3.0  # the same after the bot itself was away
STORAGE_RETRY = 1.0  # seconds
REMIND_AFTER = 10.0  # seconds that an engine may idle over an order: the last picture is encoded meanwhile
STORAGE_ERRORS = (OSError, sqlite3.Error)
CARD = "model-card"

log = logging.getLogger(__name__)

__all__ = ["ADOPTION", "EMBEDDED", "GRACE", "Dispatcher", "EngineLink"]


class Dispatcher:
    """Between the ledger and the engines. Links call `loading`, `joined`, `hear` and `lost`."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        blobs: BlobStore,
        board: Board,
        news: News,
        wall: WallClock,
        monotonic: MonotonicClock,
        grace: float = GRACE,
        adoption: float = ADOPTION,
    ) -> None:
        self.card: ModelCard | None = None
        self._ledger = ledger
        self._blobs = blobs
        self._board = board
        self._news = news
        self._monotonic = monotonic
        self._grace = grace
        self._adoption = adoption
        self._crew = Crew()
        self._course = Course(ledger=ledger, board=board, news=news, crew=self._crew, wall=wall, monotonic=monotonic)
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._burials: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Self, None]:
        """Resume what the last process left, then work until the block ends."""
        await self._resume()
        mistakes = list[BaseException]()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                feeding = tasks.create_task(self._keep_feeding())
                self._bury_later(set(self._crew.orphans), self._adoption)
                try:
                    yield self
                except BaseException as error:
                    mistakes.append(error)
                    raise
                finally:
                    self._tasks = None
                    for task in (feeding, *self._burials):
                        task.cancel()
        except BaseExceptionGroup as group:
            if list(group.exceptions) == mistakes:  # the block's own: it is no group's business
                raise mistakes[0] from mistakes[0].__cause__
            raise

    # What the service asks

    def accepted(self, job: Job) -> None:
        """The ledger has a new job."""
        self._course.accepted(job)
        self._wake.set()

    async def cancel(self, job_id: str) -> Job | None:
        """Give a job up, wherever it is; None when it had ended before."""
        async with self._turn:
            self._wake.set()
            return await self._course.cancel(job_id)

    def pause(self, places: frozenset[int | None]) -> None:
        """Hold back waiting jobs of these guilds; None stands for everything."""
        self._course.paused = places
        self._wake.set()

    def is_paused(self, guild: int | None) -> bool:
        """Whether jobs from there are held back."""
        return None in self._course.paused or guild in self._course.paused

    def standing(self, job_id: str) -> Standing | None:
        """Where a live job stands at this moment."""
        return self._course.standings().get(job_id)

    def next_ending(self) -> float | None:
        """The Unix second when some job will be done, where that can be told."""
        etas = [standing.eta for standing in self._course.standings().values() if standing.eta is not None]
        return min(etas, default=None)

    def order(self) -> list[Job]:
        """Waiting jobs in order of service; those held back by a pause come last."""
        closed = self._course.is_closed
        turns = self._board.order(closed)
        return [self._board.jobs[turn.ticket.job] for turn in turns] + self._board.held_back(closed)

    def held(self) -> list[Job]:
        """Live jobs that were handed to an engine."""
        return [job for job in self._board.jobs.values() if job.state is not JobState.QUEUED]

    def engines(self) -> tuple[EngineView, ...]:
        """Every engine that is there, comes up, or has just been lost."""
        return self._crew.views()

    def stop_engines(self) -> None:
        """Tell every engine to leave, and its supervisor with it."""
        for painter in self._crew.painters.values():
            painter.dismissed = True
            painter.send(Stop())

    # What links report

    def loading(self, name: str, model: str, problem: str | None = None) -> None:
        """An engine comes up, or cannot."""
        self._crew.loading(name, model, problem)
        self._news.tell(PainterState(engine=name, state="loading", model=model, problem=problem))

    def not_loading(self, name: str) -> None:
        """An engine that came up is gone."""
        self._crew.not_loading(name)

    async def joined(self, link: EngineLink, hello: EngineHello) -> None:
        """An engine is ready; `hello` says which jobs it still has, so that they are not run twice."""
        try:
            async with self._turn:
                await self._welcome(link, hello)
        except STORAGE_ERRORS as error:
            log.error("engine %s cannot be taken on: %s", hello.engine, error)
            link.close("the ledger cannot be written at the moment")

    async def hear(self, link: EngineLink, name: str, event: Event) -> None:
        """Something an engine said. What cannot be written down is said again after it reconnects."""
        try:
            await self._hear(link, name, event)
        except STORAGE_ERRORS as error:
            log.error("what engine %s sent cannot be stored: %s", name, error)
            link.close("what you sent cannot be stored at the moment")

    def lost(self, link: EngineLink, name: str) -> None:
        """Its line is gone. It has the grace to come back before its jobs go elsewhere."""
        painter = self._crew.painters.get(name)
        if painter is None or painter.link is not link:
            return
        painter.link = None
        log.info("engine %s is lost with %d jobs", name, len(painter.orders))
        self._news.tell(PainterState(engine=name, state="lost", model=painter.hello.card.name))
        self._crew.orphans |= painter.orders.keys()
        self._bury_later(set(painter.orders), self._grace, painter)

    # Coming and going

    async def _resume(self) -> None:
        card = await self._ledger.fact(CARD)
        if card is not None:
            self.card = msgspec.json.decode(card, type=ModelCard)
        for left in await self._ledger.live():
            self._board.add(left.job, charged=left.charged)
            if left.job.state is not JobState.QUEUED and left.engine is not None:
                self._crew.inherit(left.job.id, left.engine)
        self._wake.set()

    async def _learn_card(self, hello: EngineHello) -> None:
        card = self._crew.offered(self.card, hello)
        if card is not None and card != self.card:
            await self._ledger.keep_fact(CARD, msgspec.json.encode(card).decode())
            self.card = card

    async def _welcome(self, link: EngineLink, hello: EngineHello) -> None:
        await self._learn_card(hello)
        painter = self._crew.join(link, hello)
        if painter.pace is None and (pace := await self._ledger.fact(painter.pace_key)) is not None:
            painter.pace = float(pace)
        await self._settle(painter)
        log.info("engine %s is ready: %s on %s", hello.engine, hello.card.name, hello.device)
        self._news.tell(PainterState(engine=hello.engine, state="ready", model=hello.card.name))
        self._wake.set()

    async def _settle(self, painter: Painter) -> None:
        """Compare what an engine says it has with what it should have.

        Jobs that it does not name keep their term: their ending may be the next thing it says.
        """
        name, running, held = painter.hello.engine, dict(painter.hello.running), set(painter.hello.held)
        claimed = running.keys() | {job_id for job_id, _ in held}
        for job_id in claimed:
            job, holder = self._board.jobs.get(job_id), self._crew.holder(job_id)
            if job is None or holder not in (None, name):
                painter.send(Cancel(job=job_id))
                continue
            if holder is None:
                job = await self._course.adopt(job_id, painter)
            if job is None:
                continue
            missing = await self._ledger.missing(job_id)
            complete = job_id in running or all((job_id, k) in held for k in missing)
            self._crew.give(painter, job, len(missing) / job.request.count)
            # It does not say of which attempt those are that it holds.
            if not complete or running.get(job_id, 1) != job.attempt:
                await self._order(painter, job)  # an engine paints nothing twice that it has already
        unclaimed = painter.orders.keys() - claimed
        self._crew.orphans |= unclaimed
        self._bury_later(set(unclaimed), self._grace, painter)

    def _bury_later(self, jobs: set[str], term: float, painter: Painter | None = None) -> None:
        if self._tasks is not None and (jobs or painter is not None):
            task = self._tasks.create_task(self._bury(jobs, term, painter))
            self._burials.add(task)
            task.add_done_callback(self._burials.discard)

    async def _bury(self, jobs: set[str], term: float, painter: Painter | None) -> None:
        """After the term, jobs that are still orphans wait again.

        An attempt counts where the job was running and its engine died by itself: not where it was stopped, nor
        where the bot was away and cannot know.
        """
        await asyncio.sleep(term)
        async with self._turn:
            for job_id in jobs & self._crew.orphans:
                job = self._board.jobs[job_id]
                died = painter is not None and not painter.dismissed and job.state is JobState.RUNNING
                await self._course.requeue(job, count_attempt=died)
            if painter is not None:
                self._crew.forget(painter)
                self.card = self._crew.offered(self.card)
            self._wake.set()

    # Hearing

    async def _hear(self, link: EngineLink, name: str, event: Event) -> None:
        match event:
            case Progress():
                await self._stepped(name, event)
            case Finished():
                await self._finished(name, event)
                link.send(Stored(job=event.job, k=event.k))
                self._wake.set()
            case Started() | Failed() | Cancelled():
                async with self._turn:
                    await self._changed(name, event)
                    self._wake.set()
                if isinstance(event, Failed):
                    link.send(Stored(job=event.job, k=event.k))
            case Beat(busy=busy):
                await self._remind(name, busy=busy)
            case Loading() | EngineHello():
                pass

    async def _remind(self, name: str, *, busy: bool) -> None:
        """An engine that idles over orders has lost them somewhere: it is told again."""
        painter = self._crew.painters.get(name)
        if painter is None:
            return
        now = self._monotonic()
        if busy or not painter.orders:
            painter.idle_since = None
        elif painter.idle_since is None:
            painter.idle_since = now
        elif now - painter.idle_since >= REMIND_AFTER:
            painter.idle_since = None
            async with self._turn:
                for job_id in list(painter.orders):
                    log.warning("engine %s idles over job %s; sending it again", name, job_id)
                    await self._order(painter, self._board.jobs[job_id])

    async def _stepped(self, name: str, event: Progress) -> None:
        job = self._board.jobs.get(event.job)
        order = self._crew.heard_of(name, job, event.attempt)
        if job is None or order is None:
            return
        if order.began is None:  # its Started was said while the line was down
            async with self._turn:
                order.began = self._monotonic()
                await self._course.begin(job)
        order.step, order.steps = min(event.step, event.steps), max(event.steps, 1)
        self._course.step(event)
        self._course.announce()

    async def _finished(self, name: str, event: Finished) -> None:
        """Blob first, then the row. The first result of a picture wins, whoever painted it."""
        job = self._board.jobs.get(event.job)
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
            blob=await self._blobs.put(event.png),
            size=len(event.png),
            seconds=event.seconds,
        )
        async with self._turn:
            await self._course.paint(name, event.job, picture)

    async def _changed(self, name: str, event: Started | Failed | Cancelled) -> None:
        job = self._board.jobs.get(event.job)
        order = self._crew.heard_of(name, job, event.attempt)
        if job is None or order is None:
            return
        match event:
            case Started():
                order.began = self._monotonic()
                await self._course.begin(job)
            case Failed(k=k, code=code, arguments=arguments):
                await self._course.give_up(name, job, k, Failure(code=code, arguments=arguments))
            case Cancelled():  # nobody asked: it is being stopped, or was told so when it came back from the dead
                await self._course.requeue(job, count_attempt=not self._crew.painters[name].dismissed)

    # Feeding

    async def _keep_feeding(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                async with self._turn:
                    await self._feed()
            except STORAGE_ERRORS as error:
                log.error("no job can be handed out: %s", error)
                await asyncio.sleep(STORAGE_RETRY)
                self._wake.set()
            self._course.announce()

    async def _feed(self) -> None:
        while (match := self._next()) is not None:
            turn, painter = match
            await self._order(painter, await self._course.offer(turn, painter))

    def _next(self) -> tuple[Turn, Painter] | None:
        """Whose turn it is, and where. A suspect, and with it everything behind it, waits for an empty engine."""
        for turn in self._board.order(self._course.is_closed):
            job = self._board.jobs[turn.ticket.job]
            if (painter := self._crew.idle(job, self._board.jobs)) is not None:
                return turn, painter
            if job.suspect or not self._crew.has_room:
                return None
        return None

    async def _order(self, painter: Painter, job: Job) -> None:
        """Send the job, with what it starts from and without the pictures that are there already."""
        wanted = await self._ledger.missing(job.id)
        self._crew.give(painter, job, len(wanted) / job.request.count)
        source = None
        if job.request.source is not None:
            source = await self._blobs.get(job.request.source)
            if source is None:
                await self._course.fail(job, Failure(code="bad-source", arguments={}))
                return
        painter.send(Generate(job=job.id, attempt=job.attempt, request=job.request, wanted=wanted, source=source))
