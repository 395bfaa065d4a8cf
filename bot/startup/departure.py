"""How the bot leaves: a signal is heard from the first moment to the last, and obeyed within three seconds."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from bot.links.local.engine_process import EngineProcess

# Seconds from the signal to the end of the process, whatever is still under way then: a thread cannot be cancelled,
# and a file half written by a ledger that is being migrated is what a crash would leave as well.
PATIENCE = 2.7


class Departure:
    """Hears SIGINT and SIGTERM. The engine stays for the successor, but after Ctrl-C and after an errand it goes too.

    An errand (`--say`) is to be finished: one that is interrupted has failed. To be made in the running loop.
    """

    def __init__(self, *, errand: bool = False) -> None:
        self._errand = errand
        self._keeps_engine = not errand
        self._asked: signal.Signals | None = None
        self._work: asyncio.Task[object] | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            _on_signal(number, self)

    @property
    def status(self) -> int:
        """The exit status of a process that was asked to leave."""
        return 128 + self._asked if self._errand and self._asked is not None else 0

    @contextmanager
    def interrupts(self) -> Generator[None]:
        """A signal cancels what this block does, which is no error; after it all goes its orderly way to the end."""
        self._work = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            if self._asked is None:
                raise
        finally:
            self._work = None

    def hear(self, asked: signal.Signals) -> None:
        """Begin to leave; a second signal adds nothing."""
        if self._asked is not None:
            return
        self._asked = asked
        self._keeps_engine &= asked is not signal.SIGINT
        threading.Thread(target=self._insist, name="departure", daemon=True).start()
        if self._work is not None:
            self._work.cancel()

    async def leave(self, engine: EngineProcess) -> None:
        """Stop the engine too, unless it is to be adopted."""
        if not self._keeps_engine:
            await engine.stop()

    def _insist(self) -> None:
        time.sleep(PATIENCE)
        os._exit(self.status)


def _on_signal(number: signal.Signals, departure: Departure) -> None:
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(number, departure.hear, number)
    except NotImplementedError:  # Windows
        signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(departure.hear, number))
