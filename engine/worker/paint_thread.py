"""The thread with torch: loads the model, then paints until it is told to stop. Imports torch only once it runs."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
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

from engine import BUILD
from engine.cli import Options
from engine.worker.heartbeat import Heartbeat
from protocol.messages import PROTOCOL, Command, CountTokens, EngineHello, Event, Loading, Stop, TokensCounted

LOOK = 2.0  # seconds between two looks into the folder of LoRAs
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds between two attempts to load a model that cannot be loaded
NICENESS = 5  # a third of the time beside a process that wants all of it; less would look like a hang when others do
CAPACITY = 4  # jobs to hold at once: some share forwards, and a short one can pass a long one
DONE, BROKEN, ALONE = 0, 1, 3  # exit codes; the supervisor ends with DONE and ALONE and restarts after any other

if TYPE_CHECKING:
    from engine.worker.device.memory import Device
    from engine.worker.pipeline.pipeline import Pipeline

log = logging.getLogger("engine.worker")


class PaintThread:
    """Reports through the functions that it is given."""

    def __init__(
        self,
        chosen: Options,
        inbox: queue.SimpleQueue[Command],
        *,
        introduce: Callable[[Loading | EngineHello], None],
        send_event: Callable[[Event], None],
        end: Callable[[int], None],
    ) -> None:
        self._chosen = chosen
        self._inbox = inbox
        self._introduce = introduce
        self._send_event = send_event
        self._end = end
        self._engine = f"{socket.gethostname()}-{os.getpid()}"
        self._leaving = threading.Event()
        self._pipeline: Pipeline | None = None
        self._hello: EngineHello | None = None
        self.heartbeat = Heartbeat()
        introduce(self._loading())

    def run(self) -> None:
        """Until told to stop. Whatever goes wrong here ends the worker, and the supervisor starts another."""
        try:
            self._paint()
        except BaseException as error:  # noqa: BLE001  a thread's error would be lost otherwise
            traceback.print_exc()
            if self._hello is None:
                self._introduce(self._loading(_said(error)))
                self._leaving.wait(LONGEST_WAIT)  # the bot is to know, and a new process would fail too
            self._end(BROKEN)
            raise SystemExit from None
        self._end(DONE)

    def stop(self) -> None:
        """Ask the thread to end at the next step."""
        self._leaving.set()
        self._inbox.put(Stop())

    def count_tokens(self, command: CountTokens) -> TokensCounted | None:
        """From any thread, at any time; None before there is a model."""
        pipeline = self._pipeline
        if pipeline is None:
            return None
        tokens = max(map(pipeline.embeddings.count, command.texts), default=0)
        return TokensCounted(ticket=command.ticket, tokens=tokens, limit=pipeline.embeddings.limit)

    async def watch_loras(self) -> None:
        """Say it when there are other LoRAs to be asked for than there were."""
        while True:
            await asyncio.sleep(LOOK)
            pipeline, hello = self._pipeline, self._hello
            if pipeline is not None and hello is not None and await asyncio.to_thread(pipeline.refresh_loras):
                self._hello = msgspec.structs.replace(hello, card=pipeline.card)
                self._introduce(self._hello)

    def _paint(self) -> None:
        import torch

        from engine.worker.loop import Loop
        from engine.worker.results import Results
        from engine.worker.scheduling.scheduler import Scheduler

        torch.set_num_threads(self._chosen.threads)
        loaded = self._load()
        if loaded is None:
            return
        pipeline, notice = loaded
        device = pipeline.device
        forward_time = pipeline.measure()
        self._pipeline = pipeline
        self._hello = EngineHello(
            protocol=PROTOCOL,
            build=BUILD,
            engine=self._engine,
            card=pipeline.card,
            device=device.name,
            dtype=str(device.dtype).removeprefix("torch."),
            threads=self._chosen.threads,
            memory=device.total,
            policy=pipeline.keeping,
            capacity=CAPACITY,
            notice=notice,
        )
        self._introduce(self._hello)
        log.info("%s is ready on %s (%s, %s)", pipeline.card.name, device.name, device.dtype, pipeline.keeping)
        measured = ", ".join(
            f"{1000 * seconds:.0f} ms at {load} tokens" for load, seconds in forward_time.points if load
        )
        log.info("a forward takes %s", measured)
        results = Results(self._send_event, log_prompts=self._chosen.log_prompts)
        Loop(pipeline, self._inbox, results, self.heartbeat, Scheduler(forward_time=forward_time)).run()

    def _load(self):
        """A pipeline and what to tell the owner, however long it takes; None when told to stop meanwhile."""
        from engine.worker.adapters.controlnet import weight_of
        from engine.worker.device.acceleration import BackendUnusable
        from engine.worker.device.memory import NoDevice, Storage, find_device
        from engine.worker.loading.loading import Beside, LoadingProblem, advice, find, load
        from engine.worker.pipeline.pipeline import Pipeline

        wait = FIRST_WAIT
        chosen = self._chosen
        beside = Beside(text_encoder=chosen.text_encoder, vae=chosen.vae, base=chosen.base)
        while not self._leaving.is_set():
            try:
                device = find_device(self._chosen.device, self._chosen.memory)
                _give_way(device)
                gpu = device.torch_device.type == "cuda"
                source = find(chosen.model, gpu=gpu, beside=beside)
                spare = replace(device, free=device.free - weight_of(chosen.controlnet, device))
                parts = load(source, spare, Storage(chosen.weights))
                pipeline = Pipeline(
                    parts, device, attention=chosen.attention, compiled=chosen.compile, loras=chosen.loras
                )
                said = (
                    advice(chosen.model, source, gpu=gpu),
                    parts.notice,
                    pipeline.load_controlnet(chosen.controlnet),
                    pipeline.load_upscaler(chosen.upscaler),
                    pipeline.loras.problem,
                )
                return pipeline, " ".join(filter(None, said))
            except (LoadingProblem, NoDevice, BackendUnusable) as problem:
                sentence = str(problem)
            log.error("%s Trying again in %.0f s.", sentence, wait)
            self._introduce(self._loading(sentence))
            self._leaving.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return None

    def _loading(self, problem: str | None = None) -> Loading:
        return Loading(protocol=PROTOCOL, build=BUILD, engine=self._engine, model=self._chosen.model, problem=problem)


def _give_way(device: Device) -> None:
    """Where it paints on the processor, this thread and those that it starts leave it to whoever answers people.

    The thread of the link keeps its priority. Linux alone gives each thread its own, and groups of threads by session.
    """
    if device.torch_device.type != "cpu" or sys.platform != "linux":
        return
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, max(os.getpriority(os.PRIO_PROCESS, thread), NICENESS))
    if os.getsid(0) in (os.getpid(), os.getppid()):  # our own session, not somebody's terminal
        with suppress(OSError):  # a kernel without such groups
            Path("/proc/self/autogroup").write_text(str(NICENESS), "ascii")


def _said(error: BaseException) -> str:
    """Why nothing can be painted, in one sentence for the owner."""
    reason = next(iter(str(error).splitlines()), "").strip().rstrip(".")
    named = reason if isinstance(error, ImportError) and reason else f"{type(error).__name__} {reason}".rstrip()
    return f"The engine cannot start: {named}."
