"""A bot that a crowd asks at once, each with the same file as a picture to start from: `… ADDRESS PERSONS FOLDER`.

Prints by how many MiB its memory grew at most, over what one person alone had made of it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from bot.attachments import PictureReader
from bot.jobs.job import Requester
from bot.requests.draft import RequestDraft
from bot.service.service import JobService, open_service
from bot.storage.blobs import UNSTORED
from tests.support.fake_engine import CARD
from tests.support.stage import ROOMY

MIB = 2**20


async def main(address: str, persons: int, folder: Path) -> None:
    reader = PictureReader(endpoint=address)
    attachment: Any = SimpleNamespace(url=f"{address}/picture.png", size=1)
    async with open_service(folder, owner=ROOMY) as service:
        service.engines.expect(CARD)
        await ask(service, reader, attachment, person=0)
        before = psutil.Process().memory_info().rss
        most = asyncio.create_task(peak())
        async with asyncio.TaskGroup() as tasks:
            for person in range(1, persons + 1):
                tasks.create_task(ask(service, reader, attachment, person=person))
        most.cancel()
        print(round((await most - before) / MIB))


async def ask(service: JobService, reader: PictureReader, attachment: Any, *, person: int) -> None:
    async def fetch() -> dict[str, bytes]:
        return {"source": await reader.read(attachment)}

    by = Requester(principal=f"discord:{person}", guild=1, channel=1)
    await service.imagine(RequestDraft(prompt="x", source=UNSTORED), by=by, fetch=fetch, origin=str(person))


async def peak() -> int:
    """The most memory, in bytes, that this process had at any time until it was cancelled."""
    most = 0
    try:
        while True:
            most = max(most, psutil.Process().memory_info().rss)
            await asyncio.sleep(0.005)
    except asyncio.CancelledError:
        return most


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
