"""The one door to jobs for commands and buttons: imagine, submit, look up, cancel. Knows no Discord."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Unpack

from bot.jobs.errors import (
    AlreadyDeleted,
    DiskFull,
    NothingToCancel,
    NotYours,
    PictureGone,
    Refusal,
    TooLate,
    UnknownJob,
)
from bot.jobs.events import Events, JobEvent, QueuePosition, Subscription
from bot.jobs.ids import IdSource, MonotonicClock, WallClock, random_id
from bot.jobs.interaction_token import InteractionToken
from bot.jobs.job import Job, Picture, Requester
from bot.queue.dispatcher import Dispatcher
from bot.queue.engine import EngineView
from bot.queue.live_jobs import LiveJobs
from bot.queue.recovery import ADOPTION, GRACE, GracePeriods
from bot.queue.state import QueueState
from bot.requests import derive
from bot.requests.composer import Composer
from bot.requests.defaults import Defaults, OwnerSettings
from bot.requests.derive import Continue
from bot.requests.draft import Pictures, RequestDraft
from bot.requests.styles import StyleBook
from bot.service.model_switch import Models
from bot.service.submit import Submission
from bot.storage.blobs import BlobStore
from bot.storage.database import LedgerFull
from bot.storage.ledger import Ledger
from bot.storage.rows import Origin
from protocol.card import ModelCard
from protocol.request import SEED_RANGE, Kind, Region

# Brings the pictures of a draft, cleaned.
Fetch = Callable[[], Awaitable[Pictures]]
# Tells whoever waits for that; it may be a while.
Announce = Callable[[], Awaitable[None]]


async def _to_nobody() -> None:
    """Nobody waits for an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueView:
    """The whole queue. `waiting` is in order of service; `running` includes what engines hold but have not begun.

    The owner may have paused everything, an admin the guild that was asked about.
    """

    waiting: tuple[Job, ...]
    running: tuple[Job, ...]
    engines: tuple[EngineView, ...]
    everything_paused: bool
    guild_paused: bool


