"""One engine's place at a broker, as the dispatcher's line to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import nats.errors

from bot.links.broker.streams import OrdersFull, OrderTooLarge, Streams
from protocol.messages import Cancel, Command, Failed, Generate, Refused, Stop, Stored

OFFER_AGAIN = 0.5  # seconds until a broker that took no order is asked again
SMALL_TALK = 256  # events that may wait to be heard; what comes on top is dropped, and said again where it matters
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
        self.joining = False
        self.ready = False
        self.refused = ""
        self.heard = 0.0
        self.stored: set[tuple[str, int]] = set()
        self._drop = drop
        self._too_large = too_large
        self._inbox = asyncio.Queue[bytes](SMALL_TALK)
        self._outbox = asyncio.Queue[Command | None]()
        self._at_work = list[asyncio.Task[None]]()

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

    def holds(self, name: str) -> bool:
        """Whether the engine here is the one of this name: at work, or just being let in."""
        return self.name == name and (self.ready or self.joining)

    def close(self, reason: str) -> None:
        """Turn it away: its jobs go elsewhere unless it comes back in time."""
        self.refused = reason
        self._outbox.put_nowait(Refused(reason=reason))
        if self.ready:
            asyncio.get_running_loop().call_soon(self._lose)

    def _lose(self) -> None:
        if self.ready:
            self._drop(self, "")

    def take(self, frame: bytes) -> None:
        """Something it said, to be heard in order; a seat that talks too much costs nobody else's time."""
        if not self._inbox.full():
            self._inbox.put_nowait(frame)

    def wake(self, tasks: asyncio.TaskGroup, streams: Streams, hear: Callable[[Seat, bytes], Awaitable[None]]) -> None:
        """Have what it said be heard, and what is sent to it be said."""
        if all(task.done() for task in self._at_work):
            self._at_work = [tasks.create_task(self._speak(streams)), tasks.create_task(self._listen(hear))]

    def rest(self) -> None:
        """Say and hear nothing more."""
        self.ready = False
        for task in self._at_work:
            task.cancel()
        self._at_work = []

    async def _listen(self, hear: Callable[[Seat, bytes], Awaitable[None]]) -> None:
        while True:
            await hear(self, await self._inbox.get())

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
        """Leave an order at the broker, for as long as its engine is there to be given one."""
        said, number = False, streams.number()
        while True:
            try:
                await streams.order(self.id, order, engine=self.name, number=number)
            except OrderTooLarge:
                failures = [Failed(job=order.job, attempt=order.attempt, k=k, code="too-heavy") for k in order.wanted]
                await self._too_large(self, failures)
            except OrdersFull as full:
                if not said:
                    log.warning("the broker takes no order for engine %s: %s", self.name, full)
                said = True
                await asyncio.sleep(OFFER_AGAIN)
                continue
            except BROKER_ERRORS:
                await asyncio.sleep(OFFER_AGAIN)
                continue
            return
