"""`python -m playground --port 8420 --data DIR`: serves until a signal, or until stdin closes."""

import argparse
import asyncio
import contextlib
import errno
import json
import logging
import signal
import sys
import threading
from pathlib import Path

from playground.server import open_playground


def main() -> int:
    """The process's exit status."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    asked = _arguments().parse_args()
    try:
        return asyncio.run(_serve(asked.data, asked.port, model=asked.model, with_parent=asked.with_parent))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            print(f"The playground cannot start: port {asked.port} is in use; choose another.", file=sys.stderr)
            return 2
        where = f"on port {asked.port}" if error.filename is None else f"with the data folder {asked.data}"
        print(f"The playground cannot start {where}: {error.strerror or error}.", file=sys.stderr)
        return 2


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m playground", description="Discord on loopback, with a page.")
    parser.add_argument("--port", type=int, default=8420, help="0 takes a free one (default 8420)")
    parser.add_argument("--data", type=Path, required=True, help="folder for messages, files and the token")
    parser.add_argument("--model", metavar="ID", help="what the bot paints with: the page shows its gallery")
    parser.add_argument("--with-parent", action="store_true", help="exit when stdin closes")
    return parser


async def _serve(data: Path, port: int, *, model: str | None, with_parent: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends asyncio.run instead
            loop.add_signal_handler(name, stop.set)
    async with open_playground(data=data, port=port, model=model) as playground:
        print(json.dumps({"url": playground.url, "token": playground.token}), flush=True)
        if with_parent:
            threading.Thread(target=_until_orphaned, args=(loop, stop), daemon=True).start()
        await stop.wait()
    return 0


def _until_orphaned(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while sys.stdin.buffer.read(1024):
        pass
    with contextlib.suppress(RuntimeError):  # the loop has ended by itself
        loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    sys.exit(main())
