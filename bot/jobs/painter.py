"""One engine as the dispatcher sees it: its line, its orders, its pace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from bot.jobs.fair_queue import Lane
from bot.jobs.job import Job
from engine.protocol import Command, EngineHello

PREFETCH = 1  # jobs beyond the running one that an engine may hold
SMOOTHING = 0.3  # weight of the newest job in the moving average of the pace


class EngineLink(Protocol):
    """The line to one engine. Neither method waits."""

    def send(self, command: Command) -> None:
        """Say it, in order; a line that breaks reports itself to `Dispatcher.lost`."""
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
    orders: int = 0


@dataclass(kw_only=True, slots=True)
class Order:
    """A job in this engine's hands. `began` is monotonic seconds; `share` is the part of the job's pictures."""

    share: float
    alone: bool = False  # nothing else may be in its engine: should that die again, it is known why
    began: float | None = None
    step: int = 0
    steps: int = 1


@dataclass(kw_only=True, slots=True)
class Painter:
    """Mutable; belongs to the dispatcher."""

    hello: EngineHello
    link: EngineLink | None
    pace: float | None = None  # seconds per unit of cost
    orders: dict[str, Order] = field(default_factory=dict[str, Order])
    dismissed: bool = False  # we told it to leave
    idle_since: float | None = None  # monotonic seconds; idle in spite of orders

    @property
    def has_room(self) -> bool:
        """At most one job runs and one waits in the engine: everything else stays where it can be re-ordered."""
        most = 1 if any(order.alone for order in self.orders.values()) else 1 + PREFETCH
        return self.link is not None and not self.dismissed and len(self.orders) < most

    @property
    def pace_key(self) -> str:
        """Under which the ledger keeps the pace: it belongs to model and machine, not to one process."""
        hello = self.hello
        return f"pace:{hello.card.id}:{hello.device}:{hello.dtype}:{hello.threads}"

    def send(self, command: Command) -> None:
        """Say it if it is there to hear; an engine that comes back is told again what matters."""
        if self.link is not None:
            self.link.send(command)

    def learn(self, pace: float) -> None:
        """Take the pace of a finished job into the moving average."""
        self.pace = pace if self.pace is None else self.pace + SMOOTHING * (pace - self.pace)

    def remaining(self, jobs: dict[str, Job]) -> list[tuple[str, float | None]]:
        """Seconds until each order is done, in the order in which they were given."""
        moment, plan = 0.0, list[tuple[str, float | None]]()
        for job_id, order in self.orders.items():
            if self.pace is None or job_id not in jobs:
                plan.append((job_id, None))
                continue
            moment += jobs[job_id].cost * order.share * (1 - order.step / order.steps) * self.pace
            plan.append((job_id, moment))
        return plan

    def lane(self, jobs: dict[str, Job]) -> Lane | None:
        """When it is free and how fast it is, once that is known."""
        if self.link is None or self.pace is None:
            return None
        times = [seconds for _, seconds in self.remaining(jobs) if seconds is not None]
        return Lane(free_in=max(times, default=0.0), pace=self.pace)

    def done_in(self, job: Job, jobs: dict[str, Job]) -> float:
        """Seconds until this job would be done here, behind the orders there are; infinite while that is unknown."""
        lane = self.lane(jobs)
        return float("inf") if lane is None else lane.free_in + job.cost * lane.pace

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
            orders=len(self.orders),
        )
