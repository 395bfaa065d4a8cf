"""The bot's side of NATS JetStream: engines anywhere sit at a broker, the ledger stays the only truth.

The broker keeps orders until engines have them and pictures until the bot has them; everything else is said once.
Whatever a seat does wrong costs that seat alone, with one line in the log.
"""

# pyright: reportUnknownMemberType=false
# (nats-py leaves some of its parameters without types)

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from nats.aio.client import Client
from nats.aio.msg import Msg

from bot.links.broker.parts import PartStore
from bot.links.broker.results import ReceivedResults
from bot.links.broker.seat import BROKER_ERRORS, Seat
from bot.links.broker.steps import Steps
from bot.links.broker.streams import Streams
from bot.queue.engine_events import EngineEvents
from bot.queue.recovery import GRACE
from protocol import broker, frames
from protocol.messages import PROTOCOL, Beat, BotHello, Cancelled, EngineHello, Event, Failed, Finished, Loading

DEAF_AFTER = 3 * broker.PULSE  # seconds without an echo
LOOK_AFTER = 30.0  # seconds between two looks at the streams, which somebody may have deleted
TIDY = 3600.0  # seconds between two looks at parts that never became whole

log = logging.getLogger(__name__)


@asynccontextmanager
async def broker_link(
    events: EngineEvents,
    *,
    access: broker.Access,
    build: str,
    parts: Path,
    lease: float = broker.LEASE,
    grace: float = GRACE,
) -> AsyncGenerator[EnginesAtBroker, None]:
    """At the broker until the block ends; a broker that is away is dialled for ever.

    `parts` is a folder for large pictures that are still to become whole.
    """
    link = EnginesAtBroker(events, access=access, build=build, parts=PartStore(parts), lease=lease, grace=grace)
    working = asyncio.create_task(link.run(), name="broker")
    working.add_done_callback(_report)
    try:
        yield link
    finally:
        await broker.ended(working, again=5.0)  # it has something to say before it goes
        with suppress(asyncio.CancelledError):
            await working
        await link.finished()


