"""Start-time fair queueing: whose job is next, and what that means for everybody's place and time. Pure.

Each person has a virtual time that grows by cost / weight with each job that starts; the least one is served.
Who was idle starts at the current virtual time, so nobody saves up turns (Goyal, Vin and Cheng, 1996).
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
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


class Line:
    """Everybody's turns, drawn up once and kept in order, so that who comes or goes costs no replay.

    At which virtual time a turn starts depends on its person's earlier turns alone, as long as none is served before
    an earlier one: the next starts where the last ends. Turns are served by that time, equal ones as they came.
    """

    def __init__(self, waiting: Iterable[Ticket], *, virtual: float, finishes: Mapping[str, float]) -> None:
        self.turns = list(turns(waiting, virtual=virtual, finishes=finishes))
        self.costs = [turn.ticket.cost for turn in self.turns]
        self._keys = [_key(turn) for turn in self.turns]
        self._by_job = {turn.ticket.job: turn for turn in self.turns}
        self._virtual = virtual
        self._ends = {**finishes, **{turn.ticket.principal: turn.finish for turn in self.turns if not turn.ticket.paid}}

    def add(self, ticket: Ticket) -> bool:
        """A ticket that has just come; False where only a new line can tell where it belongs."""
        if ticket.paid or (self.turns and not self._is_of_one_class(ticket.priority)):
            return False
        start = max(self._ends.get(ticket.principal, 0.0), self._virtual)
        turn = Turn(ticket=ticket, start=start, finish=start + ticket.cost / ticket.weight)
        index = bisect_left(self._keys, _key(turn))
        self.turns.insert(index, turn)
        self.costs.insert(index, ticket.cost)
        self._keys.insert(index, _key(turn))
        self._by_job[ticket.job] = turn
        self._ends[ticket.principal] = turn.finish
        return True

    def serve(self, turn: Turn) -> bool:
        """This turn was taken; False where it passed others, and only a new line can tell what that means for them."""
        if self._by_job.get(turn.ticket.job) != turn or not self._is_of_one_class(turn.ticket.priority):
            return False
        first = next((other for other in self.turns if not other.ticket.paid), turn)
        if not turn.ticket.paid:
            if first.start < turn.start:
                return False
            self._virtual = turn.start
        index = bisect_left(self._keys, _key(turn))
        del self.turns[index], self.costs[index], self._keys[index], self._by_job[turn.ticket.job]
        return True

    def place(self, job: str) -> int | None:
        """1 for the first; None for a job that has no turn here."""
        turn = self._by_job.get(job)
        return None if turn is None else bisect_left(self._keys, _key(turn)) + 1

    def _is_of_one_class(self, priority: int) -> bool:
        return self.turns[0].ticket.priority == self.turns[-1].ticket.priority == priority


def _key(turn: Turn) -> tuple[int, bool, float, int]:
    """The order of service."""
    ticket = turn.ticket
    return -ticket.priority, not ticket.paid, 0.0 if ticket.paid else turn.start, ticket.seq
