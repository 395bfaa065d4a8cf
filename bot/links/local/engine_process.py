"""The engine on this machine: adopted where one lives, else started, restarted when it dies, stopped on request.

Its address, `engine.json` (port, secret, pid; for its owner's eyes), outlives the bot, and so does the engine.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bot.links.local.address import Address, is_free, read_address, write_address
from bot.links.local.command import CommandFor
from bot.links.local.process import DetachedProcess
from bot.links.local.websocket import HEARTBEAT, LocalLink
from bot.queue.dispatcher import Dispatcher
from bot.queue.engines import LOCAL
from bot.service.model_switch import ModelSwitch
from protocol.messages import Stop

POLL = 0.2  # seconds between two looks at the process
FIRST_WAIT = 0.5  # seconds before the first restart; doubles with each
LONGEST_WAIT = 30.0
HEALTHY_AFTER = 60.0  # seconds after which a life counts as a success and the waits start anew
MOST_LIVES = 3  # workers that may die while they load a model
LAST_CALL = 5.0  # seconds for a living engine to dial before it is ended for another model
FAREWELL = 5.0  # seconds between Stop and SIGTERM, and again until SIGKILL
HASTY_FAREWELL = 0.6  # the same where somebody waits for the bot to leave; an engine that is killed loses nothing

log = logging.getLogger(__name__)


@asynccontextmanager
async def local_engine(
    dispatcher: Dispatcher,
    *,
    data: Path,
    command: CommandFor,
    model: str,
    build: str,
    heartbeat: float = HEARTBEAT,
) -> AsyncGenerator[EngineProcess, None]:
    """Listen and keep an engine alive until the block ends. The engine itself lives on unless it was stopped."""
    file = data / "engine.json"
    known = await asyncio.to_thread(read_address, file)
    secret = secrets.token_urlsafe(32) if known is None else known.secret
    link = LocalLink(
        dispatcher.engine_events, secret=secret, build=build, port=known.port if known else 0, heartbeat=heartbeat
    )
    if known is not None and not await is_free(known.port):
        log.warning("port %d is in use by another program; taking a free one", known.port)
        link = LocalLink(dispatcher.engine_events, secret=secret, build=build, heartbeat=heartbeat)
    async with link:
        engine = EngineProcess(dispatcher, link, file=file, secret=secret, command=command, model=model)
        watching = asyncio.create_task(engine.watch(known))
        try:
            yield engine
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            engine.let_go()


class EngineProcess:
    """The local engine's process and address. `link` is where it dials."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        link: LocalLink,
        *,
        file: Path,
        secret: str,
        command: CommandFor,
        model: str,
    ) -> None:
        self.link = link
        self.process: DetachedProcess | None = None
        self.model = model
        self.starts = 0
        self._dispatcher = dispatcher
        self._events = dispatcher.engine_events
        self._file = file
        self._secret = secret
        self._command_for = command
        self._command = tuple(command(link.url, file, model))
        self._wanted: ModelSwitch | None = None
        self._address: Address | None = None
        self._written = self._complained = False
        self._stopping = asyncio.Event()

    async def watch(self, known: Address | None) -> None:
        """Adopt the engine that is known, or start one, and again whenever it dies."""
        await self._inherit(known)
        wait = FIRST_WAIT
        while not self._stopping.is_set():
            began = time.monotonic()
            if self.process is None:
                await self._start()
            while self._is_alive() and self._wanted is None:
                await asyncio.sleep(POLL)
                await self._settle_address()
            if self._stopping.is_set():
                return
            if self._wanted is not None:
                change, self._wanted = self._wanted, None
                await self._change_model(change)
                continue
            wait = FIRST_WAIT if time.monotonic() - began >= HEALTHY_AFTER else wait
            self._report_death(wait)
            self.process = None
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def switch(self, change: ModelSwitch) -> None:
        """Paint with another model as soon as what is being painted is finished."""
        self._wanted = change

    async def stop(self) -> None:
        """End the engine: asked over the link first, then by signals."""
        self._stopping.set()
        await self._end(HASTY_FAREWELL)

    def let_go(self) -> None:
        """Leave a living engine to the next bot."""
        if self.process is not None:
            self.process.let_go()

    async def _change_model(self, change: ModelSwitch) -> None:
        """Finish, end, start with the new model; with the old one again where that does not paint."""
        old, problem = self.model, ""
        change.tell("finishing")
        await self._finish()
        for model in (change.model, old):
            change.tell("loading" if model == change.model else "returning", problem)
            if (trouble := await self._start_with(model)) is None or self._stopping.is_set():
                break
            problem = problem or trouble
        if self._stopping.is_set():
            return
        if self.model == change.model:
            await change.settle()
            await self._dispatcher.give_up_unpaintable()
        change.tell("failed" if problem else "ready", problem)

    async def _finish(self) -> None:
        """Until the engine has painted what it has begun. One that a new bot has just adopted may have yet to dial."""
        last_call = time.monotonic() + LAST_CALL
        while self._is_alive() and not self._stopping.is_set():
            if (self.link.peers or time.monotonic() > last_call) and await self._dispatcher.retire(self._names()):
                return
            await asyncio.sleep(POLL / 4)

    async def _start_with(self, model: str) -> str | None:
        """End the engine and start one with this model; None once it paints, else why it does not."""
        await self._end()
        self.model, self._command = model, tuple(self._command_for(self.link.url, self._file, model))
        gone, lives = set(self.link.peers), set[str]()
        await self._start()
        while self._is_alive() and not self._stopping.is_set():
            for peer in self.link.peers - gone:
                if peer.ready or peer.problem:
                    return peer.problem
                lives |= {peer.name} - {""}
            if len(lives) > MOST_LIVES:
                return f"The engine broke down {MOST_LIVES} times while it loaded {model}; its log is engine.log."
            await asyncio.sleep(POLL / 4)
        code = None if self.process is None else self.process.exit_code
        return f"The engine ended while it loaded {model} (exit code {code}); its log is engine.log."

    async def _end(self, patience: float = FAREWELL) -> None:
        process = self.process
        if process is None:
            return
        for ask in (self._ask_to_leave, process.terminate, process.kill):
            ask()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    while process.is_alive():  # noqa: ASYNC110
                        await asyncio.sleep(POLL / 4)
            if not process.is_alive():
                break
        self.process = None
        await self._write(pid=None)

    def _ask_to_leave(self) -> None:
        self._dispatcher.stop_engines(self._names())
        for peer in self.link.peers:
            if not peer.ready:
                peer.send(Stop())

    def _names(self) -> set[str]:
        return {peer.name for peer in self.link.peers if peer.ready}

    def _is_alive(self) -> bool:
        return self.process is not None and self.process.is_alive()

    async def _inherit(self, known: Address | None) -> None:
        for old, command in self._living(known).items():
            if self.process is None and command == self._command:
                log.info("adopted the engine that lives already (process %d)", old.pid)
                self.process = old
            else:
                log.info("the engine that lives already (process %d) has other options: it ends", old.pid)
                old.terminate()
        if self.process is None or known is None or known.pid != self.process.pid:
            await self._write(pid=None if self.process is None else self.process.pid)

    def _living(self, known: Address | None) -> dict[DetachedProcess, tuple[str, ...]]:
        """Engines of this data folder with their command lines: the one that is known, or what the system tells.

        A bot that died before it had written down which process it had started must not start a second beside it.
        """
        mark = str(self._file)
        if known is not None and known.pid is not None and (old := DetachedProcess(known.pid, mark)).is_alive():
            return {old: known.command}
        return DetachedProcess.living(mark)

    async def _start(self) -> None:
        if self._stopping.is_set():
            return
        self._events.loading(LOCAL, self.model)
        try:
            # Not in a thread: a process started there while this task is cancelled would be nobody's.
            self.process = DetachedProcess.start(
                self._command, mark=str(self._file), log=self._file.with_name("engine.log")
            )
        except OSError as error:
            self._events.loading(LOCAL, self.model, f"The engine cannot be started: {error}.")
            return
        self.starts += 1
        log.info("started the engine (process %d)", self.process.pid)
        await self._write(pid=self.process.pid)

    def _report_death(self, wait: float) -> None:
        if self.process is None:
            return
        code = self.process.exit_code
        ending = "ended" if code is None else f"ended with exit code {code}"
        log.warning("the engine %s; starting another in %.1f s (its log: engine.log)", ending, wait)
        once = wait == FIRST_WAIT  # which may be chance
        self._events.loading(LOCAL, self.model, None if once else f"The engine {ending}; its log is engine.log.")

    async def _write(self, pid: int | None) -> None:
        self._address = Address(port=self.link.port, secret=self._secret, pid=pid, command=self._command)
        self._written = False
        await self._settle_address()

    async def _settle_address(self) -> None:
        """A full disk keeps nobody from watching over the engine: the address is written when there is room."""
        if self._address is None or self._written:
            return
        try:
            await asyncio.to_thread(write_address, self._file, self._address)
        except OSError as error:
            if not self._complained:
                self._complained = True
                log.error("%s cannot be written for now: %s", self._file.name, error)
        else:
            self._written, self._complained = True, False
