"""One engine as the dispatcher sees it: its line, its orders, its pace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from bot.jobs.job import Job
from protocol.messages import Command, EngineHello
from protocol.request import ControlKind

MOST_HELD = 8  # jobs, whatever an engine would like
SMOOTHING = 0.3  # weight of the newest job in the pace


class EngineLink(Protocol):
    """The line to one engine. Neither method waits."""

    def send(self, command: Command) -> None:
        """Say it, in order; a line that breaks reports itself to `EngineEvents.lost`."""
        ...

    def close(self, reason: str) -> None:
        """Hang up, with one sentence for both logs."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineView:
    """An engine for people to look at. `speed` is in units of cost per second, once a job has shown it."""

    id: str
    name: str
    model_id: str
    device: str
    dtype: str
    threads: int
    memory: int  # bytes
    policy: str
    state: Literal["loading", "ready", "lost"]
    speed: float | None
    problem: str | None = None
    notice: str = ""
    abilities: tuple[str, ...] = ()
    loras: tuple[str, ...] = ()
    unused_tensors: Mapping[str, int] = field(default_factory=dict[str, int])  # of the files of some LoRAs
    controls: tuple[ControlKind, ...] = ()
    orders: int = 0


@dataclass(kw_only=True, slots=True)
class Order:
    """A job in this engine's hands. `cost` is that of the pictures it has to paint; times are monotonic seconds."""

    cost: float
    alone: bool = False  # nothing else may be in its engine: should that die again, it is known why
    began: float | None = None
    step: int = 0
    steps: int = 1
    stepped: float = 0.0

    @property
    def left(self) -> float:
        """Cost that is still to be worked off."""
        return self.cost * (1 - self.step / self.steps)

    def own_time(self, now: float) -> float | None:
        """Seconds until it is done if it goes on as it went so far; None before that shows."""
        if self.began is None or self.step < 2:
            return None
        return max((self.stepped - self.began) / self.step * (self.steps - self.step) - (now - self.stepped), 0.0)


@dataclass(kw_only=True, slots=True)
class Throughput:
    """How fast an engine paints: work done by busy time, so that jobs that share the time count it once.

    `pace` is seconds per unit of cost; None until a job has shown it. Times are monotonic seconds. Mutable.
    """

    pace: float | None = None
    _since: float | None = None  # busy, and counted up to this moment
    _fresh_seconds: float = 0.0  # since the pace was last taken
    _fresh_work: float = 0.0
    _seconds: float = 0.0  # before that, the recent past counting most
    _work: float = 0.0

    @property
    def running(self) -> bool:
        """Whether its time counts."""
        return self._since is not None

    def run(self, now: float) -> None:
        """It is busy from now on, if it was not."""
        if self._since is None:
            self._since = now

    def rest(self, now: float) -> None:
        """It has nothing to do from now on."""
        self._count(now)
        self._since = None

    def lose_sight(self) -> None:
        """What it does from now on cannot be seen: neither time nor work since the pace was last taken count."""
        self._since = None
        self._fresh_seconds = self._fresh_work = 0.0

    def did(self, work: float) -> None:
        """So many units of cost are done."""
        self._fresh_work += work

    def take(self, now: float) -> None:
        """A job is done: what was seen since the last time enters the pace."""
        self._count(now)
        if self._fresh_work <= 0:
            return
        if self.pace is not None and not self._work:  # known from an earlier process: as if many such jobs had shown it
            self._work = self._fresh_work / SMOOTHING
            self._seconds = self.pace * self._work
        self._seconds = (1 - SMOOTHING) * self._seconds + self._fresh_seconds
        self._work = (1 - SMOOTHING) * self._work + self._fresh_work
        self._fresh_seconds = self._fresh_work = 0.0
        self.pace = self._seconds / self._work

    def _count(self, now: float) -> None:
        if self._since is not None:
            self._fresh_seconds += max(now - self._since, 0.0)
            self._since = now


