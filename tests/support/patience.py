"""Waiting for what other processes do: poll until it is so, or fail after half a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

PATIENCE = 30.0  # seconds


async def until(check: Callable[[], object], *, patience: float = PATIENCE) -> None:
    """Return as soon as `check()` is true. Raises TimeoutError."""
    async with asyncio.timeout(patience):
        while not check():  # noqa: ASYNC110  other processes set no asyncio.Event
            await asyncio.sleep(0.01)


async def quickest(measure: Callable[[int], Awaitable[float]], *, within: float, tries: int = 5) -> float:
    """The least of so many measured seconds: a busy machine only ever adds to them. Ends early with one `within`."""
    least = float("inf")
    for number in range(tries):
        least = min(least, await measure(number))
        if least <= within:
            break
    return least


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
