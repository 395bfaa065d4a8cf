"""Live jobs as memory has them, and the order in which those that wait are served. The ledger is the truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import count

from bot.jobs.job import Job
from bot.jobs.states import JobState
from bot.queue.fair_queue import Line, Ticket, Turn
from bot.storage.jobs import Charge, VirtualTimes


class LiveJobs:
    """Changed only after the ledger has committed the same change."""

    def __init__(self, times: VirtualTimes) -> None:
        self.jobs: dict[str, Job] = {}
        self._tickets: dict[str, Ticket] = {}
        self._seq = count()
        self._virtual = times.virtual
        self._finishes = dict(times.finishes)
        self._weights = times.weights
        self._paused: frozenset[int | None] = frozenset()
        self._states = Counter[JobState]()
        self._persons = Counter[str]()
        self._line: Line | None = None  # to be drawn up anew

    def add(self, job: Job, *, charged: bool = False) -> None:
        """A job that was accepted, in the order of the ledger. `charged`: its turn was counted before."""
        principal = job.requester.principal
        ticket = Ticket(
            job=job.id,
            principal=principal,
            cost=job.cost,
            seq=next(self._seq),
            priority=job.priority,
            weight=self._weights.get(principal, 1.0),
            paid=charged,
        )
        self.jobs[job.id] = job
        self._tickets[job.id] = ticket
        self._states[job.state] += 1
        self._persons[principal] += 1
        if self._line is not None and self._has_turn(job) and not self._line.add(ticket):
            self._line = None

    def update(self, job: Job) -> None:
        """What the ledger says now; a job that has ended is no longer here."""
        before = self.jobs.get(job.id)
        if before is None:
            return
        self._states[before.state] -= 1
        if job.live:
            self.jobs[job.id] = job
            self._states[job.state] += 1
        else:
            del self.jobs[job.id]
            del self._tickets[job.id]
            self._leave(job.requester.principal)
        stood = self._line is not None and self._line.place(job.id) is not None
        if stood != (job.live and self._has_turn(job)):
            self._line = None

    @property
    def paused(self) -> frozenset[int | None]:
        """Guilds whose jobs are held back; None stands for everything."""
        return self._paused

    @paused.setter
    def paused(self, places: frozenset[int | None]) -> None:
        self._paused = places
        self._line = None

    def is_held_back(self, guild: int | None) -> bool:
        """Whether a pause holds jobs from there back."""
        return None in self._paused or guild in self._paused

    @property
    def waiting(self) -> int:
        """How many jobs nobody paints yet."""
        return self._states[JobState.QUEUED] + self._states[JobState.OFFERED]

    def in_flight(self, principal: str) -> int:
        """How many live jobs this person has."""
        return self._persons[principal]

    def of(self, principal: str) -> list[Job]:
        """This person's, oldest first."""
        return [job for job in self.jobs.values() if job.requester.principal == principal]

    @property
    def line(self) -> Line:
        """The turns of all waiting jobs but those that a pause holds back."""
        if self._line is None:
            waiting = (self._tickets[job.id] for job in self.jobs.values() if self._has_turn(job))
            self._line = Line(waiting, virtual=self._virtual, finishes=self._finishes)
        return self._line

    def in_order(self) -> list[Job]:
        """Waiting jobs in order of service; those held back by a pause come last."""
        return [self.jobs[turn.ticket.job] for turn in self.line.turns] + self.held_back()

    def handed_out(self) -> list[Job]:
        """Those that an engine has."""
        return [job for job in self.jobs.values() if job.state is not JobState.QUEUED]

    def held_back(self) -> list[Job]:
        """Waiting jobs that have no turn for now, oldest first."""
        if not self._paused:
            return []
        return [job for job in self.jobs.values() if job.state is JobState.QUEUED and not self._has_turn(job)]

    def charge(self, turn: Turn) -> Charge | None:
        """What this turn will do to the clocks; None when it was counted before."""
        if turn.ticket.paid:
            return None
        return Charge(principal=turn.ticket.principal, virtual=turn.start, finish=turn.finish)

    def served(self, turn: Turn) -> None:
        """This turn was taken: the clocks move, once per job."""
        ticket = turn.ticket
        if self._line is not None and not self._line.serve(turn):
            self._line = None
        if ticket.paid:
            return
        self._virtual = max(self._virtual, turn.start)
        self._finishes[ticket.principal] = turn.finish
        if ticket.job in self._tickets:
            self._tickets[ticket.job] = replace(ticket, paid=True)

    def _has_turn(self, job: Job) -> bool:
        return job.state is JobState.QUEUED and not self.is_held_back(job.requester.guild)

    def _leave(self, principal: str) -> None:
        self._persons[principal] -= 1
        if not self._persons[principal]:
            del self._persons[principal]
