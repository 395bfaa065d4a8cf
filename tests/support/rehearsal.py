"""The queue on a simulated clock: the bot's own live jobs and engines, the engine's own Scheduler, no wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from bot.jobs.events import QueuePosition
from bot.jobs.job import Job, Requester
from bot.jobs.states import JobState
from bot.queue.engines import Engines
from bot.queue.eta import all_of, one_of
from bot.queue.live_jobs import LiveJobs
from bot.storage.jobs import VirtualTimes
from engine.worker.scheduling.forward_time import ForwardTime
from engine.worker.scheduling.scheduler import Expected, Scheduler, token_load
from protocol import geometry
from protocol.messages import PROTOCOL, Command, EngineHello, Generate
from protocol.request import ImageRequest
from tests.support import fake_engine
from tests.support.sharing_engine import Sample

CARD = msgspec.structs.replace(fake_engine.CARD, max_side=4096, max_pixels=4096 * 4096)


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """Somebody asks for one picture at this second."""

    who: str
    at: float = 0.0
    side: int = 256  # pixels
    steps: int = 8


@dataclass
class Machine:
    """An engine. What is sent to it is heard at the next step border."""

    name: str
    forward_time: ForwardTime
    scheduler: Scheduler[Generate, Sample]
    inbox: list[Generate] = field(default_factory=list[Generate])
    batch: list[Sample] = field(default_factory=list[Sample])
    until: float = 0.0  # the end of the forward under way
    together: int = 0  # the most jobs that shared one of its forwards

    def send(self, command: Command) -> None:
        if isinstance(command, Generate):
            self.inbox.append(command)

    def close(self, reason: str) -> None:
        raise AssertionError(reason)


class Rehearsal:
    """Runs until everything that was asked for is painted. Jobs are known by their number, in order of asking."""

    def __init__(self, arrivals: Sequence[Arrival], paces: Sequence[ForwardTime], *, capacity: int = 4) -> None:
        self.now = 0.0
        self.handed: list[str] = []  # jobs in the order in which engines got them
        self.begun: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.places: dict[str, str] = {}  # which engine
        self.arrivals = sorted(arrivals, key=lambda one: one.at)
        self._coming = list(enumerate(self.arrivals))
        self._live = LiveJobs(VirtualTimes(virtual=0.0, finishes={}, weights={}))
        self._engines = Engines()
        self.engines = self._engines.by_name.values()
        self.machines = [
            Machine(
                name=f"e{n}",
                forward_time=forward_time,
                scheduler=Scheduler(forward_time=forward_time, clock=lambda: self.now),
            )
            for n, forward_time in enumerate(paces)
        ]
        for machine in self.machines:
            self._engines.join(machine, _hello(machine.name, capacity))

    def run(self, *, until: float = float("inf")) -> None:
        """Up to this second."""
        while (moment := self._next_moment()) < until:
            self.now = moment
            while self._coming and self._coming[0][1].at <= self.now:
                self._live.add(job_of(*self._coming.pop(0)))
            for machine in self.machines:
                if machine.batch and machine.until <= self.now:
                    self._step(machine)
            self._feed()
            for machine in self.machines:
                if not machine.batch:
                    self._border(machine)
            self._feed()

    def positions(self) -> dict[str, QueuePosition]:
        """What people are told at this moment; times are seconds of the simulated clock."""
        return all_of(self._live, self.engines, now=self.now, monotonic=self.now)

    def position(self, job: str) -> QueuePosition | None:
        """What the person of this job is told at this moment."""
        return one_of(self._live, self.engines, job, now=self.now, monotonic=self.now)

    def _next_moment(self) -> float:
        moments = [machine.until for machine in self.machines if machine.batch]
        if any(machine.inbox and not machine.batch for machine in self.machines):
            moments.append(self.now)
        if self._coming:
            moments.append(self._coming[0][1].at)
        return min(moments, default=float("inf"))

    def _feed(self) -> None:
        while (match := self._engines.match(self._live.line.turns, self._live.jobs)) is not None:
            turn, engine = match
            job = replace(self._live.jobs[turn.ticket.job], state=JobState.OFFERED)
            self._live.served(turn)
            self._live.update(job)
            self._engines.give(engine, job, 1.0)
            self.handed.append(job.id)
            self.places[job.id] = engine.hello.engine
            engine.send(Generate(job=job.id, attempt=1, request=job.request, wanted=(0,)))

    def _border(self, machine: Machine) -> None:
        engine = self._engines.by_name[machine.name]
        for order in machine.inbox:
            tokens, steps = _tokens(order.request), order.request.steps
            machine.scheduler.enqueue(order.job, order, [Expected(tokens=tokens, rows=1, left=steps)])
        machine.inbox.clear()
        while (order := machine.scheduler.next_order()) is not None:
            machine.scheduler.admit(order, [Sample(order, 0, _tokens(order.request), order.request.steps)])
            self.begun[order.job] = self.now
            engine.began(engine.orders[order.job], self.now)
            self._live.update(replace(self._live.jobs[order.job], state=JobState.RUNNING))
        machine.batch = machine.scheduler.next_batch()
        if machine.batch:
            machine.until = self.now + machine.forward_time.seconds(token_load(machine.batch))
            machine.together = max(machine.together, len(machine.batch))

    def _step(self, machine: Machine) -> None:
        engine = self._engines.by_name[machine.name]
        for sample in machine.batch:
            sample.position += 1
            engine.stepped(engine.orders[sample.order.job], sample.position, sample.steps, self.now)
            if not sample.left:
                machine.scheduler.remove(sample)
                self.ended[sample.order.job] = self.now
                self._live.update(replace(self._live.jobs[sample.order.job], state=JobState.RENDERED))
                holder = self._engines.let_go(sample.order.job)
                assert holder is not None
                engine.ended(holder[1], self.now, done=True)
        machine.batch = []


def _tokens(request: ImageRequest) -> int:
    return request.width * request.height // 256


def job_of(number: int, arrival: Arrival) -> Job:
    side = arrival.side
    request = ImageRequest(prompt="a star", shape="1:1", width=side, height=side, steps=arrival.steps, seed=number)
    return Job(
        id=str(number), origin=str(number), request=request, model_id=CARD.id,
        requester=Requester(principal=arrival.who, guild=1, channel=1), parent=None, priority=0,
        cost=geometry.cost(request, CARD.native_pixels, CARD.longest), state=JobState.QUEUED, attempt=1,
        failure=None, pictures=(),
        created=arrival.at, started=None, ended=None,
    )  # fmt: skip


def _hello(name: str, capacity: int) -> EngineHello:
    return EngineHello(
        protocol=PROTOCOL, build="test", engine=name, card=CARD, device="cpu", dtype="float32", threads=1, memory=0,
        policy="test", capacity=capacity,
    )  # fmt: skip
