"""A core whose engines are lines without a wire: the test is the engine, and the clock stands until it says so."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.jobs.ids import WallClock
from bot.jobs.job import Job, Requester
from bot.jobs.states import JobState
from bot.queue.engine_events import EngineEvents
from bot.requests.draft import RequestDraft
from bot.service.service import JobService, open_service
from protocol.messages import PROTOCOL, Beat, Command, EngineHello, Failed, Finished, Generate, Progress, Started
from tests.support.clocks import ManualClock
from tests.support.fake_engine import CARD
from tests.support.stage import ANNA, ROOMY, until

GRACE = 0.15  # seconds


class Line:
    """An EngineLink without a wire: what was said lies in `sent`, and the test is the engine."""

    def __init__(self, events: EngineEvents, name: str) -> None:
        self.name = name
        self.capacity = 2
        self.card = CARD
        self.sent: list[Command] = []
        self.closed = ""
        self._events = events

    def send(self, command: Command) -> None:
        self.sent.append(command)

    def close(self, reason: str) -> None:
        self.closed = reason

    def orders(self) -> list[Generate]:
        return [command for command in self.sent if isinstance(command, Generate)]

    def holds(self, command: Command) -> bool:
        return command in self.sent

    async def join(self, running: tuple[tuple[str, int], ...] = (), held: tuple[tuple[str, int], ...] = ()) -> None:
        await self._events.joined(
            self,
            EngineHello(
                protocol=PROTOCOL, build="test", engine=self.name, card=self.card, device="cpu", dtype="float32",
                threads=1, memory=0, policy="test", capacity=self.capacity, running=running, held=held,
            ),
        )  # fmt: skip

    async def ordered(self, count: int) -> list[Generate]:
        """Wait until this many orders have come."""
        await until(lambda: len(self.orders()) >= count)
        return self.orders()

    async def start(self, order: Generate) -> None:
        await self._events.receive(self, self.name, Started(job=order.job, attempt=order.attempt))

    async def step(self, order: Generate, step: int) -> None:
        event = Progress(job=order.job, attempt=order.attempt, step=step, steps=8, preview=b"jpeg")
        await self._events.receive(self, self.name, event)

    async def finish(self, order: Generate, k: int = 0, png: bytes = b"picture") -> None:
        event = Finished(
            job=order.job, attempt=order.attempt, k=k, seed=order.request.seed_of(k), width=256, height=256,
            sha256=hashlib.sha256(png).hexdigest(), png=png, seconds=0.1,
        )  # fmt: skip
        await self._events.receive(self, self.name, event)

    async def fail(self, order: Generate, k: int = 0, code: str = "out-of-memory") -> None:
        event = Failed(job=order.job, attempt=order.attempt, k=k, code=code)
        await self._events.receive(self, self.name, event)

    async def beat(self, *, busy: bool = False) -> None:
        await self._events.receive(self, self.name, Beat(steps=0, busy=busy))

    def die(self) -> None:
        self._events.lost(self, self.name)


class Core:
    """A service whose engines are lines."""

    def __init__(self, service: JobService, clock: ManualClock) -> None:
        self.service = service
        self.clock = clock
        self._asked = 0

    def line(self, name: str = "e1") -> Line:
        return Line(self.service.dispatcher.engine_events, name)

    async def ask(self, by: Requester = ANNA, count: int = 1) -> Job:
        self._asked += 1
        request = self.service.composer.complete(RequestDraft(prompt="a star", count=count, seed=5), by)
        return await self.service.submit(request, by=by, origin=f"i{self._asked}")

    async def state(self, job: Job) -> JobState:
        return (await self.service.job(job.id)).state


@asynccontextmanager
async def opened(data: Path, *, wall: WallClock = time.time) -> AsyncGenerator[Core, None]:
    clock = ManualClock()
    async with open_service(data, owner=ROOMY, wall=wall, monotonic=clock, grace=GRACE, adoption=2 * GRACE) as service:
        if service.card is None:
            service.engines.expect(CARD)
        yield Core(service, clock)


@asynccontextmanager
async def no_room(core: Core) -> AsyncGenerator[None, None]:
    """Meanwhile nothing can be written to the ledger."""
    ledger = core.service.ledger
    await ledger.database.read(lambda db: db.execute("PRAGMA query_only = ON"))
    try:
        yield
    finally:
        await ledger.database.read(lambda db: db.execute("PRAGMA query_only = OFF"))
