"""Jobs and their pictures by name, as the ledger and the blob store have them."""

from __future__ import annotations

from bot.jobs.errors import PictureGone, UnknownJob
from bot.jobs.job import Job, Picture, Requester
from bot.storage.blobs import BlobStore
from bot.storage.ledger import Ledger
from protocol.request import Kind


class Lookup:
    """The part of the service that changes nothing."""

    def __init__(self, ledger: Ledger, blobs: BlobStore) -> None:
        self.ledger = ledger
        self.blobs = blobs

    async def job(self, job_id: str) -> Job:
        """This job as it stands. Raises UnknownJob."""
        job = await self.ledger.job(job_id)
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

    async def wish_behind(self, job_id: str) -> Job:
        """The job whose words made this picture: for an enlargement, the one that painted what it enlarges."""
        job = await self.job(job_id)
        while job.request.kind is Kind.UPSCALE and job.parent is not None:
            job = await self.job(job.parent[0])
        return job
