"""Pictures that a broker keeps for the bot: each is let go of only when it is on disk here.

What is no picture costs the seat that left it, with one line in the log.
"""

# pyright: reportUnknownMemberType=false
# (nats-py leaves some of its parameters without types)

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable

from nats.aio.msg import Msg

from bot.links.broker.parts import PartStore, TooMuch
from bot.links.broker.seat import BROKER_ERRORS, Seat
from bot.links.broker.steps import Steps
from bot.queue.engine_events import EngineEvents
from protocol import broker, frames
from protocol.messages import Failed, Finished

AGAIN = 1.0  # seconds until a picture that cannot be stored is offered again
NAMES = len(broker.PICTURES.split("."))
MOST_OFFERS = 15  # of an ending whose engine never comes back

log = logging.getLogger(__name__)


class ReceivedResults:
    """Hands endings to the dispatcher. `seat` finds a seat by its name, `refuse` turns it away with a reason."""

    def __init__(
        self,
        events: EngineEvents,
        parts: PartStore,
        *,
        steps: Steps,
        seat: Callable[[str], Seat],
        refuse: Callable[[Seat, str], None],
    ) -> None:
        self._events = events
        self._parts = parts
        self._steps = steps
        self._seat = seat
        self._refuse = refuse

    async def receive(self, messages: AsyncIterator[Msg]) -> None:
        """Take in what comes, for ever."""
        async for message in messages:
            await self._steps.take(self._take(message))

    async def _take(self, message: Msg) -> None:
        try:
            await self._store(message)
        except BROKER_ERRORS as error:  # it is offered again
            log.info("a picture's receipt did not reach the broker: %s", error)

    async def _store(self, message: Msg) -> None:
        names = message.subject.split(".")
        if len(names) != NAMES or not broker.is_seat(names[2]):
            # Not by way of the stream, which only a broker without credentials allows.
            log.warning("something that is no picture was left for the bot, and is not looked at")
            return
        _, _, seat_id, job, k, token = names
        seat, named = self._seat(seat_id), f"{job} {k}"
        try:
            piece = broker.read_piece(token)
            whole = message.data
            if piece.parts > 1:
                whole = await self._parts.put(seat_id, named, piece, message.data)
            if whole is None:
                await message.ack()
                return
            event = frames.decode_event(whole)
            if not isinstance(event, Finished | Failed) or (event.job, str(event.k)) != (job, k):
                raise frames.BadFrame("what it left is no picture of that job")
        except (frames.BadFrame, ValueError, TooMuch) as error:
            self._refuse(seat, f"a broken picture: {error}")
            await message.term()
            return
        except OSError as error:
            log.error("a part of a picture cannot be stored: %s", error)
            await message.nak(delay=AGAIN)
            return
        if await self._heard(seat, event, offers=message.metadata.num_delivered):
            await message.ack()
            if piece.parts > 1:
                await self._parts.drop(seat_id, named, piece)
        else:
            await message.nak(delay=AGAIN)

    async def _heard(self, seat: Seat, event: Finished | Failed, *, offers: int) -> bool:
        """Whether that is written down now."""
        # Without its engine a failure would be heard by nobody; a picture counts whoever painted it.
        if isinstance(event, Failed) and not seat.ready and offers < MOST_OFFERS:
            return False
        key = (event.job, event.k)
        seat.stored.discard(key)
        await self._events.receive(seat, seat.name, event)
        stored = key in seat.stored
        seat.stored.discard(key)
        return stored
