"""The one door to jobs for commands, buttons and HTTP: compose, submit, look up, cancel. Knows no Discord."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from bot.errors import DiskFull, NothingToCancel, NotYours, PainterLoading, Paused, PictureGone, TooLate, UnknownJob
from bot.jobs import compose, derive
from bot.jobs.blobs import BlobStore
from bot.jobs.board import Board
from bot.jobs.compose import Wish
from bot.jobs.database import LedgerFull
from bot.jobs.defaults import Defaults, OwnerSettings
from bot.jobs.dispatcher import ADOPTION, GRACE, Dispatcher
from bot.jobs.ids import IdSource, MonotonicClock, WallClock, random_id
from bot.jobs.job import Job, Picture, Requester
from bot.jobs.ledger import Ledger
from bot.jobs.news import (
    Accepted,
    Began,
    Ended,
    JobEvent,
    Moved,
    News,
    Painted,
    PainterLost,
    PainterState,
    Standing,
    Stepped,
    Subscription,
)
from bot.jobs.painter import EngineView
from bot.jobs.rows import Draft
from engine.protocol import SEED_RANGE, ImageRequest, Kind, ModelCard

QUEUE_RETRY = 60.0  # seconds until a full queue is worth another try when no estimate is known

__all__ = [
    "Accepted",
    "Began",
    "Ended",
    "EngineView",
    "JobEvent",
    "JobService",
    "Moved",
    "Painted",
    "PainterLost",
    "PainterState",
    "PauseStatus",
    "QueueView",
    "Standing",
    "Stepped",
    "Subscription",
    "Wish",
    "open_service",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueView:
    """The whole queue. `waiting` is in order of service; `running` includes what engines hold but have not begun.

    `paused` says whether the guild that was asked about is held back.
    """

    waiting: tuple[Job, ...]
    running: tuple[Job, ...]
    engines: tuple[EngineView, ...]
    paused: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PauseStatus:
    """Who holds this place back: the owner everything, an admin this guild."""

    owner: bool
    guild: bool


class JobService:
    """Opened by `open_service`. Refusals rise to the caller and change nothing."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        blobs: BlobStore,
        board: Board,
        news: News,
        dispatcher: Dispatcher,
        defaults: Defaults,
        wall: WallClock,
        ids: IdSource,
        seeds: Callable[[], int],
    ) -> None:
        self.ledger = ledger
        self.blobs = blobs
        self.dispatcher = dispatcher
        self.defaults = defaults
        self._board = board
        self._news = news
        self._wall = wall
        self._ids = ids
        self._seeds = seeds
        self._accepting: set[asyncio.Task[Job]] = set()

    @property
    def card(self) -> ModelCard | None:
        """What the loaded model can do; the last one known while none is loaded."""
        return self.dispatcher.card

    @property
    def painter_ready(self) -> bool:
        """Whether an engine is there at this moment."""
        return any(engine.state == "ready" for engine in self.dispatcher.engines())

    async def compose(self, wish: Wish, by: Requester) -> ImageRequest:
        """The complete request that this wish means here. Raises Invalid refusals and PainterLoading."""
        return await self._composed(wish, by, source=None)

    async def submit(
        self, request: ImageRequest, *, by: Requester, origin: str, parent: tuple[str, int | None] | None = None
    ) -> Job:
        """Accept a request; when this returns it is on disk. The same origin again is the same job.

        Raises Paused, DiskFull, LimitReached, QueueFull, Invalid.
        """
        known = await self.ledger.job_of_origin(origin)
        if known is not None:
            return known
        card = self._known_card()
        compose.fits(request, card=card, most_steps=self.defaults.owner.most_steps)
        draft = Draft(
            id=self._ids(),
            origin=origin,
            request=request,
            model_id=card.id,
            requester=by,
            parent=parent,
            created=self._wall(),
        )
        # A caller that is cancelled must not leave a row that memory does not know.
        accepting = asyncio.create_task(self._accept(draft))
        self._accepting.add(accepting)
        accepting.add_done_callback(self._accepting.discard)
        return await asyncio.shield(accepting)

    async def reroll(self, job_id: str, *, by: Requester, origin: str) -> Job:
        """The same wish from another seed."""
        old = await self._wish_behind(job_id)
        request = derive.rerolled(old, card=self._known_card(), seed=self._seeds())
        return await self.submit(request, by=by, origin=origin, parent=(job_id, None))

    async def vary(self, job_id: str, k: int, *, by: Requester, origin: str) -> Job:
        """New pictures that start from picture k. Raises PictureGone."""
        old, picture = await self._job_and_picture(job_id, k)
        request = derive.varied(old, picture, card=self._known_card(), seed=self._seeds())
        return await self.submit(request, by=by, origin=origin, parent=(job_id, k))

    async def upscale(self, job_id: str, k: int, *, by: Requester, origin: str) -> Job:
        """Picture k twice as large. Raises PictureGone, and TooLarge where the model cannot."""
        old, picture = await self._job_and_picture(job_id, k)
        return await self.submit(derive.upscaled(old, picture), by=by, origin=origin, parent=(job_id, k))

    async def edit(self, job_id: str, wish: Wish, *, by: Requester, origin: str) -> Job:
        """A changed wish; where it has a gap the old request holds, but a gap for the seed draws a new one."""
        old = (await self._wish_behind(job_id)).request
        request = await self._composed(derive.merged(old, wish), by, source=old.source)
        return await self.submit(request, by=by, origin=origin, parent=(job_id, None))

    async def cancel(self, job_id: str, *, by: Requester) -> Job:
        """Its author, a moderator of its guild or the owner gives it up. Raises NotYours, TooLate, UnknownJob."""
        job = await self.job(job_id)
        if not (_is_author(job, by) or _moderates(job, by) or by.owner):
            raise NotYours
        cancelled = await self.dispatcher.cancel(job_id)
        if cancelled is None:
            raise TooLate
        return cancelled

    async def cancel_all(self, *, by: Requester) -> int:
        """Give up all live jobs of this person; returns how many. Raises NothingToCancel."""
        cancelled = [await self.dispatcher.cancel(job.id) for job in await self.live_jobs(by.principal)]
        count = sum(job is not None for job in cancelled)
        if not count:
            raise NothingToCancel
        return count

    async def delete(self, job_id: str, *, by: Requester) -> Job:
        """Its author or a moderator takes its message away, and with it a job that still lives.

        Raises NotYours, UnknownJob.
        """
        job = await self.job(job_id)
        if not (_is_author(job, by) or _moderates(job, by)):
            raise NotYours
        if job.live:
            job = await self.dispatcher.cancel(job_id) or await self.job(job_id)
        await self.ledger.message_gone(job_id)
        await self.ledger.mark_posted(job_id)
        return job

    async def forget(self, by: Requester) -> int:
        """Give up what this person has waiting, and delete their words, pictures and requests; returns how many.

        What others made of their pictures stays with those others.
        """
        for job in await self.live_jobs(by.principal):
            await self.dispatcher.cancel(job.id)
        count, names = await self.ledger.forget(by.principal, now=self._wall())
        self.defaults.forget(by.principal)
        used = await self.ledger.blob_uses()
        await self.blobs.drop([blob for blob in await self.blobs.stored() if blob.name in names - used.keys()])
        return count

    async def job(self, job_id: str) -> Job:
        """This job as it stands. Raises UnknownJob."""
        job = await self.ledger.job(job_id)
        if job is None or not job.request.prompt:  # emptied: its person was forgotten
            raise UnknownJob
        return job

    async def live_jobs(self, principal: str) -> list[Job]:
        """This person's jobs that have not ended, oldest first."""
        return [job for job in self._board.jobs.values() if job.requester.principal == principal]

    async def queue(self, guild: int | None = None) -> QueueView:
        """Everything that waits or is painted, and who paints, as seen from a guild."""
        return QueueView(
            waiting=tuple(self.dispatcher.order()),
            running=tuple(self.dispatcher.held()),
            engines=self.dispatcher.engines(),
            paused=self.dispatcher.is_paused(guild),
        )

    def standing(self, job_id: str) -> Standing | None:
        """Place and expected time of a live job, from memory."""
        return self.dispatcher.standing(job_id)

    async def picture(self, job_id: str, k: int) -> bytes:
        """Picture k as PNG. Raises UnknownJob, PictureGone."""
        _, picture = await self._job_and_picture(job_id, k)
        content = await self.blobs.get(picture.blob)
        if content is None:
            raise PictureGone
        return content

    def subscribe(self) -> Subscription:
        """Events from now on: a context manager and an async iterator."""
        return self._news.subscribe()

    async def pause(self, scope: Literal["guild", "owner"], by: Requester) -> None:
        """Accept nothing and begin nothing, in this guild or anywhere. Raises NeedsAdmin, NeedsOwner."""
        await self.defaults.set_paused(scope, by.guild, True, by)
        self.dispatcher.pause(self.defaults.paused())

    async def resume(self, scope: Literal["guild", "owner"], by: Requester) -> None:
        """The opposite of `pause`."""
        await self.defaults.set_paused(scope, by.guild, False, by)
        self.dispatcher.pause(self.defaults.paused())

    def pause_status(self, guild: int | None) -> PauseStatus:
        """Who holds this guild back."""
        paused = self.defaults.paused()
        return PauseStatus(owner=None in paused, guild=guild is not None and guild in paused)

    async def _accept(self, draft: Draft) -> Job:
        closed = Paused() if self.dispatcher.is_paused(draft.requester.guild) else None
        if closed is None and await self._is_disk_full():
            closed = DiskFull()
        limits = self.defaults.limits(draft.requester)
        moves_at = self.dispatcher.next_ending() or self._wall() + QUEUE_RETRY
        try:
            job, is_new = await self.ledger.accept(draft, limits=limits, closed=closed, queue_moves_at=moves_at)
        except LedgerFull as full:
            raise DiskFull from full
        if is_new:
            self.dispatcher.accepted(job)
        return job

    async def _is_disk_full(self) -> bool:
        return await self.blobs.room() < self.defaults.owner.least_free

    async def _composed(self, wish: Wish, by: Requester, *, source: str | None) -> ImageRequest:
        """`source` is the SHA-256 of a picture that is stored already; the wish's own is stored when all is well."""
        card = self._known_card()
        name = source
        if wish.source is not None:
            name = "0" * 64
        request = compose.complete(
            wish,
            card=card,
            tastes=self.defaults.tastes(by),
            most_steps=self.defaults.owner.most_steps,
            seed=self._seeds(),
            source=name,
        )
        if wish.source is not None:
            if await self._is_disk_full():
                raise DiskFull
            request = msgspec.structs.replace(request, source=await self.blobs.put(wish.source))
        return request

    def _known_card(self) -> ModelCard:
        if self.card is None:
            raise PainterLoading
        return self.card

    async def _wish_behind(self, job_id: str) -> Job:
        """The job whose words made this picture: for an enlargement, the one that painted what it enlarges."""
        job = await self.job(job_id)
        while job.request.kind is Kind.UPSCALE and job.parent is not None:
            job = await self.job(job.parent[0])
        return job

    async def _job_and_picture(self, job_id: str, k: int) -> tuple[Job, Picture]:
        job = await self.job(job_id)
        for picture in job.pictures:
            if picture.k == k:
                return job, picture
        raise PictureGone


