"""`--say`: lines typed into the playground without a browser, and what a person would see of it."""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp

from bot.client import ImageBot
from bot.jobs.errors import Refusal, UnknownJob
from bot.jobs.events import Ended, EngineState, JobEvent
from bot.jobs.states import JobState
from bot.service.service import JobService
from bot.startup.flags import Stopped
from playground.launch import PlaygroundAddress
from playground.visitor import Message, Unsaid, Visitor, as_text, form_as_text
from playground.world.people import CHANNELS, PEOPLE

PAINTER_PATIENCE = 300.0  # seconds that --say waits for the engine to load
MOST_WORDS = 60  # characters of a prompt in a file's name
ECHO = 3.0  # seconds that --say waits for something to be seen after an answer


class NoPainter(Exception):
    """Nobody paints; the message is one sentence."""


def make_folder(folder: Path) -> None:
    """For the pictures. Raises Stopped."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise Stopped(f"Pictures cannot be saved in {folder}: it is a file.") from error
    except OSError as error:
        raise Stopped(f"Pictures cannot be saved in {folder}: {error.strerror or error}.") from error


async def say(
    lines: Sequence[str], bot: ImageBot, place: PlaygroundAddress, *, save: Path | None, refusals: list[Refusal]
) -> int:
    """Types each line as the member would and shows what they would see; 1 where something was refused or failed."""
    try:
        await _painter(bot.service)
    except NoPainter as reason:
        print(reason, file=sys.stderr)
        return 1
    failed = False
    async with aiohttp.ClientSession() as session:
        visitor = Visitor(session=session, url=place.url, person=PEOPLE[0].id, channel=CHANNELS[0].id)
        await visitor.news()  # what was said in earlier sessions
        for line in lines:
            refused = len(refusals)
            with bot.service.subscribe(Ended) as endings:
                try:
                    await visitor.say(line)
                except Unsaid as error:
                    print(error)
                    failed = True
                    continue
                await bot.delivery.settled()
                await bot.removals.settled()
            failed |= len(refusals) > refused or any([_is_failure(ending) async for ending in endings])
            if visitor.form is not None:
                print(form_as_text(visitor.form), end="\n\n")
                continue
            fresh, gone = await visitor.changes(patience=ECHO)
            for message in gone:
                print(f"[gone] {as_text(message).partition(chr(10))[0]}", end="\n\n")
            for message in fresh:
                print(as_text(message), end="\n\n")
                if save is not None:
                    await _save(message, visitor, bot.service, save)
            if visitor.meant is not None:
                print(f"The painter hears commands only. Write: {visitor.meant}", end="\n\n")
    return int(failed)


async def _save(message: Message, visitor: Visitor, service: JobService, folder: Path) -> None:
    for attachment in message["attachments"]:
        name, content = await _name(service, attachment["filename"]), await visitor.download(attachment["url"])
        print(f"saved {await asyncio.to_thread(_write, folder, name, content)}")


async def _name(service: JobService, uploaded: str) -> str:
    """What a picture is called in a folder: by its words and its seed, where its upload has the id of its job."""
    if not (match := re.fullmatch(r"(\w+)-(\d+)\.(\w+)", uploaded)):
        return uploaded
    try:
        job = await service.job(match[1])
    except UnknownJob:
        return uploaded
    k, words = int(match[2]) - 1, re.sub(r"[\W_]+", "-", job.request.prompt.casefold())
    return f"{words[:MOST_WORDS].strip('-') or 'picture'}-{job.request.seed_of(k)}.{match[3]}"


def _write(folder: Path, name: str, content: bytes) -> Path:
    """Beside what is there already."""
    first = folder / name
    for number in itertools.count(1):
        path = first if number == 1 else first.with_stem(f"{first.stem}-{number}")
        with suppress(FileExistsError), path.open("xb") as file:
            file.write(content)
            return path
    raise AssertionError("endless")


def _is_failure(event: JobEvent) -> bool:
    return isinstance(event, Ended) and event.job.state is JobState.FAILED


async def _painter(service: JobService) -> None:
    """Waits until there is one. Raises NoPainter with the reason where none comes."""
    with service.subscribe(EngineState) as events:
        try:
            async with asyncio.timeout(PAINTER_PATIENCE):
                while not service.engine_ready:
                    if (problem := service.engines.trouble) is not None:
                        raise NoPainter(problem)
                    await anext(events)
        except TimeoutError:
            raise NoPainter(f"No painter was ready within {PAINTER_PATIENCE:.0f} s.") from None
