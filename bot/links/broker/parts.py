"""Pictures that come in parts, on disk until they are whole: a bot that restarts in between has lost nothing."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from contextlib import suppress
from pathlib import Path

from bot.jobs.ids import WallClock
from bot.storage.blobs import write_durably
from protocol import frames
from protocol.broker import Piece

MOST_WHOLES = 32  # from one seat at once; beyond, the oldest was never to be whole
ABANDONED = 24 * 3600.0  # seconds without another part


class TooMuch(Exception):
    """More parts than any honest picture has."""


class PartStore:
    """A folder for each seat, in it one for each picture. Everything may be said again, in any order."""

    def __init__(self, root: Path, *, wall: WallClock = time.time) -> None:
        self._root = root
        self._wall = wall
        self._since = wall()  # before, nobody was there to take the next part in

    async def put(self, seat: str, ending: str, piece: Piece, content: bytes) -> bytes | None:
        """Keep one part of what `ending` names; returns the whole when nothing is missing.

        Raises TooMuch, and OSError where it cannot be written.
        """
        return await asyncio.to_thread(self._put, self._folder(seat, ending, piece), piece, content)

    async def drop(self, seat: str, ending: str, piece: Piece) -> None:
        """It is stored, or of no use."""
        await asyncio.to_thread(shutil.rmtree, self._folder(seat, ending, piece), ignore_errors=True)

    async def tidy(self) -> None:
        """Let go of what will never be whole: an engine that lives leaves its parts again, one that is gone none."""
        await asyncio.to_thread(self._tidy_all)

    def _folder(self, seat: str, ending: str, piece: Piece) -> Path:
        return self._root / _name(seat) / _name(f"{ending} {piece.whole} {piece.parts}")

    def _put(self, folder: Path, piece: Piece, content: bytes) -> bytes | None:
        if not folder.exists():
            folder.mkdir(parents=True)
            self._tidy(folder.parent)
        present = {path.name: path.stat().st_size for path in folder.glob("[0-9]*") if path.name != str(piece.part)}
        if sum(present.values()) + len(content) > frames.MAX_FRAME:
            raise TooMuch
        write_durably(folder / str(piece.part), content)
        if len(present) + 1 < piece.parts:
            return None
        return b"".join((folder / str(number)).read_bytes() for number in range(piece.parts))

    def _tidy(self, seat: Path) -> None:
        wholes = sorted(seat.iterdir(), key=lambda folder: folder.stat().st_mtime)
        for folder in wholes[:-MOST_WHOLES]:
            shutil.rmtree(folder, ignore_errors=True)

    def _tidy_all(self) -> None:
        for folder in self._root.glob("*/*"):
            with suppress(OSError):  # it has just become whole
                if self._wall() - max(folder.stat().st_mtime, self._since) > ABANDONED:
                    shutil.rmtree(folder)
        for seat in self._root.glob("*"):
            with suppress(OSError):  # it is not empty
                seat.rmdir()


def _name(words: str) -> str:
    """What strangers say, as the name of a file."""
    return hashlib.sha256(words.encode()).hexdigest()[:32]
