"""Position and expected time of live jobs: the fair queue's line over the engines there are, and who is told of it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.jobs.events import Moved, QueuePosition
from bot.queue.engine import Engine
from bot.queue.live_jobs import LiveJobs
from bot.queue.state import QueueState

# A new position is always worth telling; a new time only beyond this, or people would watch it flicker.
ETA_STEP = 5.0  # seconds
ANNOUNCED_EVERY = 1.0  # seconds; messages are edited every two


class Positions:
    """Where live jobs stand at this moment. Whoever changes that sets `changed`, and those concerned are told."""

    def __init__(self, state: QueueState) -> None:
        self.changed = asyncio.Event()
        self._state = state
        self._told: dict[str, QueuePosition] = {}

    def all(self) -> dict[str, QueuePosition]:
        """Of every live job, by its id."""
        state = self._state
        return all_of(state.live, state.engines.by_name.values(), now=state.wall(), monotonic=state.monotonic())

    def of(self, job_id: str) -> QueuePosition | None:
        """Of this job; None where it is not live."""
        state = self._state
        engines = state.engines.by_name.values()
        return one_of(state.live, engines, job_id, now=state.wall(), monotonic=state.monotonic())

    def next_ending(self) -> float | None:
        """The Unix second when some job will be done, where that can be told."""
        return min((position.eta for position in self.all().values() if position.eta is not None), default=None)

    async def keep_announcing(self) -> None:
        """Tell it, as often as there may be news, to all whose position or time has changed; for ever.

        Each time is a look at the whole queue: while a crowd comes, its answers go first.
        """
        while True:
            await self.changed.wait()
            self.changed.clear()
            self.announce()
            await asyncio.sleep(ANNOUNCED_EVERY)

    def announce(self) -> None:
        """Tell those whose position or time has changed since they were told."""
        before, self._told = self._told, {}
        for job_id, position in self.all().items():
            told = before.get(job_id)
            if told is not None and not worth_telling(told, position):
                self._told[job_id] = told
                continue
            self._told[job_id] = position
            self._state.events.publish(Moved(job_id=job_id, position=position))


def all_of(live: LiveJobs, engines: Collection[Engine], *, now: float, monotonic: float) -> dict[str, QueuePosition]:
    """By job. `now` is Unix seconds."""
    found = dict.fromkeys(live.jobs, QueuePosition(position=0, eta=None)) | _handed(engines, now, monotonic)
    turns = live.line.turns
    moments = forecast(live.line.costs, _lanes(engines))
    for index, (turn, seconds) in enumerate(zip(turns, moments, strict=True)):
        eta = None if seconds is None else now + seconds
        found[turn.ticket.job] = QueuePosition(position=index + 1, eta=eta)
    for index, job in enumerate(live.held_back(), start=len(turns)):
        found[job.id] = QueuePosition(position=index + 1, eta=None, paused=True)
    return found


def one_of(
    live: LiveJobs, engines: Collection[Engine], job_id: str, *, now: float, monotonic: float
) -> QueuePosition | None:
    """That of one job without the others', as each of a crowd is told it first: it costs little, however many wait."""
    if job_id not in live.jobs:
        return None
    line, place = live.line, live.line.place(job_id)
    if place is not None:
        seconds = last_of(line.costs[:place], _lanes(engines))
        return QueuePosition(position=place, eta=None if seconds is None else now + seconds)
    for index, job in enumerate(live.held_back(), start=len(line.turns)):
        if job.id == job_id:
            return QueuePosition(position=index + 1, eta=None, paused=True)
    return _handed(engines, now, monotonic).get(job_id, QueuePosition(position=0, eta=None))


def worth_telling(before: QueuePosition | None, after: QueuePosition) -> bool:
    """Whether a person would want to know."""
    if before is None or (before.position, before.paused) != (after.position, after.paused):
        return True
    if (before.eta is None) != (after.eta is None):
        return True
    return before.eta is not None and after.eta is not None and abs(before.eta - after.eta) >= ETA_STEP


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """One engine: free in so many seconds, then painting at `pace` seconds per unit of cost."""

    free_in: float
    pace: float


def forecast(costs: Sequence[float], lanes: Sequence[Lane]) -> list[float | None]:
    """Seconds until each of these jobs, given in order of service, is done; None where no engine is known."""
    if not lanes:
        return [None] * len(costs)
    free = [(lane.free_in, index) for index, lane in enumerate(lanes)]
    heapq.heapify(free)
    done: list[float | None] = []
    for cost in costs:
        moment, index = heapq.heappop(free)
        moment += cost * lanes[index].pace
        done.append(moment)
        heapq.heappush(free, (moment, index))
    return done


def last_of(costs: Sequence[float], lanes: Sequence[Lane]) -> float | None:
    """When the last of these is done; with one engine a mere sum, however many there are."""
    if len(lanes) != 1:
        return forecast(costs, lanes)[-1]
    return lanes[0].free_in + lanes[0].pace * sum(costs)


def _handed(engines: Collection[Engine], now: float, monotonic: float) -> dict[str, QueuePosition]:
    """Jobs that engines have."""
    found = dict[str, QueuePosition]()
    for engine in engines:
        for job_id, seconds in engine.remaining(monotonic).items():
            eta = None if seconds is None or engine.link is None else now + seconds
            found[job_id] = QueuePosition(position=0, eta=eta)
    return found


def _lanes(engines: Collection[Engine]) -> list[Lane]:
    """Those of which it is known when they are free, and how fast they are."""
    return [
        Lane(free_in=engine.free_in, pace=engine.pace)
        for engine in engines
        if engine.free_in is not None and engine.pace is not None
    ]
