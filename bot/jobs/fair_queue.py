"""Start-time fair queueing: whose job is next, and what that means for everybody's place and time. Pure.

Each person has a virtual time that grows by cost / weight with each job that starts; the least one is served.
Who was idle starts at the current virtual time, so nobody saves up turns (Goyal, Vin and Cheng, 1996).
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """A waiting job. `seq` is the order of arrival; `paid` marks one that was served before and lost its engine."""

    job: str
    principal: str
    cost: float  # megapixel-forwards
    seq: int
    priority: int = 0
    weight: float = 1.0
    paid: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A job served: the virtual time is `start` from now on, and that of its person `finish`."""

    ticket: Ticket
    start: float
    finish: float


def turns(waiting: Iterable[Ticket], *, virtual: float, finishes: Mapping[str, float]) -> Iterator[Turn]:
    """Everybody's turn in order of service: the higher priority, then paid ones, then the least virtual time.

    `finishes` holds the virtual times of persons; the first Turn is the one to serve now, the rest is a replay.
    """
    clocks = dict(finishes)
    by_priority: defaultdict[int, list[Ticket]] = defaultdict(list)
    for ticket in waiting:
        by_priority[ticket.priority].append(ticket)
    for priority in sorted(by_priority, reverse=True):
        tickets = sorted(by_priority[priority], key=lambda ticket: ticket.seq)
        for ticket in tickets:
            if ticket.paid:
                yield Turn(ticket=ticket, start=virtual, finish=clocks.get(ticket.principal, 0.0))
        for turn in _class_turns([ticket for ticket in tickets if not ticket.paid], virtual, clocks):
            virtual = turn.start
            yield turn


def _class_turns(tickets: list[Ticket], virtual: float, clocks: dict[str, float]) -> Iterator[Turn]:
    """Serve one priority class. `behind` holds persons at or before the virtual time (equal: the earlier ticket
    wins), `ahead` those beyond it; each person stands in one of them with the head of their own line."""
    lines: defaultdict[str, deque[Ticket]] = defaultdict(deque)
    for ticket in tickets:
        lines[ticket.principal].append(ticket)
    behind: list[tuple[int, str]] = []
    ahead = [(clocks.get(principal, 0.0), line[0].seq, principal) for principal, line in lines.items()]
    heapq.heapify(ahead)
    while ahead or behind:
        if not behind:
            virtual = max(virtual, ahead[0][0])
        while ahead and ahead[0][0] <= virtual:
            _, seq, principal = heapq.heappop(ahead)
            heapq.heappush(behind, (seq, principal))
        _, principal = heapq.heappop(behind)
        ticket = lines[principal].popleft()
        clocks[principal] = virtual + ticket.cost / ticket.weight
        yield Turn(ticket=ticket, start=virtual, finish=clocks[principal])
        if lines[principal]:
            heapq.heappush(ahead, (clocks[principal], lines[principal][0].seq, principal))


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
