"""A job's message from its first answer on: edited within its limits, ended once, taken over after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

import discord

from bot.delivery.edit_limits import EditLimiter, EditLimits
from bot.delivery.live_message import LiveMessage
from bot.delivery.posting import Posting
from bot.delivery.sender import MessageRef, Sender
from bot.delivery.undelivered import Undelivered
from bot.jobs import events as news
from bot.jobs.errors import UnknownJob
from bot.jobs.interaction_token import TOKEN_LIFE
from bot.jobs.job import Job
from bot.rest import answers
from bot.rest.codes import Meaning, meaning_of
from bot.rest.threads import opened
from bot.service.service import JobService
from bot.storage.database import STORAGE_ERRORS, retry_pauses
from bot.ui import views

_TOKENS_PURGED_EVERY = 60.0  # seconds
_LONGEST_REST = 24 * 3600.0  # seconds until a message that met a bug is looked after again

_log = logging.getLogger(__name__)


class Delivery:
    """Owns the messages of all jobs that have not told their ending."""

    def __init__(self, client: discord.Client, service: JobService, *, edit_limits: EditLimits) -> None:
        self._service = service
        self._ledger = service.ledger
        self._wall = service.wall
        self._limits = edit_limits
        self._limiter = EditLimiter(edit_limits, monotonic=service.monotonic)
        sender = Sender(client, wall=service.wall)
        self._posting = Posting(service, sender=sender, limiter=self._limiter, limits=edit_limits)
        self._undelivered = Undelivered(service, limits=edit_limits)
        self._live: dict[str, LiveMessage] = {}
        self._next: LiveMessage | None = None  # the one whose message says that it is next in line
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._bugs = set[tuple[str, str]]()  # kinds of event and error; each is logged once

    async def run(self, *, resumed: asyncio.Event) -> None:
        """Until cancelled. `resumed` is set once the messages that an earlier process left are taken over."""
        try:
            with self._service.subscribe() as events:
                await self._undelivered.recall()
                for job in await self._ledger.jobs.unposted():
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
        if job.id in self._live:
            return
        live = self._new(job, limit=interaction.filesize_limit)
        # Stored with the job: a crash from here on leaves no message that nobody can edit.
        live.answered_with(answers.token_of(interaction))
        try:
            await self._answer(interaction, live)
            self._limiter.answered(live)
        except answers.AnsweredElsewhere:
            await self._disown(live)
            await self._service.stand_back(job)
        except Exception:
            await self._disown(live)  # whoever answers now, `@original` will be that answer
            raise
        finally:
            self._look_after(live)  # whatever went wrong, the ending will find a way

    def bring(self, interaction: discord.Interaction) -> None:
        """Have it carry what could not be shown to its person before, once it has been answered."""
        if self._undelivered.takes(interaction):
            self._start(self._undelivered.bring(interaction), f"bring-{interaction.id}")

    async def _note_down(self, job: Job, writing: Awaitable[object]) -> None:
        """Without room on the disk the ending still finds its message, as long as this process lives."""
        try:
            await writing
        except STORAGE_ERRORS as error:
            _log.error("job %s: its message cannot be noted: %s", job.id, error)

    async def _answer(self, interaction: discord.Interaction, live: LiveMessage) -> None:
        """Show the waiting message. Where it is unclear whether it is there, the token will tell later."""
        live.seen()
        token = live.ref.token
        if token is not None and not token.works(self._wall()):
            return  # carried on after a long absence
        try:
            message = await self._send_answer(interaction, views.live(live.shown_job, self._status(live)))
        except answers.LOST as error:
            _log.warning("job %s: unclear whether the answer arrived: %s", live.job.id, error)
        except discord.HTTPException as error:
            _log.warning("job %s: its first answer was refused: %s", live.job.id, error)
            if meaning_of(error) is Meaning.NOT_THIS_CONTENT and not live.wordless:
                live.leave_out_words()
                await self._answer(interaction, live)
            elif not answers.is_answered(interaction):
                await self._disown(live)
        else:
            live.appeared(message)
            if message is not None and live.ref.channel is not None:
                bound = self._ledger.messages.bind(live.job.id, live.ref.channel, message, upload_limit=live.limit)
                await self._note_down(live.job, bound)

    async def _send_answer(self, interaction: discord.Interaction, view: discord.ui.LayoutView) -> int | None:
        if answers.is_answered(interaction):
            edit = partial(interaction.edit_original_response, view=view)
            return (await opened(interaction.client, interaction.channel_id, edit)).id
        given = await answers.give(interaction, partial(interaction.response.send_message, view=view))
        return given and given.message_id

    async def _disown(self, live: LiveMessage) -> None:
        """`@original` is not the job's message."""
        live.disown()
        self._is_not_next(live)
        await self._note_down(live.job, self._ledger.messages.drop_token(live.job.id))

    async def _resume(self, job: Job) -> None:
        if job.id in self._live:
            return
        live = self._new(job, limit=await self._ledger.messages.upload_limit_of(job.id))
        live.take_over(await self._ledger.messages.of(job.id), await self._ledger.messages.token_of(job.id))
        self._look_after(live)

    def _new(self, job: Job, *, limit: int | None) -> LiveMessage:
        status = views.LiveStatus(standing=self._service.position(job.id), **self._painter())
        ref = MessageRef(job=job.id, channel=job.requester.channel, message=None, token=None)
        self._live[job.id] = live = LiveMessage(job=job, ref=ref, limit=limit, status=status)
        self._idle.clear()
        return live

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
        try:
            self._apply(event)
        except Exception as error:  # noqa: BLE001  # the border of events: a bug over one must not cost the others
            kind = (type(event).__name__, type(error).__name__)
            if kind not in self._bugs:
                self._bugs.add(kind)
                _log.error("what happened cannot be shown: %s", kind[0], exc_info=error)
            if isinstance(event, news.Ended) and (live := self._live.get(event.job.id)) is not None:
                live.set_job(event.job)

    def _apply(self, event: news.JobEvent) -> None:
        match event:
            case news.EngineState():
                shown = self._painter()
                for live in self._live.values():
                    if live.job.waiting:
                        live.update(**shown)
            case news.Moved(job_id=job_id) | news.Stepped(job_id=job_id):
                if (live := self._live.get(job_id)) is not None:
                    live.apply(event)
            case _:
                if (live := self._live.get(event.job.id)) is not None:
                    live.apply(event)

    def _look_after(self, live: LiveMessage, *, rest: float = 0.0) -> None:
        """From now on (or after a rest) until its ending is told. What a bug ends begins again, ever more rarely."""
        task = asyncio.create_task(self._follow(live, rest), name=f"delivery-{live.job.id}")
        self._tasks.add(task)

        def over(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled() or (error := task.exception()) is None:
                self._live.pop(live.job.id, None)
                self._is_not_next(live)
                if not self._live:
                    self._idle.set()
                return
            if not rest:
                _log.error("job %s: its message met a bug", live.job.id, exc_info=error)
            self._look_after(live, rest=min(2 * rest or self._limits.retry, _LONGEST_REST))

        task.add_done_callback(over)

    async def _follow(self, live: LiveMessage, rest: float) -> None:
        if rest:
            await self._limits.sleep(rest)
        pauses = retry_pauses(self._limits.retry)
        while not await self._followed(live):
            await self._limits.sleep(next(pauses))

    async def _followed(self, live: LiveMessage) -> bool:
        """Through to its ending; False where ledger or blob store failed on the way, and it is to be tried again."""
        try:
            await self._catch_up(live)
            shown = None
            while shown is None:  # twice, where what was painted is lost
                await self._show_until_it_ends(live)
                shown = await self._posting.end(live)
            if not shown:
                self._undelivered.owe(live.job)
        except STORAGE_ERRORS as error:
            _log.error("job %s: what its message says cannot be written down: %s", live.job.id, error)
            return False
        except UnknownJob:
            _log.info("job %s: its person was forgotten, and nothing is said of it any more", live.job.id)
        return True

    async def _show_until_it_ends(self, live: LiveMessage) -> None:
        while live.job.live:
            await self._something_to_show(live)
            if not live.unreachable:
                await self._limiter.turn(live)
            live.seen()
            if live.job.live and not live.unreachable:
                status = self._status(live)
                says_next = views.says_next(live.job, status)
                if await self._posting.show(live, status) and not says_next:
                    self._is_not_next(live)
            if live.unreachable:
                self._is_not_next(live)

    def _status(self, live: LiveMessage) -> views.LiveStatus:
        """What is to be shown now. While another message still says that it is next, this one does not say so too."""
        status = live.shown_status(self._wall())
        if not views.says_next(live.job, status):
            return status
        if self._next is not None and self._next is not live:
            return replace(status, standing=None)
        self._next = live
        return status

    def _is_not_next(self, live: LiveMessage) -> None:
        """Its message says so no more: whose turn that is may be told now."""
        if self._next is live:
            self._next = None
            for other in self._live.values():
                if views.says_next(other.job, other.status):
                    other.changed.set()

    async def _catch_up(self, live: LiveMessage) -> None:
        """Events before this message was looked after went past it, so the row is read again. Raises UnknownJob."""
        job = live.job
        current = self._service.live_job(job.id) or await self._service.job(job.id)
        if live.job is job and current != job:
            live.set_job(current)

    async def _something_to_show(self, live: LiveMessage) -> None:
        """Until there is something to show; a countdown that has run out is something, for it would count up."""
        try:
            async with asyncio.timeout(live.countdown(self._wall())):
                await live.changed.wait()
        except TimeoutError:
            live.countdown_is_over(self._service.position(live.job.id))

    def _painter(self) -> dict[str, Any]:
        """What a message's status says of who is to paint."""
        ready, broken = self._service.engine_ready, self._service.engines.trouble is not None
        changing = self._service.models.changing
        return {"starting": not ready, "broken": broken and not changing, "changing": changing and not ready}

    async def _purge_tokens(self) -> None:
        while True:
            try:
                await self._ledger.messages.drop_tokens(self._wall() - TOKEN_LIFE)
            except STORAGE_ERRORS as error:
                _log.error("interaction tokens that are too old cannot be deleted: %s", error)
            await asyncio.sleep(_TOKENS_PURGED_EVERY)
