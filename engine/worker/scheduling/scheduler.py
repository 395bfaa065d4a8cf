"""Who boards, who leaves, and which samples share a forward. No torch: a rider is anything that counts its tokens.

Mean waiting is never worse than first come, first served. Two rules, each reduced to that:

- A shorter job may overtake a longer one, never the other way round. How far a long job can fall back is bounded:
  only those pass that came within PATIENCE times its own duration.
- A job joins another's forward when that costs the jobs ahead of it less time, summed up, than it saves for itself
  and everybody behind it. On a device that one picture keeps busy nothing is saved, so each job rides alone.

Riders of different outfits never share a forward. Whose turn it is has nothing to do with outfits, so no group of them
keeps another waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from engine.worker.scheduling.forward_time import UNMEASURED, Pace

# One picture of 1024² with a long prompt: above it a larger batch no longer raises throughput, only waiting.
TOKEN_BUDGET = 4608
PATIENCE = 4.0  # times its own duration that a job lets shorter ones pass


class Rider(Protocol):
    """A sample as the batch sees it."""

    @property
    def tokens(self) -> int:
        """Length of one of its rows in the transformer: image and caption."""
        ...

    @property
    def rows(self) -> int:
        """Rows it takes in a forward: two under guidance."""
        ...

    @property
    def position(self) -> int:
        """Steps it has done."""
        ...

    @property
    def left(self) -> int:
        """Steps it has yet to do."""
        ...

    @property
    def outfit(self) -> Hashable:
        """What the transformer must wear for it: the same for all riders of a forward."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """A picture that waits, as far as its request tells."""

    tokens: int
    rows: int
    left: int
    position: int = 0
    outfit: Hashable = ()


Order = TypeVar("Order")
Riding = TypeVar("Riding", bound=Rider)


@dataclass(kw_only=True, slots=True, eq=False)
class Party(Generic[Order, Riding]):
    """The pictures of one order, before and after they boarded. Changes with them; hence not frozen."""

    job: str
    since: float  # seconds of the batch's clock
    order: Order | None  # while it waits
    expected: Sequence[Expected]
    samples: list[Riding] = field(default_factory=list[Riding])

    @property
    def riders(self) -> Sequence[Rider]:
        return self.samples if self.order is None else self.expected


class Batch(Generic[Order, Riding]):
    """Orders that wait, and samples under way. At each step border orders may board and samples may leave.

    With `shared` False orders ride alone, first come, first served.
    """

    def __init__(
        self,
        *,
        pace: Pace = UNMEASURED,
        budget: int = TOKEN_BUDGET,
        shared: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pace = pace
        self._budget = budget
        self._shared = shared
        self._clock = clock
        self._parties: list[Party[Order, Riding]] = []  # as they came

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._parties

    @property
    def riding(self) -> Sequence[Riding]:
        """Samples under way, in the order in which their orders came."""
        return tuple(sample for party in self._parties for sample in party.samples)

    def wait(self, job: str, order: Order, expected: Sequence[Expected]) -> None:
        """An order comes, with what its pictures will be like."""
        self._parties.append(Party(job=job, since=self._clock(), order=order, expected=expected))

    def next_order(self) -> Order | None:
        """An order that takes part in the next forward and has not boarded yet, or None."""
        return next((party.order for party, _ in self._plan() if party.order is not None), None)

    def board(self, order: Order, samples: Sequence[Riding]) -> None:
        """These pictures of an order take part from the next forward on; without any, the order is gone."""
        party = next(party for party in self._parties if party.order is order)
        party.order, party.samples = None, list(samples)
        self._drop_empty()

    def next_forward(self) -> list[Riding]:
        """The samples of the next forward: those of the most urgent job, and whoever may join them."""
        return [party.samples[seat] for party, seat in self._plan() if party.order is None]

    def shrink(self, company: Sequence[Riding]) -> None:
        """These together were too much for the device: from now on at most half of it rides in one forward."""
        self._budget = min(self._budget, load(company) // 2)

    def replace(self, sample: Riding, successor: Riding) -> None:
        """The next part of the same picture takes this one's seat."""
        party, seat = self._seat(sample)
        party.samples[seat] = successor

    def leave(self, sample: Riding) -> None:
        """This one is done or given up."""
        party, seat = self._seat(sample)
        del party.samples[seat]
        self._drop_empty()

    def withdraw(self, job: str) -> tuple[list[Order], list[Riding]]:
        """Take everything of a job out: its orders that wait and its samples under way."""
        gone = [party for party in self._parties if party.job == job]
        self._parties = [party for party in self._parties if party.job != job]
        orders = [party.order for party in gone if party.order is not None]
        return orders, [sample for party in gone for sample in party.samples]

    def _plan(self) -> list[tuple[Party[Order, Riding], int]]:
        """Seats of the next forward: the most urgent job's own, and those of every job that may join."""
        line = sorted(self._parties, key=self._urgency)  # stable: first come among equals
        chosen: list[tuple[Party[Order, Riding], int]] = []
        company: list[Rider] = []
        for ahead, party in enumerate(line):
            seats = self._own_forward(party.riders)
            group = [party.riders[seat] for seat in seats]
            if self._joins(company, group, ahead=ahead, behind=len(line) - ahead - 1):
                chosen += [(party, seat) for seat in seats]
                company += group
        return chosen

    def _urgency(self, party: Party[Order, Riding]) -> float:
        """Smaller goes first. Falls while a job advances, so that two alike do not take turns and both end late."""
        return party.since + (PATIENCE * self._work(party.riders) if self._shared else 0.0)

    def _work(self, riders: Sequence[Rider]) -> float:
        """Seconds that a job would still take alone."""
        group = len(self._own_forward(riders))
        full, rest = divmod(sum(one.left for one in riders), group)
        row = max(one.tokens * one.rows for one in riders)
        return full * self._pace.seconds(group * row) + (self._pace.seconds(rest * row) if rest else 0.0)

    def _own_forward(self, riders: Sequence[Rider]) -> list[int]:
        """The seats of a job's next forward when it rides alone: least advanced first, as many as the budget holds.

        All of one outfit: even one job's may differ, where a file changed between two of its pictures.
        """
        seats = sorted(range(len(riders)), key=lambda seat: riders[seat].position)
        seats = [seat for seat in seats if riders[seat].outfit == riders[seats[0]].outfit]
        fits = [n for n in range(2, len(seats) + 1) if load(riders[seat] for seat in seats[:n]) <= self._budget]
        return seats[: max(fits, default=1)]

    def _joins(self, company: Sequence[Rider], group: Sequence[Rider], *, ahead: int, behind: int) -> bool:
        """Whether a job rides along, with `ahead` jobs before it in the line and `behind` jobs after it."""
        if not company:
            return True
        if group[0].outfit != company[0].outfit:
            return False
        together = load([*company, *group])
        if not self._shared or together > self._budget:
            return False
        delay = self._pace.seconds(together) - self._pace.seconds(load(company))
        saved = self._pace.seconds(load(group)) - delay
        return ahead * delay < (1 + behind) * saved

    def _seat(self, sample: Riding) -> tuple[Party[Order, Riding], int]:
        return next((party, seat) for party in self._parties for seat, one in enumerate(party.samples) if one is sample)

    def _drop_empty(self) -> None:
        self._parties = [party for party in self._parties if party.riders]


def load(company: Iterable[Rider]) -> int:
    """Tokens that a forward computes: every row is padded to the longest."""
    riders = list(company)
    return max(one.tokens for one in riders) * sum(one.rows for one in riders)
