"""Attachments from strangers: checked, fetched, and decoded in a process of its own (`bot.decoding`)."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bot.decoding import KEEP_TRANSPARENCY, MAX_BYTES, mask_of
from bot.downloads import MIB, Downloads
from bot.jobs.errors import BadPicture, EmptyPicture, NotAPicture, PictureTakesTooLong, PictureTooHeavy

if TYPE_CHECKING:
    import discord

__all__ = ["KEEP_TRANSPARENCY", "MAX_BYTES", "PictureReader", "mask_of"]

WALL_SECONDS = 20.0  # of a decoder; its processor time has a limit of its own
DECODERS = 2  # at once

_ROOT = Path(__file__).parents[1]
_DECODER = ("-m", "bot.decoding")
_CHUNK = 64 * 1024  # bytes on the way to a decoder: what waits for it would be a second copy of the file


class PictureReader:
    """Turns an attachment into a clean PNG.

    `endpoint` is a Discord-compatible server whose files may be read too; `proxy` is the way to them.
    """

    def __init__(self, *, endpoint: str | None = None, proxy: str | None = None) -> None:
        self._downloads = Downloads(endpoint=endpoint, proxy=proxy)
        self._decoders = asyncio.Semaphore(DECODERS)

    def check(self, attachment: discord.Attachment) -> None:
        """What can be known before a byte is fetched. Raises ForeignPicture, EmptyPicture, PictureTooHeavy."""
        self._downloads.check(attachment.url)
        if attachment.size == 0:
            raise EmptyPicture()
        if attachment.size > MAX_BYTES:
            raise PictureTooHeavy(size=round(attachment.size / MIB, 1), limit=MAX_BYTES // MIB)

    async def read(self, attachment: discord.Attachment, *purpose: str) -> bytes:
        """The attachment upright, without metadata, RGB, at most MAX_SIDE a side, as PNG. Raises BadPicture.

        With KEEP_TRANSPARENCY it is RGBA where something in it is transparent and something is not. With
        `mask_of(size)` it is black and white, of that size, and white where it paints.
        """
        self.check(attachment)
        return await self.clean(await self._downloads.fetch(attachment.url), *purpose)

    async def clean(self, data: bytes | bytearray, *purpose: str) -> bytes:
        """The same for bytes that are already here."""
        if not data:
            raise EmptyPicture()
        async with self._decoders:
            head, png = await _in_child(data, purpose)
        try:
            said = json.loads(head)
        except ValueError:
            raise NotAPicture() from None  # the child was ended by its memory, or there was nothing to say
        code = said.pop("code", None)
        if code != "ok" or not png:
            refusals = {kind.code: kind for kind in BadPicture.family()}
            raise refusals.get(code, NotAPicture)(**said)
        return png


async def _in_child(data: bytes | bytearray, purpose: Sequence[str]) -> tuple[bytes, bytes]:
    """The line that the child says, and its PNG. Raises PictureTakesTooLong."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *_DECODER,
        *purpose,
        cwd=_ROOT,
        env=_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        async with asyncio.timeout(WALL_SECONDS):
            await _feed(child.stdin, data)
            answer = await child.stdout.readline(), await child.stdout.read()
            await child.wait()
    except TimeoutError:
        raise PictureTakesTooLong from None
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    if sys.platform != "win32" and child.returncode == -signal.SIGXCPU:
        raise PictureTakesTooLong
    return answer


async def _feed(pipe: asyncio.StreamWriter, data: bytes | bytearray) -> None:
    """A child reads everything before it says anything; one that has ended reads no more."""
    with suppress(BrokenPipeError, ConnectionResetError):
        for start in range(0, len(data), _CHUNK):
            pipe.write(data[start : start + _CHUNK])
            await pipe.drain()
        pipe.close()
        await pipe.wait_closed()


def _environment() -> dict[str, str] | None:
    """On POSIX nothing of ours, so that no token is in reach of a decoder; Windows needs its own variables."""
    return None if sys.platform == "win32" else {"PYTHONDONTWRITEBYTECODE": "1"}
