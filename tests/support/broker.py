"""A real nats-server (Debian's package) for tests: killed, frozen, wiped and started anew."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.needs import need_program
from tests.support.ports import free_port


def need_server() -> str:
    return need_program("nats-server", package="nats-server")


class Broker:
    """One server process at a time, always on the same port and folder."""

    def __init__(
        self, folder: Path, *, config: Path | None = None, port: int | None = None, payload: str = "16MB"
    ) -> None:
        self.port = port or free_port()
        self.store = folder / "store"
        self._config = config
        self._payload = payload
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Up, and listening."""
        self._folder.mkdir(exist_ok=True, parents=True)
        if self._config is None:
            self._config = self._folder / "server.conf"
            self._config.write_text(
                f'listen: "127.0.0.1:{self.port}"\nmax_payload: {self._payload}\n'
                f'jetstream {{ store_dir: "{self.store}" }}\n'
            )
        with (self._folder / "server.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                need_server(), "-c", str(self._config), stdout=log, stderr=log
            )
        async with asyncio.timeout(30):
            while not await self._listens():
                assert self._process.returncode is None, (self._folder / "server.log").read_text()
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """Gone without a word."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            await self._process.wait()

    def wipe(self) -> None:
        """Everything that it has kept is lost; only while it is down."""
        shutil.rmtree(self.store, ignore_errors=True)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


@asynccontextmanager
async def broker(
    folder: Path, *, config: Path | None = None, port: int | None = None, payload: str = "16MB"
) -> AsyncGenerator[Broker, None]:
    """A server that runs until the block ends."""
    need_server()
    server = Broker(folder, config=config, port=port, payload=payload)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
