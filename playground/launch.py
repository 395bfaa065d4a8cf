"""Starts the playground as its own process and waits until it listens."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

STARTUP = 30.0  # seconds
FAREWELL = 1.0  # seconds to end by itself; what it has shown is on its disk


class Unlaunched(Exception):
    """The playground did not start; it has said why on stderr."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaygroundAddress:
    """Where the playground listens, and the token it takes a bot by."""

    url: str
    token: str


@asynccontextmanager
async def launched(*, port: int, data: Path, model: str | None) -> AsyncGenerator[PlaygroundAddress, None]:
    """The playground while the block lasts. It ends with this process too, however that ends. Raises Unlaunched.

    `model` is the id of that which the bot paints with.
    """
    painting_with = () if model is None else ("--model", model)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "playground", "--port", str(port), "--data", str(data), "--with-parent",
        *painting_with,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1], start_new_session=True,  # Ctrl-C is the bot's to hear, which closes stdin
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(STARTUP):
            line = await process.stdout.readline()
        if not line:
            raise Unlaunched
        spoken = json.loads(line)
        yield PlaygroundAddress(url=spoken["url"], token=spoken["token"])
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(FAREWELL):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
