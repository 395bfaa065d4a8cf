"""Pictures on disk, named by their SHA-256: written once, whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"[0-9a-f]{64}")
UNSTORED = "0" * 64  # in the place of a name until all else about a request is well, and its pictures are stored

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """A file of the store: its SHA-256, its bytes, and when it was last put there (Unix seconds)."""

    name: str
    size: int
    written: float


class BlobStore:
    """A folder of files `ab/abcdef…`; the same bytes are stored once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, content: bytes) -> str:
        """Store `content` and return its SHA-256; when this returns it has survived a power cut."""
        return await asyncio.to_thread(self._put, content)

    async def get(self, name: str) -> bytes | None:
        """The bytes of this SHA-256, or None where they are not (any more), or not as they were put there."""
        return await asyncio.to_thread(self._get, name)

    async def stored(self) -> list[Blob]:
        """Everything there is."""
        return await asyncio.to_thread(lambda: list(self._stored()))

    async def drop(self, blobs: Sequence[Blob]) -> int:
        """Delete those that were not put again since they were listed; returns how many."""
        return await asyncio.to_thread(lambda: sum(map(self._drop, blobs)))

    async def room(self) -> int:
        """Bytes that are free on this disk, for whoever is not its administrator."""
        return await asyncio.to_thread(self._room)

    def is_short_of(self, least: int) -> bool:
        """Whether fewer bytes than these are free; it asks the disk, so not in the loop."""
        return self._room() < least

    def path(self, name: str) -> Path:
        """Where the bytes of this SHA-256 lie, whether or not they do."""
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a SHA-256")
        return self._root / name[:2] / name

    def _room(self) -> int:
        return shutil.disk_usage(self._root.parent).free

    def _put(self, content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        path = self.path(name)
        if _read(path) == content:  # one that was damaged is written anew
            os.utime(path)  # so that it is not pruned as one that nobody has asked for in a long time
            return name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, content)
        _sync_folder(self._root)
        return name

    def _stored(self) -> Iterator[Blob]:
        for path in self._root.glob("??/*"):
            if NAME.fullmatch(path.name):
                with suppress(FileNotFoundError):  # somebody else was quicker
                    facts = path.stat()
                    yield Blob(name=path.name, size=facts.st_size, written=facts.st_mtime)

    def _drop(self, blob: Blob) -> bool:
        path = self.path(blob.name)
        with suppress(FileNotFoundError):
            if path.stat().st_mtime == blob.written:
                path.unlink()
                return True
        return False

    def _get(self, name: str) -> bytes | None:
        content = _read(self.path(name))
        if content is not None and hashlib.sha256(content).hexdigest() != name:
            _log.error("the stored picture %s is damaged; the same request paints it anew", name)
            return None
        return content


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def write_durably(path: Path, content: bytes) -> None:
    """The whole file or none; when this returns it has survived a power cut. Raises OSError."""
    unfinished = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(unfinished, "wb", opener=_for_us_alone) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; Windows neither can nor needs to."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
