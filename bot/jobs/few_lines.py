"""A filter of the log for what may be said without end."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable


class FewLines(logging.Filter):
    """Of one and the same message a line in so many seconds; the next says how many there were meanwhile.

    For what anybody can cause who reaches a port.
    """

    def __init__(self, *, seconds: float = 60.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._monotonic = monotonic
        self._next: dict[str, float] = {}
        self._untold = Counter[str]()

    def filter(self, record: logging.LogRecord) -> bool:
        message, now = record.msg, self._monotonic()
        if now < self._next.get(message, now):
            self._untold[message] += 1
            return False
        self._next[message] = now + self._seconds
        if untold := self._untold.pop(message, 0):
            record.msg = f"{message} ({untold} times more since the last such line)"
        return True
