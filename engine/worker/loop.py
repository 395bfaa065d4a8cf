"""The engine loop: hear, step, tell. Runs in the torch thread; every order ends once for each of its pictures."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Iterable

import torch

from engine import metadata
from engine.metadata import Facts
from engine.protocol import Cancel, Cancelled, Command, Failed, Generate, Kind, Started, Stop
from engine.worker import memory
from engine.worker.batch import Batch
from engine.worker.embeddings import TooManyTokens
from engine.worker.guard import FlatPicture
from engine.worker.images import BadSource
from engine.worker.painter import Painter, Sample, TooLarge
from engine.worker.press import Press
from engine.worker.pulse import Pulse

log = logging.getLogger(__name__)


class Loop:
    """Paints what the inbox brings until it brings Stop."""

    def __init__(self, painter: Painter, inbox: queue.SimpleQueue[Command], press: Press, pulse: Pulse) -> None:
        self._painter = painter
        self._inbox = inbox
        self._press = press
        self._pulse = pulse
        self._batch: Batch[Generate, Sample] = Batch()

    def run(self) -> None:
        """Hear, step, tell, for ever."""
        while self._hear():
            self._pulse.busy = True
            self._board()
            self._step()

    def _hear(self) -> bool:
        """Take in all commands; with nothing to paint, wait for one. False when told to stop."""
        if self._batch.idle:
            self._pulse.busy = False
        while True:
            try:
                command = self._inbox.get(block=self._batch.idle)
            except queue.Empty:
                return True
            match command:
                case Generate():
                    self._batch.wait(command.job, command)
                case Cancel(job=job):
                    self._cancel(job)
                case Stop():
                    return False
                case _:
                    pass

    def _cancel(self, job: str) -> None:
        orders, samples = self._batch.withdraw(job)
        for order in orders:
            for k in order.wanted:
                self._press.event(Cancelled(job=job, attempt=order.attempt, k=k))
        for sample in samples:
            self._press.event(Cancelled(job=job, attempt=sample.order.attempt, k=sample.k))

    def _board(self) -> None:
        while (order := self._batch.next_order()) is not None:
            samples = [sample for k in order.wanted if (sample := self._begin(order, k)) is not None]
            self._batch.board(samples)
            if samples:
                self._press.event(Started(job=order.job, attempt=order.attempt))

    def _begin(self, order: Generate, k: int) -> Sample | None:
        try:
            return self._painter.begin(order, k)
        except TooManyTokens as error:
            self._fail(order, k, "prompt-too-many-tokens", tokens=error.tokens, limit=error.limit)
        except TooLarge as error:
            self._fail(order, k, "too-large", width=error.width, height=error.height, most=error.most)
        except BadSource:
            self._fail(order, k, "bad-source")
        except Exception as error:  # noqa: BLE001  border of the engine loop: one order must not end the engine
            self._bug(error, [(order, k)])
        finally:
            self._pulse.beat()
        return None

    def _step(self) -> None:
        samples = self._batch.next_forward()
        if not samples:
            return
        try:
            self._painter.step(samples)
        except Exception as error:  # noqa: BLE001  border of the engine loop
            for sample in samples:
                self._batch.leave(sample)
            self._bug(error, [(sample.order, sample.k) for sample in samples])
            return
        self._pulse.beat()
        self._tell_progress(samples)
        for sample in samples:
            if sample.done:
                self._finish(sample)

    def _tell_progress(self, samples: Iterable[Sample]) -> None:
        for job in dict.fromkeys(sample.job for sample in samples):
            company = [sample for sample in self._batch.riding if sample.job == job]
            slowest = min(company, key=lambda sample: sample.progress)
            self._press.progress(
                slowest.order,
                step=slowest.progress,
                steps=slowest.work,
                previews=self._painter.preview(company),
            )

    def _finish(self, sample: Sample) -> None:
        try:
            result = self._painter.finish(sample)
        except FlatPicture:
            self._batch.leave(sample)
            self._fail(sample.order, sample.k, "flat-picture")
        except Exception as error:  # noqa: BLE001  border of the engine loop
            self._batch.leave(sample)
            self._bug(error, [(sample.order, sample.k)])
        else:
            if isinstance(result, Sample):
                self._batch.replace(sample, result)
                return
            self._batch.leave(sample)
            sample.seconds["total"] = time.perf_counter() - sample.began
            self._press.finished(
                sample.order,
                sample.k,
                result,
                facts=self._facts(sample),
                seconds=sample.seconds,
                peak=memory.peak_memory(self._painter.place.device),
            )
        finally:
            self._pulse.beat()

    def _facts(self, sample: Sample) -> Facts:
        """A source with facts of its own is a picture of ours; one without is somebody's photo or drawing."""
        source = sample.order.source
        composite = False
        if sample.request.kind is not Kind.TEXT and source is not None:
            known = metadata.read(source)
            composite = known is None or known.composite
        return Facts.of(sample.request, sample.k, model=self._painter.card.name, composite=composite)

    def _bug(self, error: Exception, pictures: Iterable[tuple[Generate, int]]) -> None:
        """End these pictures. An accelerator that has failed cannot be used again by this process."""
        if isinstance(error, torch.AcceleratorError) and not memory.is_out_of_memory(error):
            raise error
        code = "out-of-memory" if memory.is_out_of_memory(error) else "worker-error"
        pictures = list(pictures)
        log.error("%s: %s", code, " ".join(f"job={o.job} k={k}" for o, k in pictures), exc_info=error)
        for order, k in pictures:
            self._fail(order, k, code)
        error.__traceback__ = None  # its frames would keep the tensors that did not fit
        memory.release(self._painter.place.device)

    def _fail(self, order: Generate, k: int, code: str, **arguments: str | float) -> None:
        self._press.event(Failed(job=order.job, attempt=order.attempt, k=k, code=code, arguments=dict(arguments)))
