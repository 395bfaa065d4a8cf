"""Steps that are finished once they have begun: one cut off halfway would leave the ledger and memory apart."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Steps:
    """Under way, whoever waits for them."""

    def __init__(self) -> None:
        self._tasks = set[asyncio.Task[None]]()

    async def take(self, step: Coroutine[Any, Any, None]) -> None:
        """Wait for its end; it goes on where this wait is cancelled."""
        task = asyncio.create_task(step)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def finished(self) -> None:
        """Wait until none is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)
