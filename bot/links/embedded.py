"""The engine on this machine: adopted where one lives, else started, restarted when it dies, stopped on request.

Its address, `engine.json` (port, secret, pid; for its owner's eyes), outlives the bot, and so does the engine.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from bot.jobs.dispatcher import EMBEDDED, Dispatcher
from bot.links.local import HEARTBEAT, LocalLink
from bot.links.process import DetachedProcess

POLL = 0.2  # seconds between two looks at the process
FIRST_WAIT = 0.5  # seconds before the first restart; doubles with each
LONGEST_WAIT = 30.0
HEALTHY_AFTER = 60.0  # seconds after which a life counts as a success and the waits start anew
FAREWELL = 5.0  # seconds between Stop and SIGTERM, and again until SIGKILL

# The command line of an engine for this url and this secret file.
CommandFor = Callable[[str, Path], Sequence[str]]

log = logging.getLogger(__name__)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `engine.json`. `command` is what was started: an engine with other options is not adopted."""

    port: int
    secret: str
    pid: int | None = None
    command: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Address(port={self.port}, pid={self.pid})"


def engine_command(
    *,
    model: str,
    threads: int,
    device: str,
    memory: str,
    attention: str,
    compile: bool,  # noqa: A002  the setting's own name
    hang_after: float,
    log_prompts: bool,
) -> CommandFor:
    """How to start the real engine."""

    def command(url: str, secret_file: Path) -> Sequence[str]:
        words = [sys.executable, "-m", "engine", "--url", url, "--secret-file", str(secret_file), "--model", model]
        words += ["--threads", str(threads), "--device", device, "--memory", memory]
        words += ["--attention", attention, "--hang-after", f"{hang_after:g}"]
        words += ["--compile"] if compile else []
        return [*words, "--log-prompts"] if log_prompts else words

    return command


@asynccontextmanager
async def embedded_engine(
    dispatcher: Dispatcher,
    *,
    data: Path,
    command: CommandFor,
    model: str,
    build: str,
    heartbeat: float = HEARTBEAT,
) -> AsyncGenerator[EmbeddedEngine, None]:
    """Listen and keep an engine alive until the block ends. The engine itself lives on unless it was stopped."""
    file = data / "engine.json"
    known = await asyncio.to_thread(read_address, file)
    secret = secrets.token_urlsafe(32) if known is None else known.secret
    link = LocalLink(dispatcher, secret=secret, build=build, port=known.port if known else 0, heartbeat=heartbeat)
    if known is not None and not await _is_free(known.port):
        log.warning("port %d is in use by another program; taking a free one", known.port)
        link = LocalLink(dispatcher, secret=secret, build=build, heartbeat=heartbeat)
    async with link:
        engine = EmbeddedEngine(dispatcher, link, file=file, secret=secret, command=command, model=model)
        watching = asyncio.create_task(engine.watch(known))
        try:
            yield engine
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            engine.let_go()


class EmbeddedEngine:
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
        self.starts = 0
        self._dispatcher = dispatcher
        self._file = file
        self._secret = secret
        self._command = tuple(command(link.url, file))
        self._model = model
        self._stopping = asyncio.Event()

    async def watch(self, known: Address | None) -> None:
        """Adopt the engine that is known, or start one, and again whenever it dies."""
        await self._inherit(known)
        wait = FIRST_WAIT
        while not self._stopping.is_set():
            began = time.monotonic()
            if self.process is None:
                await self._start()
            while self.process is not None and self.process.is_alive():  # noqa: ASYNC110 (pids tell no event)
                await asyncio.sleep(POLL)
            if self._stopping.is_set():
                return
            wait = FIRST_WAIT if time.monotonic() - began >= HEALTHY_AFTER else wait
            self._report_death(wait)
            self.process = None
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def stop(self) -> None:
        """End the engine: asked over the link first, then by signals."""
        self._stopping.set()
        process = self.process
        if process is None:
            return
        for ask in (self._dispatcher.stop_engines, process.terminate, process.kill):
            ask()
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    while process.is_alive():  # noqa: ASYNC110
                        await asyncio.sleep(POLL / 4)
            if not process.is_alive():
                break
        self.process = None
        await self._write(pid=None)

    def let_go(self) -> None:
        """Leave a living engine to the next bot."""
        if self.process is not None:
            self.process.let_go()

    async def _inherit(self, known: Address | None) -> None:
        if known is not None and known.pid is not None:
            old = DetachedProcess(known.pid, str(self._file))
            if old.is_alive():
                if known.command == self._command:
                    log.info("adopted the engine that lives already (process %d)", known.pid)
                    self.process = old
                    return
                log.info("the engine that lives already (process %d) has other options: it ends", known.pid)
                old.terminate()
        await self._write(pid=None)

    async def _start(self) -> None:
        self._dispatcher.loading(EMBEDDED, self._model)
        try:
            # Not in a thread: a process started there while this task is cancelled would be nobody's.
            self.process = DetachedProcess.start(
                self._command, mark=str(self._file), log=self._file.with_name("engine.log")
            )
        except OSError as error:
            self._dispatcher.loading(EMBEDDED, self._model, f"The engine cannot be started: {error}.")
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
        self._dispatcher.loading(EMBEDDED, self._model, f"The engine {ending}; its log is engine.log.")

    async def _write(self, pid: int | None) -> None:
        address = Address(port=self.link.port, secret=self._secret, pid=pid, command=self._command)
        await asyncio.to_thread(write_address, self._file, address)


def read_address(file: Path) -> Address | None:
    """What `engine.json` says, or None where it is missing or broken."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Address)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write_address(file: Path, address: Address) -> None:
    """Replace `engine.json` as a whole; nobody but its owner may read the secret."""
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(msgspec.json.encode(address))
    unfinished.replace(file)


async def _is_free(port: int) -> bool:
    """Whether this port can be listened on."""
    try:
        server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return False
        raise
    server.close()
    await server.wait_closed()
    return True
