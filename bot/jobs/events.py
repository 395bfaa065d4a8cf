"""What happens to jobs, told to whoever subscribed. A slow subscriber misses steps, never an ending."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from bot.jobs.job import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuePosition:
    """Where a live job stands. `position` 1 is next, 0 is handed to an engine; `eta` is the Unix second it is done."""

    position: int
    eta: float | None
    paused: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """A new job."""

    job: Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """Its position or its time has changed."""

    job_id: str
    position: QueuePosition


@dataclass(frozen=True, kw_only=True, slots=True)
class Began:
    """An engine paints it."""

    job: Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Stepped:
    """`step` of `steps` is done; `preview` is a small JPEG or None."""

    job_id: str
    step: int
    steps: int
    preview: bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptEnhanced:
    """Its prompt is being written out: so far `text`; all of it once the job's request has it."""

    job: Job
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Painted:
    """Picture k is stored; others of this job are still to come."""

    job: Job
    k: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PainterLost:
    """Its engine died; it waits again."""

    job: Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """Rendered (perhaps without some of its pictures), failed or cancelled."""

    job: Job


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineState:
    """An engine came, went, or cannot start. `problem` is one sentence for the owner."""

    engine: str
    state: Literal["loading", "ready", "lost"]
    model: str
    problem: str | None = None


JobEvent = Accepted | Moved | Began | PromptEnhanced | Stepped | Painted | PainterLost | Ended | EngineState
_Key = tuple[str, str, int]


class Subscription:
    """Events since it was made, in order: of these kinds, or of all. A context manager and an async iterator that ends
    when it is closed.

    Only the newest of several steps or moves of a job is kept, and nothing but the ending of a job that has ended:
    what waits is bounded by the jobs alive and the endings not yet read.
    """

    def __init__(self, events: Events, kinds: tuple[type[JobEvent], ...]) -> None:
        self._events = events
        self._kinds = kinds
        self._waiting: OrderedDict[_Key, JobEvent] = OrderedDict()
        self._arrived = asyncio.Event()
        self._closed = False

    def put(self, event: JobEvent) -> None:
        """Called by Events."""
        if self._kinds and not isinstance(event, self._kinds):
            return
        if isinstance(event, Ended):
            for key in [key for key in self._waiting if key[1] == event.job.id]:
                del self._waiting[key]
        key = _key(event)
        self._waiting.pop(key, None)
        self._waiting[key] = event
        self._arrived.set()

    def close(self) -> None:
        """No more events; the iterator ends after those that wait."""
        self._closed = True
        self._arrived.set()
        self._events.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[JobEvent]:
        return self

    async def __anext__(self) -> JobEvent:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        _, event = self._waiting.popitem(last=False)
        return event


class Events:
    """Tells every subscriber; never waits for one."""

    def __init__(self) -> None:
        self._subscribers: list[Subscription] = []

    def subscribe(self, *kinds: type[JobEvent]) -> Subscription:
        """From now on: to these kinds, or to all."""
        subscription = Subscription(self, kinds)
        self._subscribers.append(subscription)
        return subscription

    def publish(self, event: JobEvent) -> None:
        for subscriber in self._subscribers:
            subscriber.put(event)

    def forget(self, subscription: Subscription) -> None:
        """Called by a subscription that is closed."""
        if subscription in self._subscribers:
            self._subscribers.remove(subscription)

    def close(self) -> None:
        """End every subscription."""
        for subscriber in list(self._subscribers):
            subscriber.close()


def _key(event: JobEvent) -> _Key:
    """Of two events with the same key only the newer is worth telling."""
    match event:
        case Moved(job_id=job_id) | Stepped(job_id=job_id):
            return type(event).__name__, job_id, 0
        case Painted(job=job, k=k):
            return "Painted", job.id, k
        case EngineState(engine=engine):
            return "EngineState", engine, 0
        case PromptEnhanced(job=job):
            return "PromptEnhanced", job.id, 0
        case _:
            return type(event).__name__, event.job.id, event.job.attempt
