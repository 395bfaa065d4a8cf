"""Takes requests in: within the limits, while there is room, and each origin once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Unpack

from bot.jobs.errors import BeyondEngines, DiskFull, Paused, Refusal, TooManyTokens
from bot.jobs.ids import IdSource
from bot.jobs.job import Job, Requester
from bot.jobs.limits import Limits, Spent, Usage, check
from bot.queue.dispatcher import Dispatcher
from bot.queue.state import QueueState
from bot.requests.composer import Composer
from bot.requests.defaults import Defaults
from bot.requests.draft import NO_PICTURES, Pictures
from bot.service.incoming import IncomingPictures
from bot.storage.database import LedgerFull
from bot.storage.rows import Draft, Origin
from protocol import geometry as window
from protocol.request import ImageRequest

QUEUE_RETRY = 60.0  # seconds until a full queue is worth another try when no estimate is known
TEMPLATE_TOKENS = 32  # at most, around every prompt
REMEMBERED = 4096  # origins; Discord repeats an interaction within minutes, if at all


class Submission:
    """From a complete request to a row, and to the dispatcher."""

    def __init__(
        self, state: QueueState, *, dispatcher: Dispatcher, defaults: Defaults, composer: Composer, ids: IdSource
    ) -> None:
        self._state = state
        self._dispatcher = dispatcher
        self._defaults = defaults
        self._composer = composer
        self._ids = ids
        self._incoming = IncomingPictures()
        self._accepting: set[asyncio.Task[Job]] = set()
        self._made: OrderedDict[str, str] = OrderedDict()  # the last origins, and the job of each

    async def submit(
        self,
        request: ImageRequest,
        *,
        by: Requester,
        parent: tuple[str, int | None] | None = None,
        pictures: Pictures = NO_PICTURES,
        **origin: Unpack[Origin],
    ) -> Job:
        """Accept a request; when this returns it is on disk. The same origin again is the same job.

        `pictures` are new ones of the request, stored once all else is well.
        Raises Paused, DiskFull, LimitReached, QueueFull, Invalid, the last of them TooManyTokens.
        """
        limits = self._defaults.limits(by)
        try:
            self._check(request, by, limits, origin["origin"])
            await self._check_length(request)
        except Refusal:
            if (known := await self.made_before(origin["origin"])) is None:
                raise
            return known
        request = await self._composer.stored(request, pictures)
        card = self._composer.card()
        draft = Draft(
            id=self._ids(),
            request=request,
            model_id=card.id,
            requester=by,
            parent=parent,
            cost=window.cost(request, card.native_pixels, card.longest),
            created=self._state.wall(),
            **origin,
        )
        # A caller that is cancelled must not leave a row that memory does not know.
        accepting = asyncio.create_task(self._accept(draft, limits))
        self._accepting.add(accepting)
        accepting.add_done_callback(self._accepting.discard)
        return await asyncio.shield(accepting)

    @asynccontextmanager
    async def incoming(
        self, request: ImageRequest, *, by: Requester, origin: str
    ) -> AsyncGenerator[AbstractAsyncContextManager[None]]:
        """While its pictures are on their way: it counts as in flight, and yields the turn in which they are read.

        Raises what `submit` would, as far as that can be told without them.
        """
        limits = self._defaults.limits(by)
        self._check(request, by, limits, origin)
        with self._incoming.noted(by.principal, origin, count=request.count):
            now = self._state.wall()
            rows = await self._state.ledger.jobs.usage(by.principal, now=now)
            before = self._incoming.counts(by.principal, before=origin)
            usage = Usage(
                spent=[*rows.spent, *(Spent(at=now, minute=count, day=count) for count in before)],
                in_flight=rows.in_flight + len(before),
                waiting=rows.waiting,
            )
            check(usage, limits, pictures=request.count, now=now, queue_moves_at=self._queue_moves_at(limits))
            await self._check_length(request)
            yield self._incoming.turn(by.principal)

    def _check(self, request: ImageRequest, by: Requester, limits: Limits, origin: str) -> None:
        """Raise the refusal that memory alone can tell: it waits for no disk, however many are accepted just now."""
        self._composer.check(request)
        if self._state.engines.is_beyond_all(request):
            raise BeyondEngines
        if self._state.live.is_held_back(by.guild):
            raise Paused
        live = self._state.live
        in_flight = live.in_flight(by.principal) + len(self._incoming.counts(by.principal, before=origin))
        usage = Usage(spent=(), in_flight=in_flight, waiting=live.waiting)
        check(
            usage, limits, pictures=request.count, now=self._state.wall(), queue_moves_at=self._queue_moves_at(limits)
        )

    async def _check_length(self, request: ImageRequest) -> None:
        """Raise TooManyTokens where the painter says so; what it does not say in time is accepted.

        Most requests are not worth a question: no token of theirs is shorter than a byte.
        """
        card = self._composer.card()
        limit = card.prompt_tokens - TEMPLATE_TOKENS
        texts = tuple(text for text in request.encoded if len(text.encode()) > limit)
        if not texts:
            return
        counted = await self._dispatcher.token_counts.of(texts, model=card.id)
        if counted is not None and counted.tokens > counted.limit:
            raise TooManyTokens(tokens=counted.tokens, limit=counted.limit)

    async def _accept(self, draft: Draft, limits: Limits) -> Job:
        def closed() -> Refusal | None:
            if self._state.live.is_held_back(draft.requester.guild):
                return Paused()
            return DiskFull() if self._state.blobs.is_short_of(self._defaults.owner.least_free) else None

        try:
            job, is_new = await self._state.ledger.jobs.accept(
                draft, limits=limits, closed=closed, queue_moves_at=self._queue_moves_at(limits)
            )
        except LedgerFull as full:
            raise DiskFull from full
        if is_new:
            self._dispatcher.accepted(job)
            self._made[job.origin] = job.id
            if len(self._made) > REMEMBERED:
                self._made.popitem(last=False)
        return job

    async def made_before(self, origin: str) -> Job | None:
        """The job that this origin has made, where that is not long ago."""
        job_id = self._made.get(origin)
        return None if job_id is None else await self._state.ledger.jobs.get(job_id)

    def _queue_moves_at(self, limits: Limits) -> float:
        """When a queue that is full is worth another try; a look at all of it, so only where it may be full."""
        may_be_full = self._state.live.waiting + len(self._accepting) >= limits.queue
        moves_at = self._dispatcher.positions.next_ending() if may_be_full else None
        return moves_at or self._state.wall() + QUEUE_RETRY
