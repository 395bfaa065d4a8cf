"""What the bot asks of JetStream: two streams, a consumer for each seat and one for itself. Made again when lost."""

# pyright: reportUnknownMemberType=false
# (nats-py leaves some of its parameters without types)

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    Header,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from protocol import broker, frames
from protocol.messages import Command, Generate

MOST_ORDERS = 64  # the dispatcher leaves at most a few for each engine
RESULT_BYTES = 2 * 1024**3
HOUR = 3600.0  # seconds
ANSWER = 2.0  # seconds the broker may take
OFFERED = 4  # pictures under way to the bot at once
STORING = 30.0  # seconds the bot may take to store one
FULL = 10077  # JetStream's code for a stream that takes no more


class OrdersFull(Exception):
    """The stream of orders takes no more."""


class OrderTooLarge(Exception):
    """An order is larger than the messages that the broker takes."""


class Streams:
    """Over one connection. `bot` is this process's name, so that engines can tell its numbers from another's."""

    def __init__(
        self, client: Client, *, bot: str = "", most_orders: int = MOST_ORDERS, result_bytes: int = RESULT_BYTES
    ) -> None:
        self._client = client
        self._jetstream = client.jetstream(timeout=ANSWER)
        self._bot = bot
        self._most_orders = most_orders
        self._result_bytes = result_bytes

    async def ensure(self, seats: Iterable[str]) -> None:
        """Streams and consumers as they should be, whatever the broker has lost."""
        await self._stream(
            StreamConfig(
                name=broker.JOBS,
                subjects=[broker.ORDERS],
                retention=RetentionPolicy.WORK_QUEUE,
                discard=DiscardPolicy.NEW,
                max_msgs=self._most_orders,
                max_age=HOUR,
                storage=StorageType.FILE,
            )
        )
        await self._stream(
            StreamConfig(
                name=broker.RESULTS,
                subjects=[broker.PICTURES],
                retention=RetentionPolicy.WORK_QUEUE,
                discard=DiscardPolicy.NEW,
                discard_new_per_subject=True,  # a picture that is sent again is not kept twice
                max_msgs_per_subject=1,
                max_bytes=self._result_bytes,
                storage=StorageType.FILE,
            )
        )
        await self._jetstream.add_consumer(
            broker.RESULTS,
            ConsumerConfig(
                durable_name=broker.BOT_SEAT,
                deliver_subject=broker.IN_TRAY,
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=STORING,
                max_ack_pending=OFFERED,
            ),
        )
        for seat in seats:
            await self.seat(seat=seat, hello_is_new=False)

    async def seat(self, *, seat: str, hello_is_new: bool) -> None:
        """A place for orders to this seat; what lies there for an engine of the past is cleared away."""
        if hello_is_new:
            await self._jetstream.purge_stream(broker.JOBS, subject=broker.order(seat, "*"))
        await self._jetstream.add_consumer(
            broker.JOBS,
            ConsumerConfig(
                durable_name=seat,
                deliver_subject=broker.deal(seat),
                filter_subject=broker.order(seat, "*"),
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=broker.LEASE,
                max_ack_pending=MOST_ORDERS,
                inactive_threshold=HOUR,
            ),
        )

    async def clear(self, seat: str) -> None:
        """Orders that an engine which is gone did not fetch; they are in the queue again."""
        with suppress(nats.errors.Error, OSError, TimeoutError):
            await self._jetstream.purge_stream(broker.JOBS, subject=broker.order(seat, "*"))

    def number(self) -> str:
        """Later than all before, for this bot process."""
        return f"{self._bot}:{time.monotonic_ns()}"

    async def order(self, seat: str, order: Generate, *, engine: str, number: str) -> None:
        """Leave an order for the engine of this name; once, however often it is tried with the same number.

        Raises OrdersFull, OrderTooLarge and nats.errors.Error.
        """
        frame = frames.encode(order)
        if len(frame) > min(self._client.max_payload - broker.HEADERS, broker.MOST_ORDER):
            raise OrderTooLarge
        headers = {broker.ENGINE: engine, broker.NUMBER: number, Header.MSG_ID.value: number}
        try:
            await self._jetstream.publish(broker.order(seat, order.job), frame, headers=headers)
        except nats.js.errors.APIError as error:
            if error.err_code == FULL:
                raise OrdersFull(str(error.description)) from error
            raise

    async def take_back(self, seat: str, job: str) -> None:
        """An order that was not fetched yet. Raises nats.errors.Error."""
        await self._jetstream.purge_stream(broker.JOBS, subject=broker.order(seat, job))

    async def tell(self, seat: str, command: Command | None) -> None:
        """Say something once; None asks who is there. Raises nats.errors.Error."""
        frame = broker.NO_WORD if command is None else frames.encode(command)
        await self._client.publish(broker.command(seat), frame, headers={broker.NUMBER: self.number()})

    async def _stream(self, config: StreamConfig) -> None:
        try:
            await self._jetstream.add_stream(config)
        except nats.js.errors.BadRequestError:  # it is there with other limits: an older build's
            await self._jetstream.update_stream(config)
