"""What goes out in one job's message: a live edit now and then, and its ending, until that is certain."""

from __future__ import annotations

import asyncio
import io
import logging

import discord

from bot.delivery.edit_limits import Gate, Pace
from bot.delivery.live_message import Sheet
from bot.delivery.sender import Archived, Draw, Drawn, NoRoute, Rejected, Routes, Spot, TooHeavy
from bot.delivery.uploads import DEFAULT_LIMIT, Upload, fit
from bot.jobs.errors import PictureGone
from bot.jobs.job import Job, JobState
from bot.rest.rate_limits import RateLimited, Unclear, one_try
from bot.service.service import JobService
from bot.ui import views

_UPLOADS_AT_ONCE = 4  # endings whose bytes travel at the same time
_EDITS_AT_ONCE = 4  # live edits; slow ones take no place from an ending

_log = logging.getLogger(__name__)


class Posting:
    """Draws, sends and remembers what was sent; `gate` says when."""

    def __init__(self, service: JobService, *, routes: Routes, gate: Gate, pace: Pace) -> None:
        self._service = service
        self._ledger = service.ledger
        self._routes = routes
        self._gate = gate
        self._pace = pace
        self._uploading = asyncio.Semaphore(_UPLOADS_AT_ONCE)
        self._editing = asyncio.Semaphore(_EDITS_AT_ONCE)

    async def show(self, sheet: Sheet, glimpse: views.Glimpse) -> None:
        """One edit of a live message; one that fails is not repeated, the next will be newer."""
        job, preview = sheet.said, sheet.preview

        def draw() -> Drawn:
            shown = job.state is JobState.RUNNING and glimpse.preview and preview is not None
            files = [discord.File(io.BytesIO(preview), filename=views.PREVIEW)] if shown and preview else []
            return views.live(job, glimpse), files

        self._gate.count(sheet)
        try:
            with one_try(self._editing):
                await self._remember(sheet, await self._routes.edit(sheet.place, draw))
        except (Unclear, TooHeavy, Rejected) as error:
            _log.info("job %s: an edit was lost: %s", job.id, error)
            if isinstance(error, RateLimited):
                self._gate.hold(sheet, error)
            if isinstance(error, Rejected):
                sheet.wordless = True
        self._gate.edited(sheet)

    async def end(self, sheet: Sheet) -> bool:
        """Tell how it ended, again and again until that is certain, then write it down; False where it is not shown."""
        job, rung, pause = sheet.job, 0, self._pace.retry
        shown = stored = job.ended_well  # whether its pictures are in the message, and there at all
        while True:
            upload = None
            try:
                async with self._gate.ending(sheet):  # its pictures are in memory for one try
                    if shown:
                        upload = await self._pictures(sheet, rung=rung)
                    with one_try(self._uploading):
                        told = await self._tell(sheet, self._ending(sheet.said, upload, stored=stored))
                break
            except RateLimited as limited:
                _log.info("job %s: its ending waits: %s", job.id, limited)  # at the gate, as long as Discord said
            except Unclear as error:
                _log.info("job %s: its ending is tried again: %s", job.id, error)
                await self._pace.sleep(min(pause, error.longest))
                pause = min(2 * pause, error.longest)
            except TooHeavy as error:
                if upload is None:
                    raise  # words alone are never too heavy: a bug
                _log.info("job %s: as %s it is too heavy: %s", job.id, upload.kind, error)
                rung = upload.rung + 1
            except Rejected as error:
                if sheet.wordless and not shown:
                    raise  # not even our own words: a bug
                _log.warning("job %s: Discord does not take its message: %s", job.id, error)
                shown = shown and not sheet.wordless
                sheet.wordless = True
            except PictureGone:
                _log.error("job %s: its pictures are not in the blob store", job.id)
                shown = stored = False
        reached = told and (upload is not None or not stored)
        await (self._ledger.mark_posted(job.id) if reached else self._ledger.mark_undeliverable(job.id))
        return reached

    async def _tell(self, sheet: Sheet, draw: Draw) -> bool:
        """Whether the reader can see it. Raises Unclear, TooHeavy, Rejected."""
        try:
            edited = await self._edit(sheet, draw)
            if edited is not None:
                await self._remember(sheet, edited)
                return True
            if sheet.job.state is JobState.CANCELLED or await self._ledger.is_gone(sheet.job.id):
                return True  # its message was deleted, and nobody waits for a new one
            sent = await self._routes.send(sheet.place, draw, since=sheet.job.ended or sheet.job.created)
        except NoRoute as refused:
            _log.warning("job %s: no way to its reader: %s", sheet.job.id, refused)
            return False
        await self._remember(sheet, sent)
        return True

    async def _edit(self, sheet: Sheet, draw: Draw) -> Spot | None:
        """Also in an archived thread. Raises Unclear, TooHeavy, Rejected, NoRoute."""
        try:
            return await self._routes.edit(sheet.place, draw)
        except Archived:
            await self._routes.reopen(sheet.place, views.further_up(sheet.job))
            return await self._routes.edit(sheet.place, draw)

    async def _remember(self, sheet: Sheet, spot: Spot | None) -> None:
        sheet.unreachable = spot is None
        if spot is not None and spot != (sheet.place.channel, sheet.place.message):
            sheet.place.channel, sheet.place.message = spot
            await self._ledger.bind_message(sheet.job.id, spot.channel, spot.message, upload_limit=sheet.limit)

    def _ending(self, job: Job, upload: Upload | None, *, stored: bool) -> Draw:
        def draw() -> Drawn:
            if upload is None:
                cancelled = job.state is JobState.CANCELLED
                return (views.cancelled(job) if cancelled else views.failed(job, stored=stored)), []
            names = upload.names(job)
            view = views.finished(job, self._service.card, files=names, converted=upload.converted)
            return view, upload.attached(names)

        return draw

    async def _pictures(self, sheet: Sheet, *, rung: int) -> Upload | None:
        """None where no form of them is light enough. Raises PictureGone."""
        job = sheet.job
        pngs = [await self._service.picture(job.id, picture.k) for picture in job.pictures]
        return await fit(pngs, limit=sheet.limit or DEFAULT_LIMIT, rung=rung)
