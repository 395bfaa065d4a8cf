"""The engine's side of NATS JetStream: orders come, pictures stay at the broker until the bot has them.

Runs on one asyncio loop; knows frames and pictures in hand, not how they are painted.
"""

# pyright: reportUnknownMemberType=false
# (nats-py leaves some of its parameters without types)

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import msgspec
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from engine import cluster, wire
from engine.links.desk import Desk
from engine.links.lease import Lease
from engine.protocol import (
    PROTOCOL,
    Beat,
    BotHello,
    Cancel,
    Command,
    EngineHello,
    Event,
    Failed,
    Finished,
    Generate,
    Loading,
    Progress,
    Refused,
    Stored,
)

RETRY = 1.0  # seconds between two attempts to leave a picture at the broker
RESEND = 10.0  # seconds after which a picture that the broker has and the bot did not confirm is sent again
ACCEPT = 10.0  # seconds the broker may take to write a picture down
REFUSED_FOR = 5.0  # seconds until an engine that was turned away asks again
OVERTAKEN = 1.0  # seconds within which an order may arrive after its own cancellation
FULL = 10077  # JetStream's code for a stream that takes no more

log = logging.getLogger(__name__)


class NatsLink:
    """Says events to the bot and hands its commands to `hear`. All methods belong to the loop's thread."""

    def __init__(
        self,
        *,
        access: cluster.Access,
        hear: Callable[[Command], None],
        alone_for: float | None = None,
        resend: float = RESEND,
        lease: float = cluster.LEASE,
    ) -> None:
        self.seat = cluster.seat_of(access)
        self._access = access
        self._hear = hear
        self._alone_for = alone_for
        self._resend = resend
        self._lease = Lease(lease)
        self._desk = Desk()
        self._introduction: Loading | EngineHello | None = None
        self._outbox: deque[Event] = deque()
        self._spoken = asyncio.Event()
        self._landed = asyncio.Event()
        self._accepted: dict[tuple[str, int], float] = {}  # pictures at the broker, and since when
        self._called_off: dict[str, float] = {}  # cancelled jobs, and when
        self._client: Client | None = None
        self._bot = b""
        self._heard = time.monotonic()
        self._said = ""

    def introduce(self, introduction: Loading | EngineHello) -> None:
        """Say who this is, now and whenever the bot or the broker comes back."""
        self._introduction = introduction
        self._introduce()

    def say(self, event: Event) -> None:
        """Send an event. Pictures wait until the broker has them; the rest is dropped while it is away."""
        event = self._desk.put(event)
        match event:
            case Finished() | Failed():
                self._landed.set()
            case Beat() if not self._lease.renews(event, time.monotonic()):
                pass  # a hung painter must lose its jobs, however well this thread is
            case _:
                self._post(event)

    async def run(self) -> None:
        """Stay at the broker, for ever or until no bot has been there for `alone_for` seconds."""
        while True:
            try:
                async with cluster.connected(self._access, seat=self.seat, back=self._came_back) as client:
                    self._client = client
                    if await self._work(client):
                        return
            except* (nats.errors.Error, OSError, TimeoutError) as errors:
                self._note(f"the broker cannot be used: {errors.exceptions[0]}")
            finally:
                self._client = None
            await asyncio.sleep(RETRY)

    async def _work(self, client: Client) -> bool:
        """Until the connection is closed; True when no bot is left."""
        orders = await client.subscribe(cluster.deal(self.seat), pending_bytes_limit=-1)
        commands = await client.subscribe(cluster.command(self.seat))
        calls = await client.subscribe(cluster.CALL)
        self._came_back()
        async with asyncio.TaskGroup() as tasks:
            owned = [
                tasks.create_task(self._take_orders(orders.messages)),
                tasks.create_task(self._take_commands(commands.messages)),
                tasks.create_task(self._take_calls(calls.messages)),
                tasks.create_task(self._speak(client)),
                tasks.create_task(self._hand_in(client)),
            ]
            try:
                while not client.is_closed:
                    if self._alone_for is not None and time.monotonic() - self._heard > self._alone_for:
                        log.info("no bot at the broker for %.0f s", self._alone_for)
                        return True
                    await asyncio.sleep(cluster.PULSE)
            finally:
                for task in owned:
                    task.cancel()
                with suppress(nats.errors.Error):
                    await client.publish(cluster.event(self.seat), cluster.NO_WORD)
        return False

    def _came_back(self) -> None:
        """The broker may have forgotten everything meanwhile."""
        self._accepted.clear()
        self._introduce()
        self._landed.set()

    # Hearing

    async def _take_orders(self, messages: AsyncIterator[Msg]) -> None:
        async for message in messages:
            command = self._decoded(message.data)
            if isinstance(command, Generate) and not self._is_called_off(command.job):
                order, ready = self._desk.take(command)
                for event in ready:
                    self._accepted.pop((event.job, event.k), None)
                    self._landed.set()
                if order is not None:
                    self._hear(order)
            with suppress(nats.errors.Error):  # then it comes again, and is known
                await message.ack()

    async def _take_commands(self, messages: AsyncIterator[Msg]) -> None:
        async for message in messages:
            if message.data == cluster.NO_WORD:
                self._introduce()
                continue
            match command := self._decoded(message.data):
                case None:
                    pass
                case Refused(reason=reason):
                    self._note(f"the bot refused this engine: {reason}")
                    asyncio.get_running_loop().call_later(REFUSED_FOR, self._introduce)
                case BotHello(protocol=protocol, build=build) if protocol != PROTOCOL:
                    self._note(f"the bot (build {build}) speaks protocol {protocol}, this engine {PROTOCOL}")
                case BotHello():
                    self._note("linked to the bot through the broker")
                case Stored():
                    self._desk.confirm(command)
                    self._accepted.pop((command.job, command.k), None)
                case Cancel(job=job):
                    self._called_off[job] = time.monotonic()
                    self._hear(command)
                case _:
                    self._hear(command)

    async def _take_calls(self, messages: AsyncIterator[Msg]) -> None:
        async for message in messages:
            self._heard = time.monotonic()
            if message.data != self._bot:
                self._bot = message.data
                self._introduce()

    def _decoded(self, frame: bytes) -> Command | None:
        try:
            return wire.decode_command(frame)
        except wire.BadFrame as error:
            self._note(f"the bot sent a broken frame: {error}")
            return None

    def _is_called_off(self, job: str) -> bool:
        """Orders and cancellations travel on different ways; the later one may come first."""
        now = time.monotonic()
        self._called_off = {key: when for key, when in self._called_off.items() if now - when < OVERTAKEN}
        return job in self._called_off

    # Saying

    def _introduce(self) -> None:
        match self._introduction:
            case None:
                pass
            case Loading() as loading:
                self._post(loading)
            case hello:
                self._post(msgspec.structs.replace(hello, running=self._desk.running, held=self._desk.held))

    def _post(self, event: Event) -> None:
        """Queue for sending; a newer beat, hello or progress takes the place of one that still waits."""
        if self._client is None or not self._client.is_connected:
            return
        if isinstance(event, Beat | Progress | EngineHello):
            self._outbox = deque(waiting for waiting in self._outbox if not _is_outdated(waiting, by=event))
        self._outbox.append(event)
        self._spoken.set()

    async def _speak(self, client: Client) -> None:
        while True:
            await self._spoken.wait()
            self._spoken.clear()
            while self._outbox:
                with suppress(nats.errors.Error):  # a broken line says so elsewhere; all this is said anew
                    await client.publish(cluster.event(self.seat), wire.encode(self._outbox.popleft()))

    async def _hand_in(self, client: Client) -> None:
        """Bring finished pictures to the broker, and again those that the bot does not confirm."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._landed.wait(), RETRY)
            self._landed.clear()
            for ending in self._desk.unconfirmed():
                key = (ending.job, ending.k)
                due = key not in self._accepted or time.monotonic() - self._accepted[key] > self._resend
                if due and self._desk.holds(*key) and client.is_connected:
                    await self._leave_at_broker(client, ending)

    async def _leave_at_broker(self, client: Client, ending: Finished | Failed) -> None:
        frame = wire.encode(ending)
        if len(frame) > client.max_payload:
            self._note(f"the broker takes messages of {client.max_payload} bytes; a picture has {len(frame)}")
            self._desk.put(Failed(job=ending.job, attempt=ending.attempt, k=ending.k, code="too-large"))
            self._landed.set()
            return
        try:
            subject = cluster.result(self.seat, ending.job, ending.k)
            await client.jetstream().publish(subject, frame, timeout=ACCEPT)
        except nats.js.errors.APIError as error:
            if error.err_code != FULL or "per subject" not in str(error.description):  # else it is there already
                self._note(f"the broker takes no more pictures, they wait here: {error.description}")
                return
        except (nats.errors.Error, TimeoutError) as error:
            self._note(f"the broker does not take pictures, they wait here: {error or type(error).__name__}")
            return
        self._accepted[ending.job, ending.k] = time.monotonic()

    def _note(self, sentence: str) -> None:
        """Log a change once, not at every turn."""
        if sentence != self._said:
            self._said = sentence
            log.info(sentence)


def _is_outdated(one: Event, *, by: Beat | Progress | EngineHello) -> bool:
    match by:
        case Beat():
            return isinstance(one, Beat)
        case EngineHello():
            return isinstance(one, EngineHello | Loading)
        case Progress(job=job):
            return isinstance(one, Progress) and one.job == job
