"""Keeps one worker alive: starts it, listens to its beats, kills it when it hangs, starts it again. No torch.

The worker writes a line `<steps> <busy> <linked>` to its standard output every half second.
"""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

DONE, ALONE = 0, 3  # exit codes with which the worker says that there is nothing left to do

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SupervisorLimits:
    """How long the supervisor waits for what; seconds."""

    hang_after: float = 120.0  # busy without finishing a step
    silent_after: float = 60.0  # no beat at all: every thread is stuck
    first_wait: float = 0.2  # before the first restart; doubles with each
    longest_wait: float = 30.0
    healthy_after: float = 60.0  # a worker that lived so long starts the waits anew
    grace: float = 3.0  # between asking a worker to leave and killing it
    alone_for: float | None = None  # without a bot, over all lives; a worker counts only its own


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerBeat:
    """What a worker says of itself: steps done, whether there is work, whether a bot is there."""

    steps: int
    busy: bool
    linked: bool


class Hung(Exception):
    """The worker must be killed; the message says why."""


class Supervisor:
    """Runs `command` for ever. `run` returns the exit code for the whole engine; `clock` counts seconds."""

    def __init__(
        self, command: Sequence[str], limits: SupervisorLimits, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._command = command
        self._limits = limits
        self._clock = clock
        self._stopping = asyncio.Event()
        self._linked = clock()  # when a bot was last there

    def stop(self) -> None:
        """End the worker, then `run`."""
        self._stopping.set()

    async def run(self) -> int:
        """Keep a worker alive until it says that it is done, or until `stop`."""
        _on_signals(self.stop)
        wait = self._limits.first_wait
        while True:
            began = self._clock()
            code = await self._one_life()
            if self._stopping.is_set() or code in (DONE, ALONE):
                return DONE
            if self._alone_in <= 0:
                log.info("no bot for %.0f s", self._clock() - self._linked)
                return DONE
            if self._clock() - began >= self._limits.healthy_after:
                wait = self._limits.first_wait
            wait = min(wait, self._alone_in)
            log.warning("the worker ended (%s); starting another in %.1f s", _said(code), wait)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)
                return DONE
            wait = min(2 * wait, self._limits.longest_wait)

    @property
    def _alone_in(self) -> float:
        """Seconds until there was no bot for too long."""
        limit = self._limits.alone_for
        return math.inf if limit is None else self._linked + limit - self._clock()

    async def _one_life(self) -> int:
        """Start a worker and stay with it; returns its exit code, negative for a signal."""
        left = [] if self._limits.alone_for is None else ["--alone-for", f"{max(self._alone_in, 0.1):.1f}"]
        process = await asyncio.create_subprocess_exec(*self._command, *left, stdin=DEVNULL, stdout=PIPE)
        log.info("worker %d started", process.pid)
        watching = asyncio.create_task(self._watch(process))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((watching, stopping), return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
            else:
                with suppress(ProcessLookupError):  # it may have ended by itself in this very moment
                    process.terminate()
        except Hung as hung:
            log.error("worker %d %s; killing it", process.pid, hung)
            _kill(process)
        finally:
            watching.cancel()
            stopping.cancel()
            code = await self._end(process)
        return code

    async def _watch(self, process: Process) -> None:
        """Follow the beats until the worker closes its end. Raises Hung."""
        assert process.stdout is not None
        last_step, last = self._clock(), WorkerBeat(steps=-1, busy=False, linked=False)
        while True:
            patience = self._limits.silent_after
            try:
                line = await asyncio.wait_for(process.stdout.readline(), patience)
            except TimeoutError:
                raise Hung(f"has said nothing for {patience:.0f} s") from None
            if not line:
                return
            beat = _beat(line)
            if beat is None:
                continue
            now = self._clock()
            if beat.linked:
                self._linked = now
            if not beat.busy or (beat.steps, beat.busy) != (last.steps, last.busy):
                last_step = now
            last = beat
            if now - last_step > self._limits.hang_after:
                raise Hung(f"has been busy with one step for {now - last_step:.0f} s")

    async def _end(self, process: Process) -> int:
        """The exit code of a worker that is leaving; one that does not leave is killed."""
        try:
            return await asyncio.wait_for(process.wait(), self._limits.grace)
        except TimeoutError:
            _kill(process)
            return await process.wait()


def _beat(line: bytes) -> WorkerBeat | None:
    """What one line says; None for anything else that came down the pipe."""
    match line.split():
        case [steps, (b"0" | b"1") as busy, (b"0" | b"1") as linked] if steps.isdigit():
            return WorkerBeat(steps=int(steps), busy=busy == b"1", linked=linked == b"1")
        case _:
            return None


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def _said(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(stop))