def _report(task: asyncio.Task[None]) -> None:
    """A bug that ends this link is said when it happens: nobody looks at the task before the bot leaves."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("the link to the broker has ended; restart the bot", exc_info=error)


class EnginesAtBroker:
    """Seats of engines at one broker."""

    def __init__(
        self, events: EngineEvents, *, access: broker.Access, build: str, parts: PartStore, lease: float, grace: float
    ) -> None:
        self.seats: dict[str, Seat] = {}
        self._events = events
        self._access = access
        self._build = build
        self._parts = parts
        self._steps = Steps()
        self._results = ReceivedResults(events, parts, steps=self._steps, seat=self._seat, refuse=self._refuse)
        self._name = secrets.token_hex(8).encode()  # of this bot process, so that engines notice a new one
        # The dispatcher adds its grace, and a lapse is noticed up to one pulse late.
        self._term = max(lease - grace - broker.PULSE, 3 * broker.PULSE)
        self._clock = 0.0  # seconds during which the broker was there: nobody is late while it is away
        self._echoed: float | None = None
        self._forgotten = True  # the broker may have lost its streams, and engines what we said
        self._ensured = 0.0  # monotonic seconds
        self._strange = False  # somebody spoke from where no engine sits
        self._tasks: asyncio.TaskGroup | None = None
        self._streams: Streams | None = None

    async def run(self) -> None:
        """Dial and work for ever."""
        said = ""
        self._events.deaf(self, True)
        while True:
            try:
                async with broker.connected(self._access, seat=broker.BOT_SEAT, back=self._came_back) as client:
                    await self._work(client)
            except* (*BROKER_ERRORS, broker.BrokenCredentials) as errors:
                sentence = f"{type(errors.exceptions[0]).__name__} {errors.exceptions[0]}"
                if sentence != said:
                    log.warning("the broker cannot be used: %s", sentence)
                    said = sentence
            await asyncio.sleep(broker.DIAL_AGAIN)

    async def finished(self) -> None:
        """Wait until what was heard is written down."""
        await self._steps.finished()

    def _came_back(self) -> None:
        self._forgotten = True

    async def _work(self, client: Client) -> None:
        """Until the connection is closed for good."""
        events = await client.subscribe(broker.EVENTS)
        pictures = await client.subscribe(broker.IN_TRAY, pending_bytes_limit=-1)
        echoes = await client.subscribe(broker.CALL)
        self._streams = Streams(client, bot=self._name.decode())
        self._forgotten = True
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            owned = [
                tasks.create_task(self._hear_events(events.messages)),
                tasks.create_task(self._results.receive(pictures.messages)),
                tasks.create_task(self._hear_echoes(echoes.messages)),
                tasks.create_task(self._tidy()),
            ]
            try:
                await self._call(client)
            finally:
                self._tasks = None
                for seat in self.seats.values():
                    seat.rest()
                await broker.ended(*owned)

    async def _call(self, client: Client) -> None:
        """Tell everybody every PULSE seconds that this bot is here; make streams anew after the broker was away."""
        while not client.is_closed:
            if self._echoed is None or time.monotonic() - self._echoed > DEAF_AFTER:
                self._events.deaf(self, True)
            with suppress(*BROKER_ERRORS):
                if client.is_connected:
                    await self._look_after_streams()
                if client.is_connected:
                    await client.publish(broker.CALL, self._name)
            await asyncio.sleep(broker.PULSE)

    async def _look_after_streams(self) -> None:
        if self._streams is None or not (self._forgotten or time.monotonic() - self._ensured > LOOK_AFTER):
            return
        forgotten, self._forgotten = self._forgotten, False
        try:
            await self._streams.ensure([seat.id for seat in self.seats.values() if seat.ready])
        except BaseException:
            self._forgotten |= forgotten
            raise
        self._ensured = time.monotonic()
        if forgotten:  # who sits there may have changed while nothing could be heard
            for seat in self.seats.values():
                seat.ask()

    async def _tidy(self) -> None:
        while True:
            await self._parts.tidy()
            await asyncio.sleep(TIDY)

    # Time

    async def _hear_echoes(self, messages: AsyncIterator[Msg]) -> None:
        """Each own call that comes back shows that the broker passes things on; only then does time count."""
        async for message in messages:
            if message.data != self._name:
                continue
            now = time.monotonic()
            if self._echoed is not None:
                self._clock += min(now - self._echoed, 2 * broker.PULSE)
            self._echoed = now
            self._events.deaf(self, False)
            for seat in list(self.seats.values()):
                if self._clock - seat.heard > self._term:
                    self._drop(seat, "has said nothing for too long" if seat.ready else "")

    def _drop(self, seat: Seat, why: str) -> None:
        """Its engine is gone, or was turned away."""
        if why:
            log.info("engine %s %s", seat.name or "without a name", why)
        if seat.loading:
            self._events.not_loading(seat.loading)
        self._events.lost(seat, seat.name)  # ready or not: it may have rested since it was
        seat.rest()
        if self.seats.get(seat.id) is seat:
            del self.seats[seat.id]
        if self._tasks is not None and self._streams is not None:
            self._tasks.create_task(self._clear(self._streams, seat.id))

    async def _clear(self, streams: Streams, seat_id: str) -> None:
        if seat_id not in self.seats:  # else somebody sits there again, and what lies there may be theirs
            await streams.clear(seat_id)

    # Hearing

    def _seat(self, seat_id: str) -> Seat:
        seat = self.seats.get(seat_id)
        if seat is None:
            seat = self.seats[seat_id] = Seat(seat_id, drop=self._drop, too_large=self._cannot_travel)
        if self._tasks is not None and self._streams is not None:
            seat.wake(self._tasks, self._streams, lambda seat, frame: self._steps.take(self._hear(seat, frame)))
        return seat

    async def _hear_events(self, messages: AsyncIterator[Msg]) -> None:
        async for message in messages:
            seat_id = message.subject.rsplit(".", 1)[-1]
            if not broker.is_seat(seat_id):
                if not self._strange:
                    self._strange = True
                    log.warning("somebody speaks at the broker from where no engine can sit, and is not heard")
                continue
            seat = self._seat(seat_id)
            seat.heard = self._clock
            if message.data == broker.NO_WORD:
                self._drop(seat, "has left")
            else:
                seat.take(message.data)

    async def _hear(self, seat: Seat, frame: bytes) -> None:
        try:
            await self._take(seat, frames.decode_event(frame))
        except frames.BadFrame as error:
            self._refuse(seat, f"a broken frame: {error}")

    async def _take(self, seat: Seat, event: Event) -> None:
        match event:
            case EngineHello() | Loading() if event.protocol != PROTOCOL:
                self._refuse(
                    seat,
                    f"it speaks protocol {event.protocol} (build {event.build}), "
                    f"this bot protocol {PROTOCOL} (build {self._build}); update the older of the two",
                )
            case EngineHello() | Loading() if seat.ready and seat.name != event.engine:
                self._drop(seat, "was started anew")
                self._seat(seat.id).take(frames.encode(event))  # what was sent to its predecessor is not for it
            case EngineHello():
                await self._join(seat, event)
            case Loading():
                seat.loading = seat.name = event.engine
                self._events.loading(event.engine, event.model, event.problem)
            case Finished() | Failed():
                self._refuse(seat, "pictures travel another way")
            case _ if seat.ready:
                await self._events.receive(seat, seat.name, event)
                if isinstance(event, Cancelled):
                    seat.stored.discard((event.job, event.k))
            case Beat():
                seat.ask()
            case _:
                pass

    async def _join(self, seat: Seat, hello: EngineHello) -> None:
        if any(other is not seat and other.holds(hello.engine) for other in self.seats.values()):
            self._refuse(seat, f"there is an engine of the name {hello.engine} already")
            return
        if self._streams is not None:
            try:
                await self._streams.seat(hello_is_new=not seat.ready, seat=seat.id)
            except BROKER_ERRORS as error:
                log.warning("no place can be made at the broker for engine %s: %s", hello.engine, error)
                return  # it is asked again at its next beat
        if not seat.ready:
            seat.send(BotHello(protocol=PROTOCOL, build=self._build))
        seat.name, seat.loading = hello.engine, ""
        seat.refused = ""
        seat.joining = True
        try:
            await self._events.joined(seat, hello)
        finally:
            seat.joining = False
        if self.seats.get(seat.id) is not seat:  # it was given up meanwhile
            self._events.lost(seat, seat.name)
        else:
            seat.ready = not seat.refused

    async def _cannot_travel(self, seat: Seat, failures: list[Failed]) -> None:
        """An order that is larger than the broker's messages ends here."""
        for failure in failures:
            await self._steps.take(self._events.receive(seat, seat.name, failure))

    def _refuse(self, seat: Seat, reason: str) -> None:
        if reason != seat.refused:
            log.warning("engine %s was turned away: %s", seat.name or "without a name", reason)
        seat.close(reason)