@asynccontextmanager
async def open_service(
    data: Path,
    *,
    owner: OwnerSettings,
    wall: WallClock = time.time,
    monotonic: MonotonicClock = time.monotonic,
    ids: IdSource = random_id,
    seeds: Callable[[], int] = lambda: random.randrange(SEED_RANGE),
    grace: float = GRACE,
    adoption: float = ADOPTION,
) -> AsyncGenerator[JobService, None]:
    """Ledger, blobs and dispatcher of this data folder, at work until the block ends. Raises LedgerUnusable."""
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(Ledger.open(data / "ledger.db", wall=wall))
        blobs = BlobStore(data / "blobs")
        board = Board(await ledger.virtual_times())
        news = News()
        stack.callback(news.close)
        dispatcher = Dispatcher(
            ledger=ledger,
            blobs=blobs,
            board=board,
            news=news,
            wall=wall,
            monotonic=monotonic,
            grace=grace,
            adoption=adoption,
        )
        defaults = Defaults(
            await ledger.settings(), ledger=ledger, owner=owner, wall=wall, card=lambda: dispatcher.card
        )
        dispatcher.pause(defaults.paused())
        await stack.enter_async_context(dispatcher.running())
        yield JobService(
            ledger=ledger,
            blobs=blobs,
            board=board,
            news=news,
            dispatcher=dispatcher,
            defaults=defaults,
            wall=wall,
            ids=ids,
            seeds=seeds,
        )


def _is_author(job: Job, by: Requester) -> bool:
    return job.requester.principal == by.principal


def _moderates(job: Job, by: Requester) -> bool:
    return by.moderator and by.guild is not None and by.guild == job.requester.guild
