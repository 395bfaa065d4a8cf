"""Processes that are killed and started again, and when each of their lives ended."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE

ROOT = Path(__file__).parents[2]


@dataclass(kw_only=True)
class Kept:
    """A process with a name. `deaths` maps the pid of each life that was ended to the Unix second of its end."""

    name: str
    command: Sequence[str]
    log: Path
    program: str = sys.executable
    deaths: dict[int, float] = field(default_factory=dict[int, float])
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                self.program, *self.command, cwd=ROOT, stdin=PIPE, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        """SIGKILL. Its end is noted before it comes, so that nothing later passes for a life's last deed."""
        assert self.process is not None
        if self.process.returncode is None:
            self.deaths[self.process.pid] = time.time()
            self.process.kill()
        await self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()

    async def restart(self) -> None:
        await self.kill()
        await self.start()
