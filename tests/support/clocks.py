"""Clocks that tests turn by hand, and countable ids and seeds."""

from __future__ import annotations

from itertools import count


class ManualClock:
    """Call it for the time; `advance` moves it."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def counted_ids(prefix: str = "job") -> IdSource:
    """`jobaaaaaaaaaaaa1`-like ids of 16 characters, in order."""
    return IdSource(prefix)


class IdSource:
    """Ids that sort in the order of their making."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._numbers = count(1)

    def __call__(self) -> str:
        return f"{self._prefix}{next(self._numbers):0{16 - len(self._prefix)}d}"
