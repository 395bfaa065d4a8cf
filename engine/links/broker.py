"""The engine's side of NATS JetStream: orders come, pictures stay at the broker until the bot has them.

Runs on one asyncio loop; knows frames and pictures in hand, not how they are painted.
"""

# pyright: reportUnknownMemberType=false
# (nats-py leaves some of its parameters without types)

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from engine.links.conversation import Conversation
from engine.links.lease import Lease
from engine.links.outstanding import Ending
from protocol import broker, frames
from protocol.messages import Beat, Cancel, Cancelled, Command, Event, Failed, Finished, Generate, Refused

RETRY = 1.0  # seconds between two attempts to leave a picture at the broker
RESEND = 10.0  # seconds after which a picture that the broker has and the bot did not confirm is sent again
ACCEPT = 10.0  # seconds the broker may take to write a picture down
REFUSED_FOR = 5.0  # seconds until an engine that was turned away asks again
CALLED_OFF = 100  # cancelled jobs to remember: their order may come later, on another way
FULL = 10077  # JetStream's code for a stream that takes no more

log = logging.getLogger(__name__)


class BrokerLink(Conversation):
    """One seat at one broker."""

    def __init__(
        self,
        *,
        access: broker.Access,
        on_command: Callable[[Command], None],
        alone_for: float | None = None,
        resend: float = RESEND,
        lease: float = broker.LEASE,
    ) -> None:
        super().__init__(on_command=on_command, bot="the bot at the broker")
        self.seat = broker.seat_of(access)
        self._access = access
        self._alone_for = alone_for
        self._resend = resend
        self._lease = Lease(lease)
        self._landed = asyncio.Event()
        self._waiting: asyncio.Timeout | None = None  # for the broker's receipt
        self._accepted: dict[tuple[str, int], float] = {}  # endings at the broker, and since when
        self._called_off: dict[str, tuple[str, int]] = {}  # cancelled jobs, and which bot said so when
        self._client: Client | None = None
        self._bot = b""
        self._heard = time.monotonic()

    @property
    def _connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    def send_event(self, event: Event) -> None:
        """Send an event. Endings wait until the broker has them; the rest is dropped while it is away."""
        event = self._outstanding.note_event(event)
        match event:
            case Finished() | Failed() | Cancelled():
                self._landed.set()
            case Beat() if not self._lease.renews(event, time.monotonic()):
                pass  # a hung painter must lose its jobs, however well this thread is
            case _:
                self._queue_event(event)

    async def run(self) -> None:
        """Stay at the broker, for ever or until no bot has been there for `alone_for` seconds."""
        while True:
            try:
                async with broker.connected(self._access, seat=self.seat, back=self._came_back) as client:
                    self._client = client
                    if await self._work(client):
                        return
            except* (nats.errors.Error, OSError, TimeoutError, broker.BrokenCredentials) as errors:
                self._note(f"the broker cannot be used: {errors.exceptions[0]}")
            finally:
                self._client = None
            await asyncio.sleep(RETRY)

    async def _work(self, client: Client) -> bool:
        """Until the connection is closed; True when no bot is left."""
        orders = await client.subscribe(broker.deal(self.seat), pending_bytes_limit=-1)
        commands = await client.subscribe(broker.command(self.seat))
        calls = await client.subscribe(broker.CALL)
        self._came_back()
        async with asyncio.TaskGroup() as tasks:
            owned = [
                tasks.create_task(self._take_orders(orders.messages)),
                tasks.create_task(self._take_commands(commands.messages)),
                tasks.create_task(self._take_calls(calls.messages)),
                tasks.create_task(self._send_events(client)),
                tasks.create_task(self._hand_in(client)),
            ]
            try:
                while not client.is_closed:
                    if self._alone_for is not None and time.monotonic() - self._heard > self._alone_for:
                        log.info("no bot at the broker for %.0f s", self._alone_for)
                        return True
                    await asyncio.sleep(broker.PULSE)
            finally:
                await broker.ended(*owned)
                with suppress(nats.errors.Error):
                    await client.publish(broker.event(self.seat), broker.NO_WORD)
        return False

    def _came_back(self) -> None:
        """The broker may have forgotten everything meanwhile; no receipt that is waited for will come."""
        self._accepted.clear()
        if self._waiting is not None:
            with suppress(RuntimeError):  # its time is just over
                self._waiting.reschedule(asyncio.get_running_loop().time())
            self._waiting = None
        self._introduce()
        self._landed.set()

    # What comes from the bot

    async def _take_orders(self, messages: AsyncIterator[Msg]) -> None:
        async for message in messages:
            order = self._decoded(message.data)
            if isinstance(order, Generate) and self._is_for_me(message, order):
                self._act_on(order)
            with suppress(nats.errors.Error):  # then it comes again, and is known
                await message.ack()

    def _is_for_me(self, message: Msg, order: Generate) -> bool:
        """Not for a predecessor in this seat, nor called off: a cancellation may overtake its order."""
        headers = message.headers or {}
        addressee = headers.get(broker.ENGINE)
        if addressee is not None and (self._introduction is None or addressee != self._introduction.engine):
            return False
        bot, number = _numbered(message)
        off_by, off_at = self._called_off.get(order.job, ("", 0))
        return bot != off_by or number > off_at

    def _resend_endings(self, endings: Sequence[Ending]) -> None:
        for event in endings:
            self._accepted.pop((event.job, event.k), None)
        self._landed.set()

    async def _take_commands(self, messages: AsyncIterator[Msg]) -> None:
        async for message in messages:
            if message.data == broker.NO_WORD:
                self._introduce()
                continue
            match command := self._decoded(message.data):
                case None | Generate():  # an order comes on its own way, or not from the bot
                    continue
                case Refused():
                    asyncio.get_running_loop().call_later(REFUSED_FOR, self._introduce)
                case Cancel(job=job):
                    self._called_off[job] = _numbered(message)
                    if len(self._called_off) > CALLED_OFF:
                        del self._called_off[next(iter(self._called_off))]
                case _:
                    pass
            self._act_on(command)

    async def _take_calls(self, messages: AsyncIterator[Msg]) -> None:
        async for message in messages:
            self._heard = time.monotonic()
            if message.data != self._bot:
                self._bot = message.data
                self._introduce()

    def _decoded(self, frame: bytes) -> Command | None:
        try:
            return frames.decode_command(frame)
        except frames.BadFrame as error:
            self._note(f"the bot sent a broken frame: {error}")
            return None

    # What goes to the bot

    async def _send_events(self, client: Client) -> None:
        while True:
            event = await self._next_event()
            with suppress(nats.errors.Error):  # a broken line says so elsewhere; all this is said anew
                await client.publish(broker.event(self.seat), frames.encode(event))

    async def _hand_in(self, client: Client) -> None:
        """Bring endings to the broker, and again those that the bot does not confirm."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._landed.wait(), RETRY)
            self._landed.clear()
            self._accepted = {key: since for key, since in self._accepted.items() if self._outstanding.holds(*key)}
            for ending in self._outstanding.unconfirmed():
                key = (ending.job, ending.k)
                due = key not in self._accepted or time.monotonic() - self._accepted[key] > self._resend
                if not due or not self._outstanding.holds(*key) or not client.is_connected:
                    continue
                if await self._leave_at_broker(client, ending):
                    self._accepted[key] = time.monotonic()

    async def _leave_at_broker(self, client: Client, ending: Ending) -> bool:
        """Whether the broker has it now."""
        if isinstance(ending, Cancelled):  # no picture: it would only be in the way of one that is painted after all
            self._queue_event(ending)
            return True
        size = min(client.max_payload - broker.HEADERS, broker.PIECE)
        for piece, content in broker.cut(frames.encode(ending), size):
            if not await self._leave_piece(client, broker.result(self.seat, ending.job, ending.k, piece), content):
                return False
        return True

    async def _leave_piece(self, client: Client, subject: str, content: bytes) -> bool:
        try:
            async with asyncio.timeout(ACCEPT) as self._waiting:
                await client.jetstream().publish(subject, content, timeout=2 * ACCEPT)
        except nats.js.errors.APIError as error:
            if error.err_code == FULL and "per subject" in str(error.description):
                return True
            self._note(f"the broker takes no more pictures, they wait here: {error.description}")
            return False
        except (nats.errors.Error, TimeoutError) as error:
            self._note(f"the broker does not take pictures, they wait here: {error or type(error).__name__}")
            return False
        finally:
            self._waiting = None
        return True


def _numbered(message: Msg) -> tuple[str, int]:
    """Which bot process said this, and where it stands in what it said."""
    bot, _, number = (message.headers or {}).get(broker.NUMBER, "").rpartition(":")
    return bot, int(number) if number.isdecimal() and len(number) < 32 else 0
