"""Takes requests in: within the limits, while there is room, and each origin once."""

from __future__ import annotations

import asyncio

from bot.errors import BeyondEngines, DiskFull, Paused
from bot.jobs import compose
from bot.jobs.composer import Composer
from bot.jobs.database import LedgerFull
from bot.jobs.defaults import Defaults
from bot.jobs.dispatcher import Dispatcher
from bot.jobs.ids import IdSource
from bot.jobs.job import Job, Requester
from bot.jobs.rows import Draft
from bot.jobs.workshop import Workshop
from engine import window
from engine.request import ImageRequest

QUEUE_RETRY = 60.0  # seconds until a full queue is worth another try when no estimate is known


class Acceptance:
    """From a complete request to a row, and to the dispatcher."""

    def __init__(
        self, shop: Workshop, *, dispatcher: Dispatcher, defaults: Defaults, composer: Composer, ids: IdSource
    ) -> None:
        self._shop = shop
        self._dispatcher = dispatcher
        self._defaults = defaults
        self._composer = composer
        self._ids = ids
        self._accepting: set[asyncio.Task[Job]] = set()

    async def submit(
        self, request: ImageRequest, *, by: Requester, origin: str, parent: tuple[str, int | None] | None = None
    ) -> Job:
        """Accept a request; when this returns it is on disk. The same origin again is the same job.

        Raises Paused, DiskFull, LimitReached, QueueFull, Invalid.
        """
        known = await self._shop.ledger.job_of_origin(origin)
        if known is not None:
            return known
        card = self._composer.card()
        compose.fits(request, card=card, most_steps=self._defaults.owner.most_steps)
        if self._dispatcher.is_beyond_all(request):
            raise BeyondEngines
        draft = Draft(
            id=self._ids(),
            origin=origin,
            request=request,
            model_id=card.id,
            requester=by,
            parent=parent,
            cost=window.cost(request, card.native_pixels),
            created=self._shop.wall(),
        )
        # A caller that is cancelled must not leave a row that memory does not know.
        accepting = asyncio.create_task(self._accept(draft))
        self._accepting.add(accepting)
        accepting.add_done_callback(self._accepting.discard)
        return await asyncio.shield(accepting)

    async def _accept(self, draft: Draft) -> Job:
        closed = Paused() if self._dispatcher.is_paused(draft.requester.guild) else None
        if closed is None and await self._shop.blobs.is_short_of(self._defaults.owner.least_free):
            closed = DiskFull()
        limits = self._defaults.limits(draft.requester)
        moves_at = self._dispatcher.next_ending() or self._shop.wall() + QUEUE_RETRY
        try:
            job, is_new = await self._shop.ledger.accept(draft, limits=limits, closed=closed, queue_moves_at=moves_at)
        except LedgerFull as full:
            raise DiskFull from full
        if is_new:
            self._dispatcher.accepted(job)
        return job
