"""Who boards, who leaves, and which samples share a forward. No torch: a rider is anything that counts its tokens."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

# Above about 4,600 image tokens (one picture of 1024²) a larger batch no longer raises throughput, only waiting.
TOKEN_BUDGET = 4608


class Rider(Protocol):
    """A sample as the batch sees it."""

    @property
    def job(self) -> str: ...

    @property
    def tokens(self) -> int:
        """Image tokens of its next forward, doubled under guidance."""
        ...

    @property
    def position(self) -> int:
        """Steps it has done."""
        ...


Order = TypeVar("Order")
Riding = TypeVar("Riding", bound=Rider)


class Batch(Generic[Order, Riding]):
    """Orders that wait, and samples under way. At each step border an order may board and samples may leave.

    With `shared` False, as now, the samples of one order ride alone and the next order boards when all have left;
    with True, orders board whenever the token budget has room.
    """

    def __init__(self, *, budget: int = TOKEN_BUDGET, shared: bool = False) -> None:
        self._budget = budget
        self._shared = shared
        self._waiting: deque[tuple[str, Order]] = deque()
        self._riding: list[Riding] = []

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._waiting and not self._riding

    @property
    def riding(self) -> Sequence[Riding]:
        """Samples under way, in the order in which they boarded."""
        return tuple(self._riding)

    def wait(self, job: str, order: Order) -> None:
        """An order joins the end of the line."""
        self._waiting.append((job, order))

    def next_order(self) -> Order | None:
        """The order whose samples may board at this step border, or None."""
        if not self._waiting:
            return None
        room = not self._riding or (self._shared and sum(one.tokens for one in self._riding) < self._budget)
        return self._waiting.popleft()[1] if room else None

    def board(self, samples: Sequence[Riding]) -> None:
        """These take part from the next forward on."""
        self._riding.extend(samples)

    def next_forward(self) -> list[Riding]:
        """The samples of the next forward: least advanced first, as many as the budget holds, at least one."""
        chosen: list[Riding] = []
        tokens = 0
        for sample in sorted(self._riding, key=lambda one: one.position):  # stable: boarding order among equals
            if chosen and tokens + sample.tokens > self._budget:
                continue
            chosen.append(sample)
            tokens += sample.tokens
        return chosen

    def replace(self, sample: Riding, successor: Riding) -> None:
        """The next part of the same picture takes this one's seat."""
        self._riding[self._seat(sample)] = successor

    def leave(self, sample: Riding) -> None:
        """This one is done or given up."""
        del self._riding[self._seat(sample)]

    def withdraw(self, job: str) -> tuple[list[Order], list[Riding]]:
        """Take everything of a job out: its orders that wait and its samples under way."""
        orders = [order for waiting, order in self._waiting if waiting == job]
        samples = [sample for sample in self._riding if sample.job == job]
        self._waiting = deque(one for one in self._waiting if one[0] != job)
        self._riding = [sample for sample in self._riding if sample.job != job]
        return orders, samples

    def _seat(self, sample: Riding) -> int:
        return next(index for index, one in enumerate(self._riding) if one is sample)