class JobService:
    """Opened by `open_service`. Refusals rise to the caller and change nothing."""

    def __init__(
        self,
        state: QueueState,
        *,
        dispatcher: Dispatcher,
        defaults: Defaults,
        styles: StyleBook,
        models: Models,
        ids: IdSource,
        seeds: Callable[[], int],
    ) -> None:
        self.ledger, self.blobs = state.ledger, state.blobs
        self.dispatcher = dispatcher
        self.engines, self.live = state.engines, state.live
        self.defaults = defaults
        self.styles = styles
        self.models = models
        self.wall, self.monotonic = state.wall, state.monotonic
        self._state = state
        self.composer = Composer(
            state.blobs,
            defaults=defaults,
            styles=styles,
            known=lambda: self.card,
            trouble=lambda: state.engines.trouble,
            seed=seeds,
        )
        self._submission = Submission(state, dispatcher=dispatcher, defaults=defaults, composer=self.composer, ids=ids)
        self.submit = self._submission.submit

    @property
    def card(self) -> ModelCard | None:
        """What the loaded model can do; the last one known while none is loaded."""
        return self.engines.card

    @property
    def engine_ready(self) -> bool:
        """Whether an engine is there at this moment."""
        return self.engines.any_ready

    def known_card(self) -> ModelCard:
        """What can be asked for. Raises PainterLoading before that is known, PainterBroken where no model loads."""
        return self.composer.card()

    async def imagine(
        self,
        draft: RequestDraft,
        *,
        by: Requester,
        fetch: Fetch | None = None,
        announce: Announce = _to_nobody,
        **origin: Unpack[Origin],
    ) -> Job:
        """A job from what somebody said. What can be refused without their pictures is, before `fetch` brings those.

        One person's are fetched one request after another, which `announce` says before the first byte.
        Raises Invalid refusals, PainterLoading, PainterBroken, and what `announce`, `fetch` and `submit` raise.
        """
        request = self.composer.complete(draft, by)
        if fetch is None:
            return await self.submit(request, by=by, **origin)
        try:
            async with self._submission.incoming(request, by=by, origin=origin["origin"]) as turn:
                await announce()
                async with turn:
                    if (known := await self._submission.made_before(origin["origin"])) is not None:
                        return known
                    pictures = await fetch()
                    request = self.composer.complete(draft, by, pictures)
                    return await self.submit(request, by=by, pictures=pictures, **origin)
        except Refusal:
            if (known := await self._submission.made_before(origin["origin"])) is None:
                raise
            return known

    async def keep(self, origin: str, *, payload: dict[str, Any], by: Requester, at: float) -> None:
        """Keep a request that is about to be answered before it is a job, until it is one. Raises DiskFull."""
        try:
            await self.ledger.pending.keep(origin, principal=by.principal, payload=payload, at=at)
        except LedgerFull as full:
            raise DiskFull from full

    async def reroll(self, job_id: str, *, by: Requester, **origin: Unpack[Origin]) -> Job:
        """The same request from another seed."""
        old = await self.original_of(job_id)
        request = derive.rerolled(old, card=self.composer.card(), seed=self.composer.seed())
        return await self.submit(request, by=by, parent=(job_id, None), **origin)

    async def vary(self, job_id: str, k: int, *, by: Requester, **origin: Unpack[Origin]) -> Job:
        """New pictures that start from picture k. Raises PictureGone."""
        return await self.continue_picture(job_id, k, derive.varied, by=by, **origin)

    async def upscale(self, job_id: str, k: int, *, by: Requester, **origin: Unpack[Origin]) -> Job:
        """Picture k twice as large. Raises PictureGone, and TooLarge where the model cannot."""
        return await self.continue_picture(job_id, k, derive.upscaled, by=by, **origin)

    async def continue_picture(
        self, job_id: str, k: int, how: Continue, *, by: Requester, **origin: Unpack[Origin]
    ) -> Job:
        """A new job from picture k, as `how` makes it. Raises PictureGone and what `submit` and `how` raise."""
        old, picture = await self.job_and_picture(job_id, k)
        request = how(old, picture, card=self.composer.card(), seed=self.composer.seed())
        from_k = k if derive.starts_from(picture, request, old.request) else None
        return await self.submit(request, by=by, parent=(job_id, from_k), **origin)

    async def finish(self, job_id: str, k: int | None, *, by: Requester, **origin: Unpack[Origin]) -> Job:
        """Picture k, or all of them, in as many steps as the model is made for. Raises NothingToFinish."""
        old, picture = (await self.job(job_id), None) if k is None else await self.job_and_picture(job_id, k)
        most_steps = self.defaults.most_steps
        request = derive.finished(old, picture, card=self.composer.card(), most_steps=most_steps)
        return await self.submit(request, by=by, parent=(job_id, None), **origin)

    async def repaint(
        self, job_id: str, k: int, *, prompt: str, region: Region, by: Requester, **origin: Unpack[Origin]
    ) -> Job:
        """A part of picture k painted anew from these words."""
        old, picture = await self.job_and_picture(job_id, k)
        draft = derive.repainted(old, picture, card=self.composer.card(), prompt=prompt, region=region)
        request = derive.written_out(old.request, self.composer.complete(draft, by))
        return await self.submit(request, by=by, parent=(job_id, k), **origin)

    async def edit(self, job_id: str, draft: RequestDraft, *, by: Requester, **origin: Unpack[Origin]) -> Job:
        """A changed request; where the draft has a gap the old one holds, but a gap for the seed draws a new one."""
        old = (await self.original_of(job_id)).request
        request = derive.written_out(old, self.composer.complete(derive.merged(old, draft), by))
        return await self.submit(request, by=by, parent=(job_id, None), **origin)

    async def job(self, job_id: str) -> Job:
        """This job as it stands. Raises UnknownJob."""
        job = await self.ledger.jobs.get(job_id)
        if job is None or not job.request.prompt:  # emptied: its person was forgotten
            raise UnknownJob
        return job

    async def check_is_here(self, job_id: str, *, by: Requester) -> None:
        """Its message is in the channel where `by` acts. Raises UnknownJob: from elsewhere its id was made up."""
        job = await self.job(job_id)
        if (job.requester.guild, job.requester.channel) != (by.guild, by.channel):
            raise UnknownJob

    async def job_and_picture(self, job_id: str, k: int) -> tuple[Job, Picture]:
        """A job with its picture k. Raises UnknownJob, PictureGone."""
        job = await self.job(job_id)
        for picture in job.pictures:
            if picture.k == k:
                return job, picture
        raise PictureGone

    async def picture(self, job_id: str, k: int) -> bytes:
        """Picture k as PNG. Raises UnknownJob, PictureGone."""
        _, picture = await self.job_and_picture(job_id, k)
        content = await self.blobs.get(picture.blob)
        if content is None:
            raise PictureGone
        return content

    async def original_of(self, job_id: str) -> Job:
        """The job whose words made this picture: for an enlargement, the one that painted what it enlarges."""
        job = await self.job(job_id)
        while job.request.kind is Kind.UPSCALE and job.parent is not None:
            job = await self.job(job.parent[0])
        return job

    async def paint_anew(self, job_id: str) -> Job | None:
        """A rendered job whose pictures are not all in the blob store waits to have the others painted again, once.

        None where it did so before, or nobody can. Raises UnknownJob.
        """
        job = await self.job(job_id)
        lost = [picture.k for picture in job.pictures if await self.blobs.get(picture.blob) is None]
        return await self.dispatcher.paint_anew(job, lost) if lost else None

    async def cancel(self, job_id: str, *, by: Requester) -> Job:
        """Its author, a moderator of its guild or the owner gives it up. Raises NotYours, TooLate, UnknownJob."""
        job = await self.job(job_id)
        if not (job.is_by(by) or job.is_moderated_by(by) or by.owner):
            raise NotYours
        cancelled = await self.dispatcher.cancel(job_id)
        if cancelled is None:
            raise TooLate
        return cancelled

    async def stand_back(self, job: Job) -> None:
        """Somebody else answers for what made this job: it is given up, and no message is to say so."""
        await self.dispatcher.cancel(job.id)
        await self.ledger.messages.delete(job.id)

    async def cancel_all(self, *, by: Requester) -> int:
        """Give up all live jobs of this person; returns how many. Raises NothingToCancel."""
        cancelled = [await self.dispatcher.cancel(job.id) for job in await self.live_jobs(by.principal)]
        count = sum(job is not None for job in cancelled)
        if not count:
            raise NothingToCancel
        return count

    async def check_may_delete(self, job_id: str, *, by: Requester) -> Job | None:
        """Its message is here, and `by` its author or a moderator. None where the message is all that is left of it.

        Raises NotYours, UnknownJob, AlreadyDeleted.
        """
        left = await self.ledger.left_behind.get(job_id, by.principal)
        if left is not None:
            if left.channel != by.channel:
                raise UnknownJob
            if not (left.is_theirs or by.moderator):
                raise NotYours
            return None
        job = await self.job(job_id)
        if not (job.is_by(by) or job.is_moderated_by(by)):
            raise NotYours
        if await self.ledger.messages.is_gone(job_id):
            raise AlreadyDeleted
        return job

    async def delete(self, job_id: str, *, by: Requester, token: InteractionToken | None = None) -> None:
        """Its author or a moderator takes its message away, and with it a job that still lives.

        The message goes on the ledger's list of removals; `token` reaches it without any right in its channel.
        Raises NotYours, UnknownJob, AlreadyDeleted.
        """
        job = await self.check_may_delete(job_id, by=by)
        if job is None:
            if not await self.ledger.left_behind.delete(job_id, token=token):
                raise AlreadyDeleted
            return
        if job.live:
            await self.dispatcher.cancel(job_id)
        if not await self.ledger.messages.delete(job_id, token=token):
            raise AlreadyDeleted
        await self.ledger.jobs.mark_posted(job_id)

    async def forget(self, by: Requester, *, messages: bool = False) -> int:
        """Give up what this person has waiting, and delete their words, pictures and requests; returns how many.

        With `messages` those that show them go too. What others made of their pictures stays with those others.
        """
        while (forgotten := await self.ledger.privacy.forget(by.principal, now=self.wall(), messages=messages)) is None:
            for job in await self.live_jobs(by.principal):
                await self.dispatcher.cancel(job.id)
            await asyncio.sleep(0)  # memory is about to hear of one that is only on disk
        count, names = forgotten
        self.ledger.settings.forget(by.principal)
        used = await self.ledger.privacy.blob_uses()
        await self.blobs.drop([blob for blob in await self.blobs.stored() if blob.name in names - used.keys()])
        return count

    def live_job(self, job_id: str) -> Job | None:
        """This job as memory has it, while it has not ended."""
        return self.live.jobs.get(job_id)

    async def live_jobs(self, principal: str) -> list[Job]:
        """This person's jobs that have not ended, oldest first."""
        return self.live.of(principal)

    async def queue(self, guild: int | None = None) -> QueueView:
        """Everything that waits or is painted, and who paints, as seen from a guild."""
        paused = self.defaults.paused()
        return QueueView(
            waiting=tuple(self.live.in_order()),
            running=tuple(self.live.handed_out()),
            engines=self.engines.views(),
            everything_paused=None in paused,
            guild_paused=guild is not None and guild in paused,
        )

    def position(self, job_id: str) -> QueuePosition | None:
        """Position and expected time of a live job, from memory."""
        return self.dispatcher.positions.of(job_id)

    def subscribe(self, *kinds: type[JobEvent]) -> Subscription:
        """Events from now on, of these kinds or of all: a context manager and an async iterator."""
        return self._state.events.subscribe(*kinds)

    async def pause(self, scope: Literal["guild", "owner"], by: Requester) -> None:
        """Accept nothing and begin nothing, in this guild or anywhere. Raises NeedsAdmin, NeedsOwner."""
        await self.defaults.set_paused(scope, by.guild, True, by)
        self.dispatcher.pause(self.defaults.paused())

    async def resume(self, scope: Literal["guild", "owner"], by: Requester) -> None:
        """The opposite of `pause`."""
        await self.defaults.set_paused(scope, by.guild, False, by)
        self.dispatcher.pause(self.defaults.paused())


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
        events = Events()
        stack.callback(events.close)
        state = QueueState(
            ledger=ledger,
            blobs=BlobStore(data / "blobs"),
            live=LiveJobs(await ledger.jobs.virtual_times()),
            events=events,
            wall=wall,
            monotonic=monotonic,
        )
        dispatcher = Dispatcher(state, GracePeriods(grace=grace, adoption=adoption))
        defaults = Defaults(ledger.settings, owner=owner, card=lambda: state.engines.card)
        dispatcher.pause(defaults.paused())
        await stack.enter_async_context(dispatcher.running())
        yield JobService(
            state,
            dispatcher=dispatcher,
            defaults=defaults,
            styles=StyleBook(ledger.settings),
            models=Models(ledger.settings, events),
            ids=ids,
            seeds=seeds,
        )
