"""Continuous batching: which orders are admitted, and which samples share a forward. No torch: pictures count tokens.

Mean waiting is never worse than first come, first served. Two rules, each reduced to that:

- A shorter job may overtake a longer one, never the other way round. How far a long job can fall back is bounded:
  only those pass that came within PATIENCE times its own duration.
- A job joins another's forward when that costs the jobs ahead of it less time, summed up, than it saves for itself
  and everybody behind it. On a device that one picture keeps busy nothing is saved, so each job is painted alone.

Pictures with different LoRAs never share a forward. Whose turn it is has nothing to do with LoRAs, so no group of them
keeps another waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from engine.worker.scheduling.forward_time import UNMEASURED, ForwardTime

# One picture of 1024² with a long prompt: above it a larger batch no longer raises throughput, only waiting.
TOKEN_BUDGET = 4608
PATIENCE = 4.0  # times its own duration that a job lets shorter ones pass


class Batchable(Protocol):
    """A picture as the scheduler sees it: a sample, or what is expected of one."""

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
    def lora_set(self) -> Hashable:
        """The LoRAs in the transformer while it is painted: the same for all pictures of a forward."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """A picture that waits, as far as its request tells."""

    tokens: int
    rows: int
    left: int
    position: int = 0
    lora_set: Hashable = ()


Order = TypeVar("Order")
Running = TypeVar("Running", bound=Batchable)


@dataclass(kw_only=True, slots=True, eq=False)
class BatchedJob(Generic[Order, Running]):
    """The pictures of one order, before and after it was admitted. Changes with them; hence not frozen."""

    id: str
    since: float  # seconds of the scheduler's clock
    order: Order | None  # while it waits
    expected: Sequence[Expected]
    samples: list[Running] = field(default_factory=list[Running])

    @property
    def pictures(self) -> Sequence[Batchable]:
        return self.samples if self.order is None else self.expected


class Scheduler(Generic[Order, Running]):
    """Orders that wait, and samples under way. At each step border orders may be admitted and samples removed.

    With `shared` False orders are painted alone, first come, first served.
    """

    def __init__(
        self,
        *,
        forward_time: ForwardTime = UNMEASURED,
        budget: int = TOKEN_BUDGET,
        shared: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._forward_time = forward_time
        self._budget = budget
        self._shared = shared
        self._clock = clock
        self._jobs: list[BatchedJob[Order, Running]] = []  # as they came

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._jobs

    @property
    def running(self) -> Sequence[Running]:
        """Samples under way, in the order in which their orders came."""
        return tuple(sample for job in self._jobs for sample in job.samples)

    def enqueue(self, job: str, order: Order, expected: Sequence[Expected]) -> None:
        """An order comes, with what its pictures will be like."""
        self._jobs.append(BatchedJob(id=job, since=self._clock(), order=order, expected=expected))

    def next_order(self) -> Order | None:
        """An order that takes part in the next forward and has not been admitted yet, or None."""
        return next((job.order for job, _ in self._plan() if job.order is not None), None)

    def admit(self, order: Order, samples: Sequence[Running]) -> None:
        """These pictures of an order take part from the next forward on; without any, the order is gone."""
        job = next(job for job in self._jobs if job.order is order)
        job.order, job.samples = None, list(samples)
        self._drop_empty()

    def next_batch(self) -> list[Running]:
        """The samples of the next forward: those of the most urgent job, and whoever may join them."""
        return [job.samples[index] for job, index in self._plan() if job.order is None]

    def shrink_budget(self, batch: Sequence[Running]) -> None:
        """These together were too much for the device: from now on at most half of it goes into one forward."""
        self._budget = min(self._budget, token_load(batch) // 2)

    def replace(self, sample: Running, successor: Running) -> None:
        """The next part of the same picture takes the place of this one."""
        job, index = self._find(sample)
        job.samples[index] = successor

    def remove(self, sample: Running) -> None:
        """This one is done or given up."""
        job, index = self._find(sample)
        del job.samples[index]
        self._drop_empty()

    def withdraw(self, job: str) -> tuple[list[Order], list[Running]]:
        """Take everything of a job out: its orders that wait and its samples under way."""
        gone = [one for one in self._jobs if one.id == job]
        self._jobs = [one for one in self._jobs if one.id != job]
        orders = [one.order for one in gone if one.order is not None]
        return orders, [sample for one in gone for sample in one.samples]

    def _plan(self) -> list[tuple[BatchedJob[Order, Running], int]]:
        """Pictures of the next forward: the most urgent job's own, and those of every job that may join."""
        line = sorted(self._jobs, key=self._urgency)  # stable: first come among equals
        chosen: list[tuple[BatchedJob[Order, Running], int]] = []
        batch: list[Batchable] = []
        for ahead, job in enumerate(line):
            indices = self._own_batch(job.pictures)
            group = [job.pictures[index] for index in indices]
            if self._joins(batch, group, ahead=ahead, behind=len(line) - ahead - 1):
                chosen += [(job, index) for index in indices]
                batch += group
        return chosen

    def _urgency(self, job: BatchedJob[Order, Running]) -> float:
        """Smaller goes first. Falls while a job advances, so that two alike do not take turns and both end late."""
        return job.since + (PATIENCE * self._work(job.pictures) if self._shared else 0.0)

    def _work(self, pictures: Sequence[Batchable]) -> float:
        """Seconds that a job would still take alone."""
        group = len(self._own_batch(pictures))
        full, rest = divmod(sum(one.left for one in pictures), group)
        row = max(one.tokens * one.rows for one in pictures)
        seconds = self._forward_time.seconds
        return full * seconds(group * row) + (seconds(rest * row) if rest else 0.0)

    def _own_batch(self, pictures: Sequence[Batchable]) -> list[int]:
        """Which of a job's pictures go together when it is alone: least advanced first, as many as the budget holds.

        All with the same LoRAs: even one job's may differ, where a file changed between two of its pictures.
        """
        line = sorted(range(len(pictures)), key=lambda index: pictures[index].position)
        line = [index for index in line if pictures[index].lora_set == pictures[line[0]].lora_set]
        fits = [n for n in range(2, len(line) + 1) if token_load(pictures[i] for i in line[:n]) <= self._budget]
        return line[: max(fits, default=1)]

    def _joins(self, batch: Sequence[Batchable], group: Sequence[Batchable], *, ahead: int, behind: int) -> bool:
        """Whether a job joins the batch, with `ahead` jobs before it in the line and `behind` jobs after it."""
        if not batch:
            return True
        if group[0].lora_set != batch[0].lora_set:
            return False
        together = token_load([*batch, *group])
        if not self._shared or together > self._budget:
            return False
        delay = self._forward_time.seconds(together) - self._forward_time.seconds(token_load(batch))
        saved = self._forward_time.seconds(token_load(group)) - delay
        return ahead * delay < (1 + behind) * saved

    def _find(self, sample: Running) -> tuple[BatchedJob[Order, Running], int]:
        return next((job, index) for job in self._jobs for index, one in enumerate(job.samples) if one is sample)

    def _drop_empty(self) -> None:
        self._jobs = [job for job in self._jobs if job.pictures]


def token_load(batch: Iterable[Batchable]) -> int:
    """Tokens that a forward computes: every row is padded to the longest."""
    pictures = list(batch)
    return max(one.tokens for one in pictures) * sum(one.rows for one in pictures)
