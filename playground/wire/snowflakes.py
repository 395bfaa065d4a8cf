"""Discord's ids: milliseconds since 2015 in the high bits, so that ids sort by time."""

from collections.abc import Callable

DISCORD_EPOCH_MS = 1_420_070_400_000


class Snowflakes:
    """Hands out rising ids as strings; `wall` is seconds since 1970."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._last = 0

    def __call__(self) -> str:
        from_clock = (int(self._wall() * 1000) - DISCORD_EPOCH_MS) << 22
        self._last = max(from_clock, self._last + 1)
        return str(self._last)


def first_at(seconds: float) -> int:
    """The smallest id of a moment in seconds since 1970."""
    return max(int(seconds * 1000) - DISCORD_EPOCH_MS, 0) << 22


def seconds_of(snowflake: str) -> float:
    """When an id was made, in seconds since 1970."""
    return ((int(snowflake) >> 22) + DISCORD_EPOCH_MS) / 1000
