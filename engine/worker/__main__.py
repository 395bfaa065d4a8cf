"""Entry of the worker: the link and the beats on the main thread's loop, torch in one other thread."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from config.logs import start_log
from engine import BUILD, cli
from engine.cli import Options
from engine.links.link import Link, make_link
from engine.worker.heartbeat import Pulse
from protocol.messages import PROTOCOL, Beat, Command, EngineHello, Event, Loading, Stop

LOOK = 2.0  # seconds between two looks into the folder of LoRAs
BEAT = 0.5  # seconds between two beats
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds between two attempts to load a model that cannot be loaded
NICENESS = 5  # a third of the time beside a process that wants all of it; less would look like a hang when others do
CAPACITY = 4  # jobs to hold at once: some share forwards, and a short one can pass a long one
DONE, BROKEN, ALONE = 0, 1, 3  # exit codes; the supervisor ends with DONE and ALONE and restarts after any other

if TYPE_CHECKING:
    from engine.worker.device.memory import Place
    from engine.worker.pipeline.pipeline import Painter

log = logging.getLogger("engine.worker")


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
        if isinstance(command, Stop):
            end(DONE)
        else:
            inbox.put(command)

    link = make_link(
        chosen.url,
        secret_file=chosen.secret_file,
        credentials=chosen.creds,
        ca=chosen.ca,
        on_command=on_command,
        alone_for=chosen.alone_for,
    )
    studio = Studio(
        chosen,
        inbox,
        introduce=lambda event: _from_thread(loop, link.introduce, event),
        say=lambda event: _from_thread(loop, link.send_event, event),
        end=lambda code: _from_thread(loop, end, code),
    )
    _on_signals(loop, lambda: end(DONE))
    threading.Thread(target=studio.run, name="torch", daemon=True).start()
    async with asyncio.TaskGroup() as tasks:
        linked = tasks.create_task(link.run())
        linked.add_done_callback(lambda _: end(ALONE))
        beating = tasks.create_task(_beat(link, studio.pulse, beats, end))
        watching = tasks.create_task(studio.look_around())
        code = await ending
        linked.cancel()
        beating.cancel()
        watching.cancel()
    studio.leave()
    return code


class Studio:
    """The torch thread: loads the model, then paints. Imports torch only once it runs."""

    def __init__(
        self,
        chosen: Options,
        inbox: queue.SimpleQueue[Command],
        *,
        introduce: Callable[[Loading | EngineHello], None],
        say: Callable[[Event], None],
        end: Callable[[int], None],
    ) -> None:
        self._chosen = chosen
        self._inbox = inbox
        self._introduce = introduce
        self._say = say
        self._end = end
        self._engine = f"{socket.gethostname()}-{os.getpid()}"
        self._leaving = threading.Event()
        self._painter: Painter | None = None
        self._hello: EngineHello | None = None
        self.pulse = Pulse()
        introduce(self._loading())

    def run(self) -> None:
        """Until told to stop. Whatever goes wrong here ends the worker, and the supervisor starts another."""
        try:
            self._paint()
        except BaseException as error:  # noqa: BLE001  a thread's error would be lost otherwise
            traceback.print_exc()
            if self._hello is None:
                self._introduce(self._loading(_said(error)))
                self._leaving.wait(LONGEST_WAIT)  # the bot is to hear it, and a new process would fail as this one did
            self._end(BROKEN)
            raise SystemExit from None
        self._end(DONE)

    def leave(self) -> None:
        """Ask the thread to end at the next step."""
        self._leaving.set()
        self._inbox.put(Stop())

    async def look_around(self) -> None:
        """Say it when there are other LoRAs to be asked for than there were."""
        while True:
            await asyncio.sleep(LOOK)
            painter, hello = self._painter, self._hello
            if painter is not None and hello is not None and await asyncio.to_thread(painter.look_around):
                self._hello = msgspec.structs.replace(hello, card=painter.card)
                self._introduce(self._hello)

    def _paint(self) -> None:
        import torch

        from engine.worker.loop import Loop
        from engine.worker.results import Press
        from engine.worker.scheduling.scheduler import Scheduler

        torch.set_num_threads(self._chosen.threads)
        loaded = self._load()
        if loaded is None:
            return
        painter, notice = loaded
        place = painter.place
        forward_time = painter.measure()
        self._painter = painter
        self._hello = EngineHello(
            protocol=PROTOCOL,
            build=BUILD,
            engine=self._engine,
            card=painter.card,
            device=place.name,
            dtype=str(place.dtype).removeprefix("torch."),
            threads=self._chosen.threads,
            memory=place.total,
            policy=painter.keeping,
            capacity=CAPACITY,
            notice=notice,
        )
        self._introduce(self._hello)
        log.info("%s is ready on %s (%s, %s)", painter.card.name, place.name, place.dtype, painter.keeping)
        measured = ", ".join(
            f"{1000 * seconds:.0f} ms at {load} tokens" for load, seconds in forward_time.points if load
        )
        log.info("a forward takes %s", measured)
        press = Press(self._say, log_prompts=self._chosen.log_prompts)
        Loop(painter, self._inbox, press, self.pulse, Scheduler(forward_time=forward_time)).run()

    def _load(self):
        """A painter and what to tell the owner, however long it takes; None when told to stop meanwhile."""
        from engine.worker.adapters.controlnet import weight_of
        from engine.worker.device.acceleration import Unusable
        from engine.worker.device.memory import NoDevice, Storage, find_place
        from engine.worker.loading.loading import Beside, LoadingProblem, advice, find, load
        from engine.worker.pipeline.pipeline import Painter

        wait = FIRST_WAIT
        chosen = self._chosen
        beside = Beside(text_encoder=chosen.text_encoder, vae=chosen.vae, base=chosen.base)
        while not self._leaving.is_set():
            try:
                place = find_place(self._chosen.device, self._chosen.memory)
                _give_way(place)
                gpu = place.device.type == "cuda"
                source = find(chosen.model, gpu=gpu, beside=beside)
                spare = replace(place, free=place.free - weight_of(chosen.controlnet, place))
                parts = load(source, spare, Storage(chosen.weights))
                painter = Painter(parts, place, attention=chosen.attention, compiled=chosen.compile, loras=chosen.loras)
                said = (
                    advice(chosen.model, source, gpu=gpu),
                    painter.follow(chosen.controlnet),
                    painter.sharpen_with(chosen.upscaler),
                    painter.loras.problem,
                )
                return painter, " ".join(filter(None, said))
            except (LoadingProblem, NoDevice, Unusable) as problem:
                sentence = str(problem)
            log.error("%s Trying again in %.0f s.", sentence, wait)
            self._introduce(self._loading(sentence))
            self._leaving.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return None

    def _loading(self, problem: str | None = None) -> Loading:
        return Loading(protocol=PROTOCOL, build=BUILD, engine=self._engine, model=self._chosen.model, problem=problem)


def _give_way(place: Place) -> None:
    """Where it paints on the processor, this thread and those that it starts leave it to whoever answers people.

    The thread of the link keeps its priority. Linux alone gives each thread its own, and groups of threads by session.
    """
    if place.device.type != "cpu" or sys.platform != "linux":
        return
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, max(os.getpriority(os.PRIO_PROCESS, thread), NICENESS))
    if os.getsid(0) in (os.getpid(), os.getppid()):  # our own session, not somebody's terminal
        with suppress(OSError):  # a kernel without such groups
            Path("/proc/self/autogroup").write_text(str(NICENESS), "ascii")


def _said(error: BaseException) -> str:
    """Why there is no painter, in one sentence for the owner."""
    reason = next(iter(str(error).splitlines()), "").strip().rstrip(".")
    named = reason if isinstance(error, ImportError) and reason else f"{type(error).__name__} {reason}".rstrip()
    return f"The engine cannot start: {named}."


async def _beat(link: Link, pulse: Pulse, beats: Callable[[str], None], end: Callable[[int], None]) -> None:
    while True:
        steps, busy = pulse.steps, pulse.busy
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