@dataclass(kw_only=True, slots=True)
class Engine:
    """One of them, as the dispatcher keeps it. Mutable."""

    hello: EngineHello
    link: EngineLink | None
    throughput: Throughput = field(default_factory=Throughput)
    orders: dict[str, Order] = field(default_factory=dict[str, Order])
    dismissed: bool = False  # we told it to leave
    idle_since: float | None = None  # monotonic seconds; idle in spite of orders

    @property
    def pace(self) -> float | None:
        """Seconds per unit of cost, once a job has shown it."""
        return self.throughput.pace

    @property
    def has_room(self) -> bool:
        """Whether it may have one job more: it holds those that it paints and one that waits, `capacity` at most.

        Everything else stays where it can be re-ordered. An engine whose jobs share forwards begins the one that waits
        and gets another; one that paints job after job never holds more than two. Nothing that it gets later begins
        before the one that waits: so whoever comes new waits for two jobs an engine and one of each other person.
        """
        if self.link is None or self.dismissed or len(self.orders) >= min(self.hello.capacity, MOST_HELD):
            return False
        return not any(order.alone or order.began is None for order in self.orders.values())

    @property
    def pace_key(self) -> str:
        """Under which the ledger keeps the pace: it belongs to model and machine, not to one process."""
        hello = self.hello
        return f"pace:{hello.card.id}:{hello.device}:{hello.dtype}:{hello.threads}"

    def send(self, command: Command) -> None:
        """Say it if it is there to hear; an engine that comes back is told again what matters."""
        if self.link is not None:
            self.link.send(command)

    def began(self, order: Order, now: float) -> None:
        """It paints this order."""
        order.began = order.stepped = now
        self.throughput.run(now)

    def has_begun(self, order: Order, now: float) -> None:
        """It has painted at this order for a while."""
        order.began = order.stepped = now

    def stepped(self, order: Order, step: int, steps: int, now: float) -> None:
        """`step` of `steps` of this order are done."""
        before = order.left
        order.steps = max(steps, 1)
        order.step, order.stepped = min(max(step, 0), order.steps), now
        if self.throughput.running:
            self.throughput.did(max(before - order.left, 0.0))
        else:  # the first that is heard of it since its line was down: what it did meanwhile nobody timed
            self.throughput.run(now)

    def ended(self, order: Order, now: float, *, done: bool) -> None:
        """This order, which it no longer has, is `done` or given up."""
        if order.began is not None and done:
            if self.throughput.running:
                self.throughput.did(order.left)
            self.throughput.take(now)
        if not any(other.began is not None for other in self.orders.values()):
            self.throughput.rest(now)

    def remaining(self, now: float) -> dict[str, float | None]:
        """Seconds until each order is done; None while the pace is unknown.

        What is begun shares the engine step by step, unless its own steps tell better; the rest follows.
        """
        if self.pace is None:
            return dict.fromkeys(self.orders)
        begun = {job: order for job, order in self.orders.items() if order.began is not None}
        plan: dict[str, float | None] = {}
        moment, taken = 0.0, 0
        for job, order in sorted(begun.items(), key=lambda item: item[1].steps - item[1].step):
            sharing = [one for one in begun.values() if one.steps - one.step > taken]
            each = sum(one.left / (one.steps - one.step) for one in sharing) * self.pace  # seconds of a common step
            moment += (order.steps - order.step - taken) * each
            taken = order.steps - order.step
            own = order.own_time(now) if len(begun) > 1 else None
            plan[job] = moment if own is None else own
        moment = sum(order.left for order in begun.values()) * self.pace
        for job, order in self.orders.items():
            if order.began is None:
                moment += order.left * self.pace
                plan[job] = moment
        return plan

    @property
    def free_in(self) -> float | None:
        """Seconds until it has painted all that it has; None while it is not there, or its pace unknown."""
        if self.link is None or self.pace is None:
            return None
        return sum(order.left for order in self.orders.values()) * self.pace

    def done_in(self, job: Job) -> float:
        """Seconds until this job would be done here, behind the orders there are; infinite while that is unknown."""
        if self.free_in is None or self.pace is None:
            return float("inf")
        return self.free_in + job.cost * self.pace

    def view(self) -> EngineView:
        hello = self.hello
        return EngineView(
            id=hello.engine,
            name=hello.card.name,
            model_id=hello.card.id,
            device=hello.device,
            dtype=hello.dtype,
            threads=hello.threads,
            memory=hello.memory,
            policy=hello.policy,
            state="lost" if self.link is None else "ready",
            speed=None if not self.pace else 1 / self.pace,
            notice=hello.notice,
            abilities=hello.card.features,
            loras=hello.card.loras,
            unused_tensors=hello.card.unused_tensors,
            controls=hello.card.controls,
            orders=len(self.orders),
        )
