"""Entry of the worker: the link and the beats on the main thread's loop, torch in one other thread."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from config.logs import start_log
from engine import cli
from engine.cli import Options
from engine.links.link import Link, make_link
from engine.worker.heartbeat import Heartbeat
from engine.worker.paint_thread import ALONE, DONE, PaintThread
from protocol.messages import Beat, Command, CountTokens, Stop

BEAT = 0.5  # seconds between two beats


def main() -> int:
    """Work until told to stop, until no bot is there, or until the torch thread breaks; the exit code says which."""
    chosen = cli.read(sys.argv[1:], program="python -m engine.worker")
    beats = _beat_writer(chosen)
    start_log(logging.StreamHandler(), form="%(asctime)s %(name)s %(message)s", level=logging.INFO)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # weights come from disk; nothing asks the network
    for name in ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS"):
        os.environ.setdefault(name, "1")
    for name in ("TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY"):
        os.environ.setdefault(name, "error")  # their warnings are about classes that are not used here
    for name in ("torchao", "torch.utils._pytree"):  # and theirs about kernels for other machines, and each other
        logging.getLogger(name).setLevel(logging.ERROR)
    return asyncio.run(_work(chosen, beats))


async def _work(chosen: Options, beats: Callable[[str], None]) -> int:
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not ending.done():
            ending.set_result(code)

    inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()

    def on_command(command: Command) -> None:
        match command:
            case Stop():
                end(DONE)
            case CountTokens():  # here, for the torch thread may be within a forward of many seconds
                if (counted := paint_thread.count_tokens(command)) is not None:
                    link.send_event(counted)
            case _:
                inbox.put(command)

    link = make_link(
        chosen.url,
        secret_file=chosen.secret_file,
        credentials=chosen.creds,
        ca=chosen.ca,
        on_command=on_command,
        alone_for=chosen.alone_for,
    )
    paint_thread = PaintThread(
        chosen,
        inbox,
        introduce=lambda event: _from_thread(loop, link.introduce, event),
        send_event=lambda event: _from_thread(loop, link.send_event, event),
        end=lambda code: _from_thread(loop, end, code),
    )
    _on_signals(loop, lambda: end(DONE))
    threading.Thread(target=paint_thread.run, name="torch", daemon=True).start()
    async with asyncio.TaskGroup() as tasks:
        linked = tasks.create_task(link.run())
        linked.add_done_callback(lambda _: end(ALONE))
        beating = tasks.create_task(_beat(link, paint_thread.heartbeat, beats, end))
        watching = tasks.create_task(paint_thread.watch_loras())
        code = await ending
        linked.cancel()
        beating.cancel()
        watching.cancel()
    paint_thread.stop()
    return code


async def _beat(link: Link, heartbeat: Heartbeat, beats: Callable[[str], None], end: Callable[[int], None]) -> None:
    while True:
        steps, busy = heartbeat.steps, heartbeat.busy
        link.send_event(Beat(steps=steps, busy=busy))
        try:
            beats(f"{steps} {int(busy)} {int(link.greeted)}\n")
        except OSError:  # the supervisor is gone; without it nobody would restart this worker or end it
            end(DONE)
        await asyncio.sleep(BEAT)


def _beat_writer(chosen: Options) -> Callable[[str], None]:
    """Writes to the supervisor's pipe, our standard output; what libraries print goes to standard error instead."""
    if not chosen.supervised:
        return lambda line: None
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def write(line: str) -> None:
        os.write(pipe, line.encode())

    return write


def _from_thread(loop: asyncio.AbstractEventLoop, call: Callable[..., None], argument: object) -> None:
    with suppress(RuntimeError):  # the loop is closed: the worker is leaving
        loop.call_soon_threadsafe(call, argument)


def _on_signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(stop))


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    os._exit(status)  # a forward in the torch thread cannot be interrupted; nothing is waited for
