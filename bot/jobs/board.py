"""Live jobs as memory has them: who waits, in which order they are served. The ledger is the truth behind it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from bot.jobs.fair_queue import Ticket, Turn, turns
from bot.jobs.job import Job, JobState
from bot.jobs.ledger import VirtualTimes
from bot.jobs.transitions import Charge

Closed = Callable[[Job], bool]


class Board:
    """Changed only after the ledger has committed the same change."""

    def __init__(self, times: VirtualTimes) -> None:
        self.jobs: dict[str, Job] = {}
        self._tickets: dict[str, Ticket] = {}
        self._seq = count()
        self._virtual = times.virtual
        self._finishes = dict(times.finishes)
        self._weights = times.weights

    def add(self, job: Job, *, charged: bool = False) -> None:
        """A job that was accepted, in the order of the ledger. `charged`: its turn was counted before."""
        principal = job.requester.principal
        self.jobs[job.id] = job
        self._tickets[job.id] = Ticket(
            job=job.id,
            principal=principal,
            cost=job.cost,
            seq=next(self._seq),
            priority=job.priority,
            weight=self._weights.get(principal, 1.0),
            paid=charged,
        )

    def update(self, job: Job) -> None:
        """What the ledger says now; a job that is no longer live leaves the board."""
        if job.id not in self.jobs:
            return
        if job.live:
            self.jobs[job.id] = job
        else:
            del self.jobs[job.id]
            del self._tickets[job.id]

    def order(self, closed: Closed) -> list[Turn]:
        """The turns of all waiting jobs but those that `closed` holds back."""
        waiting = (
            self._tickets[job.id] for job in self.jobs.values() if job.state is JobState.QUEUED and not closed(job)
        )
        return list(turns(waiting, virtual=self._virtual, finishes=self._finishes))

    def held_back(self, closed: Closed) -> list[Job]:
        """Waiting jobs that have no turn for now, oldest first."""
        return [job for job in self.jobs.values() if job.state is JobState.QUEUED and closed(job)]

    def charge(self, turn: Turn) -> Charge | None:
        """What this turn will do to the clocks; None when it was counted before."""
        if turn.ticket.paid:
            return None
        return Charge(principal=turn.ticket.principal, virtual=turn.start, finish=turn.finish)

    def took(self, turn: Turn) -> None:
        """The turn was taken: the clocks move, once per job."""
        ticket = turn.ticket
        if ticket.paid:
            return
        self._virtual = max(self._virtual, turn.start)
        self._finishes[ticket.principal] = turn.finish
        if ticket.job in self._tickets:
            self._tickets[ticket.job] = Ticket(
                job=ticket.job,
                principal=ticket.principal,
                cost=ticket.cost,
                seq=ticket.seq,
                priority=ticket.priority,
                weight=ticket.weight,
                paid=True,
            )
