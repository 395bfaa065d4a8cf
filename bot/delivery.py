"""A job's message from its first answer on: edited at a measured pace, ended once, taken over after a restart."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import aiohttp
import discord

from bot.errors import PictureGone
from bot.jobs import news
from bot.jobs.ids import WallClock
from bot.jobs.job import Job, JobState
from bot.jobs.ledger import Ledger
from bot.jobs.rows import InteractionToken
from bot.jobs.service import JobService
from bot.pace import Gate, Pace
from bot.routes import TOKEN_LIFE, Draw, Drawn, NoRoute, Place, Rejected, Routes, TooHeavy, Unclear
from bot.sheets import Sheet
from bot.ui import views
from bot.uploads import DEFAULT_LIMIT, Upload, fit

_ALREADY_ANSWERED = 40060  # Discord's code where an earlier try of the answer had arrived
_UPLOADS_AT_ONCE = 4  # each holds its files in memory twice
_LEAST_ESTIMATE = 3.0  # seconds ahead that are worth a countdown
_TOKENS_PURGED_EVERY = 60.0  # seconds

_log = logging.getLogger(__name__)


class Delivery:
    """Owns the messages of all jobs that have not told their ending.

    `clock` is wall time (the age of tokens), `monotonic` paces edits.
    """

    def __init__(
        self,
        client: discord.Client,
        service: JobService,
        ledger: Ledger,
        *,
        pace: Pace | None = None,
        clock: WallClock = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._service = service
        self._ledger = ledger
        self._pace = pace or Pace()
        self._wall = clock
        self._gate = Gate(self._pace, monotonic=monotonic)
        self._routes = Routes(client, wall=clock)
        self._sheets: dict[str, Sheet] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._uploading = asyncio.Semaphore(_UPLOADS_AT_ONCE)

    async def run(self, *, resumed: asyncio.Event) -> None:
        """Until cancelled. `resumed` is set once the messages that an earlier process left are taken over."""
        try:
            with self._service.subscribe() as events:
                for job in await self._ledger.unposted():
                    await self._resume(job)
                resumed.set()
                purge = self._start(self._purge_tokens(), "tokens")
                async for event in events:
                    self._hear(event)
                purge.cancel()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settled(self) -> None:
        """Wait until every message that is looked after has told its ending."""
        await self._idle.wait()

    async def open(self, interaction: discord.Interaction, job: Job) -> None:
        """Answer with the job's message and look after it from now on. A job that has one already keeps it."""
        if job.id in self._sheets or job.requester.channel is None:
            return
        sheet = await self._sheet(job, limit=interaction.filesize_limit)
        at = interaction.created_at.timestamp()
        token = InteractionToken(token=interaction.token, application=interaction.application_id, at=at)
        sheet.place.token = token
        # Before the answer: a crash between the two must not leave a message that nobody can edit.
        await self._ledger.keep_token(job.id, token.token, token.application, token.at)
        try:
            sheet.place.message = await self._answer(interaction, sheet)
        except discord.HTTPException:
            self._start(self._look_after(sheet), job.id)  # the ending will find another way
            raise
        if sheet.place.message is not None:
            await self._ledger.bind_message(job.id, sheet.place.channel, sheet.place.message, upload_limit=sheet.limit)
        self._gate.answered(sheet)
        self._start(self._look_after(sheet), job.id)

    async def _answer(self, interaction: discord.Interaction, sheet: Sheet) -> int | None:
        """The id of the waiting message; None where it is unclear, and the token will tell later."""
        sheet.changed.clear()
        view = views.live(sheet.job, self._glimpse(sheet))
        try:
            if interaction.response.is_done():
                return (await interaction.edit_original_response(view=view)).id
            return (await interaction.response.send_message(view=view)).message_id
        except (aiohttp.ClientError, TimeoutError, ConnectionError, discord.DiscordServerError) as error:
            _log.warning("job %s: unclear whether the answer arrived: %s", sheet.job.id, error)
        except discord.NotFound as error:
            _log.warning("job %s: the answer came too late: %s", sheet.job.id, error)
        except discord.HTTPException as error:
            if error.code != _ALREADY_ANSWERED:
                raise
        return None

    async def _resume(self, job: Job) -> None:
        if job.id in self._sheets or job.requester.channel is None:
            return
        sheet = await self._sheet(job, limit=await self._ledger.upload_limit_of(job.id))
        bound = await self._ledger.message_of(job.id)
        if bound is not None:
            sheet.place.channel, sheet.place.message = bound
        sheet.place.token = await self._ledger.token_of(job.id)
        sheet.unreachable = bound is None and sheet.place.token is None
        sheet.changed.set()
        self._start(self._look_after(sheet), job.id)

    async def _sheet(self, job: Job, *, limit: int | None) -> Sheet:
        assert job.requester.channel is not None
        sheet = Sheet(
            job=job,
            place=Place(job=job.id, channel=job.requester.channel, message=None, token=None),
            limit=limit,
        )
        self._sheets[job.id] = sheet
        self._idle.clear()
        # Events before this moment went past it, so the row is read again.
        current = await self._service.job(job.id)
        sheet.glimpse = views.Glimpse(
            standing=self._service.standing(job.id),
            starting=self._starting(),
            cancelling=current.cancel_requested and current.live,
        )
        if sheet.job is job:
            sheet.turn(current)
        return sheet

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"delivery-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._stopped)
        return task

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """A bug with one message is logged with its job's id and leaves all others alone."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s stopped", task.get_name(), exc_info=error)

    def _hear(self, event: news.JobEvent) -> None:
        match event:
            case news.PainterState():
                for sheet in self._sheets.values():
                    if sheet.job.waiting:
                        sheet.note(starting=self._starting())
            case news.Moved(job_id=job_id) | news.Stepped(job_id=job_id):
                if (sheet := self._sheets.get(job_id)) is not None:
                    sheet.hear(event)
            case _:
                if (sheet := self._sheets.get(event.job.id)) is not None:
                    sheet.hear(event)

    def cancelling(self, job: Job) -> None:
        """Somebody asked for it: say so before the painter has stopped."""
        if (sheet := self._sheets.get(job.id)) is not None and sheet.job.live:
            sheet.note(cancelling=True)

    async def _look_after(self, sheet: Sheet) -> None:
        try:
            while sheet.job.live:
                await sheet.changed.wait()
                if not sheet.unreachable:
                    await self._gate.until_allowed(sheet)
                sheet.changed.clear()
                if sheet.job.live and not sheet.unreachable:
                    await self._show(sheet)
            await self._end(sheet)
        finally:
            self._sheets.pop(sheet.job.id, None)
            if not self._sheets:
                self._idle.set()

    async def _show(self, sheet: Sheet) -> None:
        """One edit of a live message; one that fails is not repeated, the next will be newer."""
        await self._gate.count(sheet)
        job, glimpse, preview = sheet.job, self._glimpse(sheet), sheet.preview

        def draw() -> Drawn:
            shown = job.state is JobState.RUNNING and glimpse.preview and preview is not None
            files = [discord.File(io.BytesIO(preview), filename=views.PREVIEW)] if shown and preview else []
            return views.live(job, glimpse), files

        try:
            await self._remember(sheet, await self._routes.edit(sheet.place, draw))
        except (Unclear, TooHeavy, Rejected) as error:
            _log.info("job %s: an edit was lost: %s", job.id, error)
        self._gate.edited(sheet)

    def _glimpse(self, sheet: Sheet) -> views.Glimpse:
        """What to show now; an estimate that is nearly up would soon count the seconds since."""
        glimpse = sheet.glimpse
        standing = glimpse.standing
        if standing is None or standing.eta is None or standing.eta > self._wall() + _LEAST_ESTIMATE:
            return glimpse
        return replace(glimpse, standing=replace(standing, eta=None))

    async def _end(self, sheet: Sheet) -> None:
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

    def _starting(self) -> bool:
        return not any(engine.state == "ready" for engine in self._service.dispatcher.engines())

    async def _purge_tokens(self) -> None:
        while True:
            await self._ledger.drop_tokens(self._wall() - TOKEN_LIFE - 30)
            await asyncio.sleep(_TOKENS_PURGED_EVERY)
