"""Keeps live engines fed, just in time; stores what they paint; gives back what a dead one held.

One transition at a time, under one lock. Knows no transport and no Discord.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from typing import Self

from bot.jobs.events import PainterState, Standing
from bot.jobs.job import Job, JobState
from bot.queue.engine import EngineLink, EngineView
from bot.queue.engine_events import Hearing
from bot.queue.handshake import Welcome
from bot.queue.lifecycle import Course
from bot.queue.orders import Orders
from bot.queue.recovery import Burials, Terms
from bot.queue.state import STORAGE_RETRY, Workshop
from bot.queue.vigil import Vigil
from bot.storage.database import STORAGE_ERRORS
from protocol.card import ModelCard
from protocol.messages import Cancel, EngineHello, Event, Stop
from protocol.request import ImageRequest

log = logging.getLogger(__name__)


class Dispatcher:
    """Between the ledger and the engines. Links call `loading`, `joined`, `hear` and `lost`."""

    def __init__(self, shop: Workshop, terms: Terms) -> None:
        self._shop = shop
        self._course = Course(shop)
        self._burials = Burials(shop, self._course, terms)
        self._orders = Orders(shop, self._course, self._burials)
        self._welcome = Welcome(shop, self._course, self._orders, self._burials)
        self._hearing = Hearing(shop, self._course, self._orders)
        self._vigil = Vigil(shop, self._course)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Self, None]:
        """Resume what the last process left, then work until the block ends."""
        await self._welcome.resume()
        mistakes = list[BaseException]()
        try:
            async with asyncio.TaskGroup() as tasks:
                duties = (self._keep_feeding(), self._vigil.keep(), self._course.keep_announcing())
                owned = [tasks.create_task(duty) for duty in duties]
                try:
                    async with self._burials.within(tasks):
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

    # What the service asks

    @property
    def card(self) -> ModelCard | None:
        """What people are offered; the last that was known while no engine is there."""
        return self._shop.crew.card

    @card.setter
    def card(self, card: ModelCard | None) -> None:
        self._shop.crew.card = card

    def is_beyond_all(self, request: ImageRequest) -> bool:
        """Whether engines are there, and none of them can do all of this."""
        return self._shop.crew.is_beyond_all(request)

    @property
    def trouble(self) -> str | None:
        """Why nobody can paint, in one sentence for the owner; None while somebody can, or may be able to soon."""
        return self._shop.crew.trouble

    def accepted(self, job: Job) -> None:
        """The ledger has a new job."""
        self._course.accepted(job)
        self._shop.wake.set()

    async def cancel(self, job_id: str) -> Job | None:
        """Give a job up, wherever it is; None when it had ended before."""
        async with self._shop.turn:
            self._shop.wake.set()
            return await self._course.cancel(job_id)

    def pause(self, places: frozenset[int | None]) -> None:
        """Hold back waiting jobs of these guilds; None stands for everything."""
        self._shop.board.paused = places
        self._shop.wake.set()

    def is_paused(self, guild: int | None) -> bool:
        """Whether jobs from there are held back."""
        return self._shop.board.is_held_back(guild)

    def standing(self, job_id: str) -> Standing | None:
        """Where a live job stands at this moment."""
        return self._course.standing(job_id)

    def next_ending(self) -> float | None:
        """The Unix second when some job will be done, where that can be told."""
        etas = [standing.eta for standing in self._course.standings().values() if standing.eta is not None]
        return min(etas, default=None)

    def order(self) -> list[Job]:
        """Waiting jobs in order of service; those held back by a pause come last."""
        board = self._shop.board
        return [board.jobs[turn.ticket.job] for turn in board.line.turns] + board.held_back()

    def held(self) -> list[Job]:
        """Live jobs that were handed to an engine."""
        return [job for job in self._shop.board.jobs.values() if job.state is not JobState.QUEUED]

    def engines(self) -> tuple[EngineView, ...]:
        """Every engine that is there, comes up, or has just been lost."""
        return self._shop.crew.views()

    @property
    def has_engine(self) -> bool:
        """Whether one is there at this moment."""
        return any(painter.link is not None for painter in self._shop.crew.painters.values())

    def stop_engines(self, names: Collection[str] | None = None) -> None:
        """Tell these engines, or all, to leave, and the supervisor of each with it."""
        for name, painter in self._shop.crew.painters.items():
            if names is None or name in names:
                painter.dismissed = True
                painter.send(Stop())

    async def retire(self, names: Collection[str]) -> bool:
        """These engines get nothing more, and give back what they have not begun; whether they are done."""
        async with self._shop.turn:  # or what is being handed over in this moment would be sent after its recall
            retired = [painter for name, painter in self._shop.crew.painters.items() if name in names]
            for painter in retired:
                if not painter.dismissed:
                    painter.dismissed = True
                    for job_id, order in painter.orders.items():
                        if order.began is None:
                            painter.send(Cancel(job=job_id))
            return not any(painter.orders for painter in retired)

    async def give_up_unpaintable(self) -> None:
        """After a change of models: what waits and nobody here can paint fails, rather than wait for ever."""
        try:
            async with self._shop.turn:
                await self._burials.give_up_unpaintable()
        except STORAGE_ERRORS as error:  # what waits still is given up a little later, as beyond all engines
            log.error("what the new model cannot paint cannot be given up now: %s", error)
        self._shop.wake.set()

    # What links report

    def loading(self, name: str, model: str, problem: str | None = None) -> None:
        """An engine comes up, or cannot."""
        self._shop.crew.loading(name, model, problem)
        self._shop.news.tell(PainterState(engine=name, state="loading", model=model, problem=problem))

    def not_loading(self, name: str) -> None:
        """An engine that came up is gone."""
        if (view := self._shop.crew.not_loading(name)) is not None:
            self._shop.news.tell(PainterState(engine=name, state="lost", model=view.model_id))

    def deaf(self, way: object, is_deaf: bool) -> None:
        """Whether engines that come this way cannot be heard, through no fault of theirs; say so before they are."""
        self._burials.deaf(way, is_deaf)

    async def joined(self, link: EngineLink, hello: EngineHello) -> None:
        """An engine is ready; `hello` says which jobs it still has, so that they are not run twice."""
        try:
            async with self._shop.turn:
                await self._welcome.take_on(link, hello)
        except STORAGE_ERRORS as error:
            log.error("engine %s cannot be taken on: %s", hello.engine, error)
            link.close("the ledger cannot be written at the moment")
            self.lost(link, hello.engine)  # its line may not say so: it was never ready

    async def hear(self, link: EngineLink, name: str, event: Event) -> None:
        """Something an engine said. What cannot be written down is said again after it reconnects."""
        try:
            await self._hearing.take(link, name, event)
        except STORAGE_ERRORS as error:
            log.error("what engine %s sent cannot be stored: %s", name, error)
            link.close("what you sent cannot be stored at the moment")

    def lost(self, link: EngineLink, name: str) -> None:
        """Its line is gone. It has the grace to come back before its jobs go elsewhere."""
        painter = self._shop.crew.painters.get(name)
        if painter is None or painter.link is not link:
            return
        painter.link = None
        painter.throughput.lose_sight()
        log.info("engine %s is lost with %d jobs", name, len(painter.orders))
        self._shop.news.tell(PainterState(engine=name, state="lost", model=painter.hello.card.name))
        self._burials.mourn(painter, set(painter.orders))

    # Feeding

    async def _keep_feeding(self) -> None:
        while True:
            await self._shop.wake.wait()
            self._shop.wake.clear()
            try:
                async with self._shop.turn:
                    await self._feed()
            except STORAGE_ERRORS as error:
                log.error("no job can be handed out: %s", error)
                await asyncio.sleep(STORAGE_RETRY)
                self._shop.wake.set()
            self._course.moved.set()

    async def _feed(self) -> None:
        crew, board = self._shop.crew, self._shop.board
        while (match := crew.match(board.line.turns, board.jobs)) is not None:
            turn, painter = match
            await self._orders.send(painter, await self._course.offer(turn, painter))
