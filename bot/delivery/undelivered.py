"""Pictures that could not be shown where they were asked for: their person's next interaction brings them."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import discord

from bot.delivery.edit_limits import EditLimits
from bot.delivery.sender import Drawing, Rejected, TooHeavy, WayClosed, known_errors
from bot.delivery.uploads import Upload, fit
from bot.jobs.errors import PictureGone, UnknownJob
from bot.jobs.job import Job
from bot.rest.rate_limits import OutcomeUnknown, one_attempt
from bot.service.service import JobService
from bot.storage.database import STORAGE_ERRORS
from bot.ui import views

_MOST = 5  # jobs that one interaction brings; the rest comes with the next
_LOOKS = 7  # for the interaction's own answer, each twice as late as the one before

# Answers after which a follow-up is a message of its own: after "thinking" it would take the answer's place.
_Kind = discord.InteractionResponseType
_CARRIERS = frozenset({_Kind.channel_message, _Kind.deferred_message_update, _Kind.message_update})

_log = logging.getLogger(__name__)


class Undelivered:
    """Brings each once; where the answer to that is lost, once more with the next interaction."""

    def __init__(self, service: JobService, *, limits: EditLimits) -> None:
        self._service = service
        self._limits = limits
        self._slots = asyncio.Semaphore(1)
        self._owed: set[str] = set()  # principals, so that an interaction of anybody else costs nothing
        self._busy: set[str] = set()  # principals

    async def recall(self) -> None:
        """Learn who was owed something when the last process ended."""
        self._owed |= await self._service.ledger.jobs.persons_owed()

    def owe(self, job: Job) -> None:
        """This job could not be shown."""
        self._owed.add(job.requester.principal)

    def takes(self, interaction: discord.Interaction) -> bool:
        """Whether this interaction has something to carry; none of the same person's does until it has brought that."""
        person = f"discord:{interaction.user.id}"
        if person not in self._owed or person in self._busy:
            return False
        self._busy.add(person)
        return True

    async def bring(self, interaction: discord.Interaction) -> None:
        """Once an interaction that `takes` has been answered, send its person what could not be shown before."""
        person = f"discord:{interaction.user.id}"
        try:
            if not await self._answered(interaction):
                return
            jobs = await self._service.ledger.jobs.undeliverable(person)
            if not jobs:
                self._owed.discard(person)
            for job in jobs[:_MOST]:
                if not await self._brought(interaction, job):
                    return
        except STORAGE_ERRORS as error:
            _log.error("pictures for %s cannot be read or marked as brought: %s", person, error)
        finally:
            self._busy.discard(person)

    async def _answered(self, interaction: discord.Interaction) -> bool:
        for look in range(_LOOKS):
            await self._limits.sleep(self._limits.calm * 2**look)
            if interaction.response.is_done():
                return interaction.response.type in _CARRIERS
        return False

    async def _brought(self, interaction: discord.Interaction, job: Job) -> bool:
        """False where this interaction brings nothing more."""
        try:
            pngs = [await self._service.picture(job.id, picture.k) for picture in job.pictures]
        except UnknownJob:
            return True  # its person was forgotten
        except PictureGone:
            drawing = _without_pictures  # retention took them: unsaid, they would be in the way of others for ever
        else:
            upload = await fit(pngs, limit=interaction.filesize_limit) if pngs else None
            if upload is None:
                return True
            drawing = partial(_with, upload, await self._service.ledger.messages.is_gone(job.id))
        try:
            try:
                await self._send(interaction, drawing(job))
            except Rejected:
                await self._send(interaction, drawing(views.without_words(job)))
        except (WayClosed, OutcomeUnknown, TooHeavy, Rejected) as error:
            _log.info("job %s: could not be brought either: %s", job.id, error)
            return False
        await self._service.ledger.jobs.mark_posted(job.id)
        return True

    async def _send(self, interaction: discord.Interaction, drawing: Drawing) -> None:
        with known_errors(), one_attempt(self._slots):
            await interaction.followup.send(view=drawing.view, files=drawing.files(), ephemeral=True, wait=True)


def _with(upload: Upload, deleted: bool, job: Job) -> Drawing:
    names = upload.names(job)
    view = views.brought(job, files=names, deleted=deleted, converted=upload.converted)
    return Drawing(view=view, attachments=upload.attachments(names))


def _without_pictures(job: Job) -> Drawing:
    return Drawing(view=views.lost(job))
