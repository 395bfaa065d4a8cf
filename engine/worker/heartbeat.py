"""How the torch thread shows that it lives; read by the main thread, which tells bot and supervisor."""

from __future__ import annotations


class Heartbeat:
    """A counter of finished pieces of work (steps, encodings, decodings), and whether work is going on.

    Written by one thread, read by another; each is a single assignment.
    """

    __slots__ = ("busy", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self.busy = False

    def beat(self) -> None:
        """One more piece of work is done."""
        self.steps += 1
