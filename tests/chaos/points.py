"""Named points of the bot's process at which it may end at once, as by SIGKILL: commits, blobs, calls to Discord.

A point is `before commit JobStore.accept` or `after call PATCH /webhooks/…`; hooks wrap the real methods from outside.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from discord.http import HTTPClient
from discord.webhook.async_ import AsyncWebhookAdapter

from bot.storage.blobs import BlobStore
from bot.storage.database import Database

Passing = Callable[[str], None]


class Trap:
    """A folder through which a test speaks with the bot's process: where to end, and where it has been."""

    EXIT_CODE = 9

    def __init__(self, folder: Path) -> None:
        self._armed = folder / "armed"
        self._seen = folder / "seen"

    def arm(self, point: str) -> None:
        """The process ends when it comes to this point, once."""
        self._armed.write_text(point, "utf-8")

    def disarm(self) -> None:
        self._armed.unlink(missing_ok=True)

    def seen(self) -> list[str]:
        """Every point since the last time that somebody asked, in order of its first passing."""
        text = self._seen.read_text("utf-8") if self._seen.exists() else ""
        self._seen.unlink(missing_ok=True)
        return list(dict.fromkeys(text.splitlines()))

    def passing(self, here: str) -> None:
        """In the bot's process: note the point, or end at it."""
        if self._armed.exists() and self._armed.read_text("utf-8") == here:
            self._armed.unlink()
            os._exit(self.EXIT_CODE)
        with self._seen.open("a", encoding="utf-8") as seen:
            seen.write(f"{here}\n")


def watch(passing: Passing) -> None:
    """Call `passing` at every point from now on, in whichever thread it is."""
    _watch_commits(passing)
    _watch_blobs(passing)
    _watch_calls(passing)


def _watch_commits(passing: Passing) -> None:
    run, tell = Database._run, Database._tell

    def watched_run(self: Database, piece: Any) -> None:
        run(self, piece)
        if piece.writes and piece.error is None:
            passing(f"before {_commit(piece)}")

    def watched_tell(self: Database, pieces: list[Any]) -> None:
        for piece in pieces:
            if piece.writes and piece.error is None and not piece.told:
                passing(f"after {_commit(piece)}")
        tell(self, pieces)

    Database._run, Database._tell = watched_run, watched_tell


def _commit(piece: Any) -> str:
    return f"commit {piece.work.__qualname__.split('.<locals>')[0]}"


def _watch_blobs(passing: Passing) -> None:
    put = BlobStore._put

    def watched(self: BlobStore, content: bytes) -> str:
        passing("before blob")
        name = put(self, content)
        passing("after blob")
        return name

    BlobStore._put = watched


def _watch_calls(passing: Passing) -> None:
    for kind in (HTTPClient, AsyncWebhookAdapter):
        kind.request = _watched_call(kind.request, passing)


def _watched_call(request: Any, passing: Passing) -> Any:
    async def watched(self: Any, route: Any, *rest: Any, **more: Any) -> Any:
        name = f"call {route.method} {route.path}"
        passing(f"before {name}")
        result = await request(self, route, *rest, **more)
        passing(f"after {name}")
        return result

    return watched
