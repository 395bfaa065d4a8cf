"""Tells a first click from the second half of a double click.

Discord sends a double click as two interactions with two ids, which are two origins and would make two jobs. A repeated
delivery of one interaction (gateway RESUME) has the same id and is caught by the ledger's unique `origin`, also across
restarts.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

SAME_CLICK = 3.0  # seconds within which a second click on the same button is the same request
_REMEMBERED = 4096  # clicks; far more than people make in three seconds


class DoubleClicks:
    """A person's click on a button of a message is noted before anything is awaited."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: OrderedDict[tuple[int, int, str], float] = OrderedDict()

    def first(self, person: int, message: int, custom_id: str) -> bool:
        """Whether this click is a new request."""
        key, now = (person, message, custom_id), self._clock()
        before = self._last.get(key)
        if before is not None and now - before < SAME_CLICK:
            return False
        self._last[key] = now
        self._last.move_to_end(key)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return True
