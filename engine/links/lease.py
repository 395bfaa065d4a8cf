"""When an engine may renew its hold on its jobs: only while its step counter moves. Pure."""

from __future__ import annotations

from protocol.messages import Beat

UNKNOWN = 120.0  # seconds a step may take before any has been seen; the first of a shape may compile
SLACK = 3.0  # times the longest step so far


class Lease:
    """Fed with every beat. `least` is the shortest patience in seconds, however fast the steps are."""

    def __init__(self, least: float) -> None:
        self._least = least
        self._steps: int = -1
        self._busy = False
        self._moved = 0.0
        self._longest: float | None = None

    def renews(self, beat: Beat, now: float) -> bool:
        """Whether this beat, at monotonic second `now`, shows that the painter is idle or gets on."""
        if beat.busy and self._busy and beat.steps > self._steps:
            self._longest = max(self._longest or 0.0, now - self._moved)
        if not beat.busy or not self._busy or beat.steps != self._steps:
            self._moved = now
        self._steps, self._busy = beat.steps, beat.busy
        patience = UNKNOWN if self._longest is None else max(self._least, SLACK * self._longest)
        return now - self._moved <= patience
