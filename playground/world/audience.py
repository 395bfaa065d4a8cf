"""Who is looking at the page right now, and what they are told."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playground.wire.jsons import Json
from playground.world.people import Person

MOST_UNSEEN = 500  # events a stalled page may fall behind before it is dropped and has to reload


@dataclass(slots=True, eq=False)
class Viewer:
    """One open page."""

    person: Person
    events: asyncio.Queue[Json | None] = field(default_factory=lambda: asyncio.Queue[Json | None]())


class Audience:
    """Passes events to every page whose person may see them."""

    def __init__(self) -> None:
        self._viewers: list[Viewer] = []

    @contextmanager
    def watching(self, person: Person) -> Generator[Viewer]:
        viewer = Viewer(person)
        self._viewers.append(viewer)
        try:
            yield viewer
        finally:
            self._viewers.remove(viewer)

    def tell_viewers(self, event: Json, *, only: str | None = None) -> None:
        """To all, or to the pages of the one person with the id `only`."""
        self.tell_each_viewer(lambda person: event if only in (None, person.id) else None)

    def tell_each_viewer(self, event_for: Callable[[Person], Json | None]) -> None:
        for viewer in self._viewers:
            event = event_for(viewer.person)
            if event is not None:
                full = viewer.events.qsize() >= MOST_UNSEEN
                viewer.events.put_nowait(None if full else event)

    def close(self) -> None:
        for viewer in self._viewers:
            viewer.events.put_nowait(None)
