"""One engine's place at a broker, as the dispatcher's line to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import nats.errors

from bot.links.streams import Full, Streams
from engine.protocol import Cancel, Command, Failed, Generate, Refused, Stop, Stored

PATIENCE = 5.0  # seconds for which an order is offered to a broker that does not take it
BROKER_ERRORS = (nats.errors.Error, OSError, TimeoutError)

log = logging.getLogger(__name__)


class Seat:
    """An EngineLink. `heard` is the link's own time of the last word from it."""

    def __init__(
        self,
        seat_id: str,
        *,
        drop: Callable[[Seat, str], None],
        too_large: Callable[[Seat, list[Failed]], Awaitable[None]],
    ) -> None:
        self.id = seat_id
        self.name = ""
        self.loading = ""
        self.ready = False
        self.refused = ""
        self.heard = 0.0
        self.stored: set[tuple[str, int]] = set()
        self._drop = drop
        self._too_large = too_large
        self._outbox = asyncio.Queue[Command | None]()
        self._speaking: asyncio.Task[None] | None = None

    def send(self, command: Command) -> None:
        match command:
            case Stop():
                return  # it belongs to the machine where it was started; another bot may come for it
            case Stored(job=job, k=k):
                self.stored.add((job, k))
            case _:
                pass
        self._outbox.put_nowait(command)

    def ask(self) -> None:
        """Have it say who it is."""
        self._outbox.put_nowait(None)

    def close(self, reason: str) -> None:
        """Turn it away: its jobs go elsewhere unless it comes back in time."""
        self.refused = reason
        self._outbox.put_nowait(Refused(reason=reason))
        if self.ready:
            asyncio.get_running_loop().call_soon(self._lose)

    def _lose(self) -> None:
        if self.ready:
            self._drop(self, "")

    def wake(self, tasks: asyncio.TaskGroup, streams: Streams) -> None:
        """Have what is sent be said."""
        if self._speaking is None or self._speaking.done():
            self._speaking = tasks.create_task(self._speak(streams))

    def rest(self) -> None:
        """Say nothing more than what was said."""
        self.ready = False
        if self._speaking is not None:
            self._speaking.cancel()
            self._speaking = None

    async def _speak(self, streams: Streams) -> None:
        while True:
            command = await self._outbox.get()
            try:
                match command:
                    case Generate():
                        await self._order(streams, command)
                    case Cancel(job=job):
                        await streams.tell(self.id, command)
                        await streams.take_back(self.id, job)
                    case _:
                        await streams.tell(self.id, command)
            except BROKER_ERRORS as error:
                log.info("a word to engine %s was lost: %s", self.name, error or type(error).__name__)

    async def _order(self, streams: Streams, order: Generate) -> None:
        """An order that the broker does not take in time is lost here; an idle engine gets it again."""
        if not streams.fits(order):
            failures = [Failed(job=order.job, attempt=order.attempt, k=k, code="too-large") for k in order.wanted]
            await self._too_large(self, failures)
            return
        said = False
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while True:
            try:
                await streams.order(self.id, order)
            except Full as full:
                if not said:
                    log.warning("the broker takes no order for engine %s: %s", self.name, full)
                    said = True
            except BROKER_ERRORS:
                if loop.time() > until:
                    raise
            else:
                return
            if loop.time() > until:
                return
            await asyncio.sleep(0.5)
