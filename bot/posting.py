"""What goes out in one job's message: a live edit now and then, and its ending, until that is certain."""

from __future__ import annotations

import asyncio
import io
import logging

import discord

from bot.errors import PictureGone
from bot.jobs.job import Job, JobState
from bot.jobs.service import JobService
from bot.pace import Gate, Pace
from bot.routes import Draw, Drawn, NoRoute, Rejected, Routes, TooHeavy, Unclear
from bot.sheets import Sheet
from bot.ui import views
from bot.uploads import DEFAULT_LIMIT, Upload, fit

_UPLOADS_AT_ONCE = 4  # each holds its files in memory twice

_log = logging.getLogger(__name__)


class Posting:
    """Draws, sends and remembers what was sent; `gate` says when."""

    def __init__(self, client: discord.Client, service: JobService, *, routes: Routes, gate: Gate, pace: Pace) -> None:
        self._client = client
        self._service = service
        self._ledger = service.ledger
        self._routes = routes
        self._gate = gate
        self._pace = pace
        self._uploading = asyncio.Semaphore(_UPLOADS_AT_ONCE)

    async def show(self, sheet: Sheet, glimpse: views.Glimpse) -> None:
        """One edit of a live message; one that fails is not repeated, the next will be newer."""
        job, preview = sheet.job, sheet.preview

        def draw() -> Drawn:
            shown = job.state is JobState.RUNNING and glimpse.preview and preview is not None
            files = [discord.File(io.BytesIO(preview), filename=views.PREVIEW)] if shown and preview else []
            return views.live(job, glimpse), files

        try:
            await self._remember(sheet, await self._routes.edit(sheet.place, draw))
        except (Unclear, TooHeavy, Rejected) as error:
            _log.info("job %s: an edit was lost: %s", job.id, error)
        self._gate.edited(sheet)

    async def end(self, sheet: Sheet) -> None:
        """Tell how it ended, again and again until that is certain, then write down that it was told."""
        job = sheet.job
        upload = await self._pictures(sheet, rung=0) if job.ended_well else None
        pause = self._pace.retry
        while True:
            try:
                await self._gate.count(sheet)
                async with self._uploading:
                    told = await self._tell(sheet, self._ending(job, upload))
            except Unclear as error:
                _log.info("job %s: its ending is tried again: %s", job.id, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, 60.0)
            except TooHeavy:
                assert upload is not None
                upload = await self._pictures(sheet, rung=upload.rung + 1)
            except Rejected:
                if upload is None:
                    raise  # not even the words: a bug of ours
                _log.exception("job %s: Discord does not take its pictures", job.id)
                upload = None
            else:
                await (self._ledger.mark_posted(job.id) if told else self._ledger.mark_undeliverable(job.id))
                return

    async def _tell(self, sheet: Sheet, draw: Draw) -> bool:
        """Whether the reader can see it. Raises Unclear, TooHeavy."""
        edited = await self._routes.edit(sheet.place, draw)
        if edited is not None:
            await self._remember(sheet, edited)
            return True
        if sheet.job.state is JobState.CANCELLED or await self._ledger.is_gone(sheet.job.id):
            return True  # its message was deleted, and nobody waits for a new one
        try:
            sent = await self._routes.send(sheet.place, draw, since=sheet.job.ended or sheet.job.created)
        except NoRoute as refused:
            _log.warning("job %s: no way to its reader: %s", sheet.job.id, refused.__cause__)
            return False
        await self._remember(sheet, sent or None)
        return True

    async def _remember(self, sheet: Sheet, message: int | None) -> None:
        sheet.unreachable = message is None
        if message is not None and message != sheet.place.message:
            sheet.place.message = message
            await self._ledger.bind_message(sheet.job.id, sheet.place.channel, message, upload_limit=sheet.limit)

    def _ending(self, job: Job, upload: Upload | None) -> Draw:
        def draw() -> Drawn:
            if upload is None:
                return (views.cancelled(job) if job.state is JobState.CANCELLED else views.failed(job)), []
            names = [views.file_name(job, picture.k, upload.kind) for picture in job.pictures]
            converted = None if upload.kind == "png" else upload.kind.upper()
            view = views.finished(job, self._service.card, files=names, converted=converted)
            pairs = zip(upload.files, names, strict=True)
            return view, [discord.File(io.BytesIO(data), filename=name) for data, name in pairs]

        return draw

    async def _pictures(self, sheet: Sheet, *, rung: int) -> Upload | None:
        job = sheet.job
        try:
            pngs = [await self._service.picture(job.id, picture.k) for picture in job.pictures]
        except PictureGone:
            _log.error("job %s: its pictures are not in the blob store", job.id)
            return None
        guild = self._client.get_guild(job.requester.guild) if job.requester.guild else None
        limit = sheet.limit or (guild.filesize_limit if guild else DEFAULT_LIMIT)
        return await fit(pngs, limit=limit, rung=rung)
