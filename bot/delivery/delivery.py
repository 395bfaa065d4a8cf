"""A job's message from its first answer on: edited at a measured pace, ended once, taken over after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

import discord

from bot.delivery.edit_limits import Gate, Pace
from bot.delivery.live_message import Sheet
from bot.delivery.posting import Posting
from bot.delivery.sender import TOKEN_LIFE, Place, Routes
from bot.delivery.undelivered import Undelivered
from bot.jobs import events as news
from bot.jobs.errors import UnknownJob
from bot.jobs.job import Job
from bot.rest import answers
from bot.rest.codes import ALREADY_ANSWERED, Meaning, meaning_of
from bot.rest.threads import opened
from bot.service.service import JobService
from bot.storage.database import STORAGE_ERRORS
from bot.ui import views

_TOKENS_PURGED_EVERY = 60.0  # seconds
_LONGEST_RETRY = 60.0  # seconds until a full disk is worth another try
_LONGEST_REST = 24 * 3600.0  # seconds until a message that met a bug is looked after again

_log = logging.getLogger(__name__)


class Delivery:
    """Owns the messages of all jobs that have not told their ending."""

    def __init__(self, client: discord.Client, service: JobService, *, pace: Pace) -> None:
        self._service = service
        self._ledger = service.ledger
        self._wall = service.wall
        self._pace = pace
        self._gate = Gate(pace, monotonic=service.monotonic)
        self._posting = Posting(service, routes=Routes(client, wall=service.wall), gate=self._gate, pace=pace)
        self._undelivered = Undelivered(service, pace=pace)
        self._sheets: dict[str, Sheet] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, *, resumed: asyncio.Event) -> None:
        """Until cancelled. `resumed` is set once the messages that an earlier process left are taken over."""
        try:
            with self._service.subscribe() as events:
                await self._undelivered.recall()
                for job in await self._ledger.unposted():
                    await self._resume(job)
                resumed.set()
                purge = self._start(self._purge_tokens(), "tokens")
                async for event in events:
                    self._hear(event)
                purge.cancel()
        finally:
            while self._tasks:  # one that meets a bug now begins another
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settled(self) -> None:
        """Wait until every message that is looked after has told its ending."""
        await self._idle.wait()

    async def open(self, interaction: discord.Interaction, job: Job) -> None:
        """Answer with the job's message and look after it from now on. A job that has one already keeps it."""
        if job.id in self._sheets:
            return
        sheet = self._sheet(job, limit=interaction.filesize_limit)
        # Stored with the job: a crash from here on leaves no message that nobody can edit.
        sheet.place.token = answers.token_of(interaction)
        try:
            await self._answer(interaction, sheet)
            self._gate.answered(sheet)
        except Exception:
            await self._disown(sheet)  # whoever answers now, `@original` will be that answer
            raise
        finally:
            self._look_after(sheet)  # whatever went wrong, the ending will find a way

    def bring(self, interaction: discord.Interaction) -> None:
        """Have it carry what could not be shown to its person before, once it has been answered."""
        if self._undelivered.takes(interaction):
            self._start(self._undelivered.bring(interaction), f"bring-{interaction.id}")

    async def _noted(self, job: Job, writing: Awaitable[object]) -> None:
        """Without room on the disk the ending still finds its message, as long as this process lives."""
        try:
            await writing
        except STORAGE_ERRORS as error:
            _log.error("job %s: its message cannot be noted: %s", job.id, error)

    async def _answer(self, interaction: discord.Interaction, sheet: Sheet) -> None:
        """Show the waiting message. Where it is unclear whether it is there, the token will tell later."""
        sheet.changed.clear()
        token = sheet.place.token
        if token is not None and self._wall() - token.at >= TOKEN_LIFE:
            return  # carried on after a long absence
        try:
            message = await self._say(interaction, views.live(sheet.said, sheet.shown(self._wall())))
        except answers.LOST as error:
            _log.warning("job %s: unclear whether the answer arrived: %s", sheet.job.id, error)
        except discord.HTTPException as error:
            if error.code == ALREADY_ANSWERED:
                return
            _log.warning("job %s: its first answer was refused: %s", sheet.job.id, error)
            if meaning_of(error) is Meaning.NOT_THIS_CONTENT and not sheet.wordless:
                sheet.wordless = True
                await self._answer(interaction, sheet)
            elif not answers.is_answered(interaction):
                await self._disown(sheet)
        else:
            sheet.place.message = message
            if message is not None and sheet.place.channel is not None:
                bound = self._ledger.bind_message(sheet.job.id, sheet.place.channel, message, upload_limit=sheet.limit)
                await self._noted(sheet.job, bound)

    async def _say(self, interaction: discord.Interaction, view: discord.ui.LayoutView) -> int | None:
        if answers.is_answered(interaction):
            edit = partial(interaction.edit_original_response, view=view)
            return (await opened(interaction.client, interaction.channel_id, edit)).id
        return (await interaction.response.send_message(view=view)).message_id

    async def _disown(self, sheet: Sheet) -> None:
        """`@original` is not the job's message; the ending is sent as a new one."""
        sheet.place.token = None
        sheet.unreachable = True
        await self._noted(sheet.job, self._ledger.drop_token(sheet.job.id))

    async def _resume(self, job: Job) -> None:
        if job.id in self._sheets:
            return
        sheet = self._sheet(job, limit=await self._ledger.upload_limit_of(job.id))
        bound = await self._ledger.message_of(job.id)
        if bound is not None:
            sheet.place.channel, sheet.place.message = bound
        sheet.place.token = await self._ledger.token_of(job.id)
        sheet.unreachable = bound is None and sheet.place.token is None
        sheet.changed.set()
        self._look_after(sheet)

    def _sheet(self, job: Job, *, limit: int | None) -> Sheet:
        glimpse = views.Glimpse(
            standing=self._service.standing(job.id),
            **self._painter(),
        )
        place = Place(job=job.id, channel=job.requester.channel, message=None, token=None)
        self._sheets[job.id] = sheet = Sheet(job=job, place=place, limit=limit, glimpse=glimpse)
        self._idle.clear()
        return sheet

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"delivery-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._stopped)
        return task

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """A bug is logged and leaves all messages alone."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s stopped", task.get_name(), exc_info=error)

    def _hear(self, event: news.JobEvent) -> None:
        match event:
            case news.PainterState():
                shown = self._painter()
                for sheet in self._sheets.values():
                    if sheet.job.waiting:
                        sheet.note(**shown)
            case news.Moved(job_id=job_id) | news.Stepped(job_id=job_id):
                if (sheet := self._sheets.get(job_id)) is not None:
                    sheet.hear(event)
            case _:
                if (sheet := self._sheets.get(event.job.id)) is not None:
                    sheet.hear(event)

    def _look_after(self, sheet: Sheet, *, rest: float = 0.0) -> None:
        """From now on (or after a rest) until its ending is told. What a bug ends begins again, ever more rarely."""
        task = asyncio.create_task(self._follow(sheet, rest), name=f"delivery-{sheet.job.id}")
        self._tasks.add(task)

        def over(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled() or (error := task.exception()) is None:
                self._sheets.pop(sheet.job.id, None)
                if not self._sheets:
                    self._idle.set()
                return
            if not rest:
                _log.error("job %s: its message met a bug", sheet.job.id, exc_info=error)
            self._look_after(sheet, rest=min(2 * rest or self._pace.retry, _LONGEST_REST))

        task.add_done_callback(over)

    async def _follow(self, sheet: Sheet, rest: float) -> None:
        if rest:
            await self._pace.sleep(rest)
        pause = self._pace.retry
        while not await self._followed(sheet):
            await self._pace.sleep(pause)
            pause = min(2 * pause, _LONGEST_RETRY)

    async def _followed(self, sheet: Sheet) -> bool:
        """Through to its ending; False where ledger or blob store failed on the way, and it is to be tried again."""
        try:
            await self._catch_up(sheet)
            while sheet.job.live:
                await self._news(sheet)
                if not sheet.unreachable:
                    await self._gate.until_allowed(sheet)
                sheet.changed.clear()
                if sheet.job.live and not sheet.unreachable:
                    await self._posting.show(sheet, sheet.shown(self._wall()))
            if not await self._posting.end(sheet):
                self._undelivered.owe(sheet.job)
        except STORAGE_ERRORS as error:
            _log.error("job %s: what its message says cannot be written down: %s", sheet.job.id, error)
            return False
        except UnknownJob:
            _log.info("job %s: its person was forgotten, and nothing is said of it any more", sheet.job.id)
        return True

    async def _catch_up(self, sheet: Sheet) -> None:
        """Events before its sheet was there went past it, so the row is read again. Raises UnknownJob."""
        job = sheet.job
        current = self._service.live_job(job.id) or await self._service.job(job.id)
        if sheet.job is job and current != job:
            sheet.turn(current)

    async def _news(self, sheet: Sheet) -> None:
        """Until there is something to show; a countdown that has run out is something, for it would count up."""
        try:
            async with asyncio.timeout(sheet.countdown(self._wall())):
                await sheet.changed.wait()
        except TimeoutError:
            sheet.counts_to = None
            sheet.glimpse = replace(sheet.glimpse, standing=self._service.standing(sheet.job.id))

    def _painter(self) -> dict[str, Any]:
        """What a glimpse says of who is to paint."""
        ready, broken = self._service.painter_ready, self._service.dispatcher.trouble is not None
        changing = self._service.models.changing
        return {"starting": not ready, "broken": broken and not changing, "changing": changing and not ready}

    async def _purge_tokens(self) -> None:
        while True:
            try:
                await self._ledger.drop_tokens(self._wall() - TOKEN_LIFE - 30)
            except STORAGE_ERRORS as error:
                _log.error("interaction tokens that are too old cannot be deleted: %s", error)
            await asyncio.sleep(_TOKENS_PURGED_EVERY)
