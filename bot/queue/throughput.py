"""How fast an engine paints: work done by busy time, so that jobs that share the time count it once."""

from __future__ import annotations

from dataclasses import dataclass

SMOOTHING = 0.3  # weight of the newest job


@dataclass(kw_only=True, slots=True)
class Throughput:
    """`pace` is seconds per unit of cost; None until a job has shown it. Times are monotonic seconds. Mutable."""

    pace: float | None = None
    _since: float | None = None  # busy, and counted up to this moment
    _fresh_seconds: float = 0.0  # since the pace was last taken
    _fresh_work: float = 0.0
    _seconds: float = 0.0  # before that, the recent past counting most
    _work: float = 0.0

    @property
    def running(self) -> bool:
        """Whether its time counts."""
        return self._since is not None

    def run(self, now: float) -> None:
        """It is busy from now on, if it was not."""
        if self._since is None:
            self._since = now

    def rest(self, now: float) -> None:
        """It has nothing to do from now on."""
        self._count(now)
        self._since = None

    def lose_sight(self) -> None:
        """What it does from now on cannot be seen: neither time nor work since the pace was last taken count."""
        self._since = None
        self._fresh_seconds = self._fresh_work = 0.0

    def did(self, work: float) -> None:
        """So many units of cost are done."""
        self._fresh_work += work

    def take(self, now: float) -> None:
        """A job is done: what was seen since the last time enters the pace."""
        self._count(now)
        if self._fresh_work <= 0:
            return
        if self.pace is not None and not self._work:  # known from an earlier process: as if many such jobs had shown it
            self._work = self._fresh_work / SMOOTHING
            self._seconds = self.pace * self._work
        self._seconds = (1 - SMOOTHING) * self._seconds + self._fresh_seconds
        self._work = (1 - SMOOTHING) * self._work + self._fresh_work
        self._fresh_seconds = self._fresh_work = 0.0
        self.pace = self._seconds / self._work

    def _count(self, now: float) -> None:
        if self._since is not None:
            self._fresh_seconds += max(now - self._since, 0.0)
            self._since = now
