"""How long a forward takes by its load: measured once, when the model is loaded. Knows nothing of torch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

CAPTION = 32  # tokens of the caption in each measured row
REPEATS = 3  # the fastest counts: other work on the machine only ever adds
TOO_SLOW = 2.0  # seconds of the smallest forward; a device so slow has nothing idle that sharing could fill


@dataclass(frozen=True, kw_only=True, slots=True)
class ForwardTime:
    """Seconds of one forward at two or more loads, rising in both. A load is the tokens of all rows with padding."""

    points: tuple[tuple[int, float], ...]

    def seconds(self, load: int) -> float:
        """Straight between the points and beyond the last; below the first it takes no less than there."""
        at = min(max(bisect_left(self.points, (load, 0.0)), 1), len(self.points) - 1)
        (left, low), (right, high) = self.points[at - 1 : at + 1]
        return low + (high - low) * max(load - left, 0) / (right - left)


# In proportion to the load, as on a processor, so that sharing gains nothing: 256² of the starter on one core.
UNMEASURED = ForwardTime(points=((0, 0.0), (256, 0.04)))


def measured(forward: Callable[[int, int], float], native: int) -> ForwardTime:
    """Time `forward(rows, image tokens of a row)` from a sixteenth of the model's `native` tokens up to about all."""
    small, medium = max(native // 16, CAPTION), max(native // 4, CAPTION)
    first = forward(1, small)  # also makes tables and loads kernels, so it is timed again below
    if first > TOO_SLOW:
        return ForwardTime(points=((0, 0.0), (small + CAPTION, first)))
    seconds = {
        rows * (tokens + CAPTION): min(forward(rows, tokens) for _ in range(REPEATS))
        for rows, tokens in ((1, small), (4, small), (4, medium))
    }
    rising = accumulate(seconds.values(), max)  # noise must not make a larger load the cheaper one
    return ForwardTime(points=tuple(zip(seconds, rising, strict=True)))
