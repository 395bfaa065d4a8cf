"""Requests whose pictures are on their way: counted like those in flight; each person's are read one after another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

AT_ONCE = 4  # requests; the pictures of each are in memory, with what was uploaded


@dataclass(kw_only=True, slots=True)
class _Person:
    counts: dict[object, int] = field(default_factory=dict[object, int])  # of pictures asked for, oldest request first
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class IncomingPictures:
    """In the order of coming, but no one before another person's: whoever sends many waits for their own alone."""

    def __init__(self) -> None:
        self._persons: dict[str, _Person] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    def counts(self, principal: str, *, before: object = None) -> list[int]:
        """How many pictures each of this person's requests on the way asks for; only of those that came `before`."""
        person = self._persons.get(principal)
        if person is None:
            return []
        requests = list(person.counts)
        if before in person.counts:
            requests = requests[: requests.index(before)]
        return [person.counts[request] for request in requests]

    @contextmanager
    def noted(self, principal: str, request: object, *, count: int) -> Generator[None]:
        """It is on its way while the block lasts."""
        person = self._persons.setdefault(principal, _Person())
        person.counts[request] = count
        try:
            yield
        finally:
            person.counts.pop(request, None)  # the same may have come twice
            if not person.counts:
                self._persons.pop(principal, None)

    @asynccontextmanager
    async def turn(self, principal: str) -> AsyncGenerator[None]:
        """Its pictures are read in this block. Within `noted`."""
        async with self._persons[principal].reading, self._places:
            yield
