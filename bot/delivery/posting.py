"""What goes out in one job's message: a live edit now and then, and its ending, until that is certain."""

from __future__ import annotations

import asyncio
import logging

from bot.delivery.edit_limits import EditLimiter, EditLimits
from bot.delivery.live_message import LiveMessage
from bot.delivery.sender import Archived, Drawing, Location, Rejected, Sender, TooHeavy, Unreachable
from bot.delivery.uploads import DEFAULT_LIMIT, Upload, fit
from bot.jobs.errors import PictureGone
from bot.jobs.job import Job
from bot.jobs.states import JobState
from bot.rest.rate_limits import OutcomeUnknown, RateLimited, one_attempt
from bot.service.service import JobService
from bot.ui import views

_UPLOADS_AT_ONCE = 4  # endings whose bytes travel at the same time
_EDITS_AT_ONCE = 4  # live edits; slow ones take no place from an ending

_log = logging.getLogger(__name__)


class Posting:
    """Draws, sends and remembers what was sent; `limiter` says when."""

    def __init__(self, service: JobService, *, sender: Sender, limiter: EditLimiter, limits: EditLimits) -> None:
        self._service = service
        self._ledger = service.ledger
        self._sender = sender
        self._limiter = limiter
        self._limits = limits
        self._uploading = asyncio.Semaphore(_UPLOADS_AT_ONCE)
        self._editing = asyncio.Semaphore(_EDITS_AT_ONCE)

    async def show(self, live: LiveMessage, status: views.LiveStatus) -> bool:
        """One edit of a live message; one that fails is not repeated, the next will be newer. Whether it shows it."""
        job, preview = live.shown_job, live.preview
        shown = preview is not None and status.preview and job.state is JobState.RUNNING
        attachments = ((views.PREVIEW, preview),) if shown and preview else ()
        drawing = Drawing(view=views.live(job, status), attachments=attachments)
        arrived = False
        try:
            with one_attempt(self._editing):
                await self._remember(live, await self._sender.edit(live.ref, drawing))
            arrived = True
        except (OutcomeUnknown, TooHeavy, Rejected) as error:
            _log.info("job %s: an edit was lost: %s", job.id, error)
            if isinstance(error, RateLimited):
                self._limiter.hold(live, error)
            if isinstance(error, Rejected):
                live.leave_out_words()
        self._limiter.edited(live)
        return arrived

    async def end(self, live: LiveMessage) -> bool | None:
        """Tell how it ended, again and again until that is certain, then write it down; False where it is not shown.

        None where it has not ended after all: its pictures are lost, and are painted anew.
        """
        job, rung, pause = live.job, 0, self._limits.retry
        shown = stored = job.ended_well  # whether its pictures are in the message, and there at all
        while True:
            upload = None
            try:
                async with self._limiter.ending(live):  # its pictures are in memory for one try
                    if shown:
                        upload = await self._pictures(live, rung=rung)
                    with one_attempt(self._uploading):
                        told = await self._tell(live, self._ending(live.shown_job, upload, stored=stored))
                break
            except RateLimited as limited:
                _log.info("job %s: its ending waits: %s", job.id, limited)  # in the limiter, as long as Discord said
            except OutcomeUnknown as error:
                _log.info("job %s: its ending is tried again: %s", job.id, error)
                await self._limits.sleep(min(pause, error.longest))
                pause = min(2 * pause, error.longest)
            except TooHeavy as error:
                if upload is None:
                    raise  # words alone are never too heavy: a bug
                _log.info("job %s: as %s it is too heavy: %s", job.id, upload.kind, error)
                rung = upload.rung + 1
            except Rejected as error:
                if live.wordless and not shown:
                    raise  # not even our own words: a bug
                _log.warning("job %s: Discord does not take its message: %s", job.id, error)
                shown = shown and not live.wordless
                live.leave_out_words()
            except PictureGone:
                if (waiting := await self._service.paint_anew(job.id)) is not None:
                    _log.error("job %s: its pictures are not in the blob store, and are painted anew", job.id)
                    live.set_back(waiting)
                    return None
                _log.error("job %s: its pictures are not in the blob store", job.id)
                shown = stored = False
        reached = told and (upload is not None or not stored)
        if reached:
            await self._ledger.jobs.mark_posted(job.id)
        else:
            await self._ledger.jobs.mark_undeliverable(job.id, deleted=live.ref.deleted)
        return reached

    async def _tell(self, live: LiveMessage, drawing: Drawing) -> bool:
        """Whether the reader can see it. Raises OutcomeUnknown, TooHeavy, Rejected."""
        try:
            edited = await self._edit(live, drawing)
            if edited is not None:
                await self._remember(live, edited)
                return True
            if live.job.state is JobState.CANCELLED or await self._ledger.messages.is_gone(live.job.id):
                return True  # its message was deleted, and nobody waits for a new one
            if live.ref.deleted:
                _log.info("job %s: its message was deleted, and stays so", live.job.id)
                return False
            sent = await self._sender.send(live.ref, drawing, since=live.job.ended or live.job.created)
        except Unreachable as refused:
            _log.warning("job %s: no way to its reader: %s", live.job.id, refused)
            return False
        await self._remember(live, sent)
        return True

    async def _edit(self, live: LiveMessage, drawing: Drawing) -> Location | None:
        """Also in an archived thread. Raises OutcomeUnknown, TooHeavy, Rejected, Unreachable."""
        try:
            return await self._sender.edit(live.ref, drawing)
        except Archived:
            await self._sender.reopen(live.ref, views.further_up(live.job))
            return await self._sender.edit(live.ref, drawing)

    async def _remember(self, live: LiveMessage, location: Location | None) -> None:
        if live.reached(location) and location is not None:
            await self._ledger.messages.bind(live.job.id, location.channel, location.message, upload_limit=live.limit)

    def _ending(self, job: Job, upload: Upload | None, *, stored: bool) -> Drawing:
        if upload is None:
            cancelled = job.state is JobState.CANCELLED
            return Drawing(view=views.cancelled(job) if cancelled else views.failed(job, stored=stored))
        names = upload.names(job)
        most_steps = self._service.defaults.most_steps
        view = views.finished(job, self._service.card, files=names, converted=upload.converted, most_steps=most_steps)
        return Drawing(view=view, attachments=upload.attachments(names))

    async def _pictures(self, live: LiveMessage, *, rung: int) -> Upload | None:
        """None where no form of them is light enough. Raises PictureGone."""
        job = live.job
        pngs = [await self._service.picture(job.id, picture.k) for picture in job.pictures]
        return await fit(pngs, limit=live.limit or DEFAULT_LIMIT, rung=rung)
