"""The engine loop: receive, step, report. Runs in the torch thread; every order ends once for each of its pictures."""

from __future__ import annotations

import logging
import queue
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch

from engine.worker.device import memory
from engine.worker.enhance_queue import EnhanceQueue
from engine.worker.failures import OURS, failure_of
from engine.worker.heartbeat import Heartbeat
from engine.worker.image.pixels import Pixels
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import PendingImage, Sample
from engine.worker.results import Results
from engine.worker.scheduling.scheduler import Scheduler
from protocol.messages import Cancel, Cancelled, Command, Failed, Generate, Started, Stop

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class Loop:
    """Paints what the inbox brings until it brings Stop. `scheduler`, empty, decides who shares a forward."""

    def __init__(
        self,
        pipeline: Pipeline,
        inbox: queue.SimpleQueue[Command],
        results: Results,
        heartbeat: Heartbeat,
        scheduler: Scheduler[Generate, Sample] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._inbox = inbox
        self._results = results
        self._heartbeat = heartbeat
        self._scheduler: Scheduler[Generate, Sample] = scheduler or Scheduler()
        self._pending: deque[PendingImage] = deque()
        self._enhance_queue = EnhanceQueue(pipeline.writer)

    def run(self) -> None:
        """Receive, step, report, for ever."""
        while self._receive_commands():
            self._admit()
            self._step()
            self._enhance()
            self._collect()

    @property
    def _idle(self) -> bool:
        return self._scheduler.idle and not self._pending and self._enhance_queue.idle

    def _receive_commands(self) -> bool:
        """Take in all commands; with nothing to paint, wait for one. False when told to stop."""
        while True:
            # Said before each wait, for each command may change it: whoever waits and seems busy is taken for hung.
            self._heartbeat.busy = not self._idle
            try:
                command = self._inbox.get(block=not self._heartbeat.busy)
            except queue.Empty:
                return True
            match command:
                case Generate():
                    self._enqueue(command)
                case Cancel(job=job):
                    self._cancel(job)
                case Stop():
                    return False
                case _:
                    pass

    def _enqueue(self, order: Generate) -> None:
        if not self._enhance_queue.try_enqueue(order):
            self._scheduler.enqueue(order.job, order, self._pipeline.expected(order))

    def _cancel(self, job: str) -> None:
        orders, samples = self._scheduler.withdraw(job)
        orders += self._enhance_queue.withdraw(job)
        for order in orders:
            for k in order.wanted:
                self._results.send_event(Cancelled(job=job, attempt=order.attempt, k=k))
        samples += [one.sample for one in self._pending if one.sample.job == job]
        self._pending = deque(one for one in self._pending if one.sample.job != job)
        for k, sample in {sample.k: sample for sample in samples}.items():  # a tile may be decoded beside the next one
            self._results.send_event(Cancelled(job=job, attempt=sample.order.attempt, k=k))

    def _admit(self) -> None:
        while not self._enhance_queue.wants_all and (order := self._scheduler.next_order()) is not None:
            # Said before any work for it: should that kill this process, it is known that it had begun.
            self._results.send_event(Started(job=order.job, attempt=order.attempt))
            samples = [sample for k in order.wanted if (sample := self._prepare(order, k)) is not None]
            self._scheduler.admit(order, samples)

    def _prepare(self, order: Generate, k: int) -> Sample | None:
        try:
            return self._with_room(lambda: self._pipeline.begin(order, k))
        except Exception as error:  # noqa: BLE001  border of the engine loop: one order must not end the engine
            self._fail(error, [(order, k)])
        finally:
            self._heartbeat.beat()
        return None

    def _step(self) -> None:
        samples = self._scheduler.next_batch()
        if not samples:
            return
        samples = self._advance(samples)
        self._heartbeat.beat()
        self._send_progress(samples)
        for sample in samples:
            if sample.done:
                self._start_decoding(sample)

    def _enhance(self) -> None:
        """Some more words of a prompt, between two steps."""
        order = self._enhance_queue.next_order(alone=not self._scheduler.running)
        if order is None:
            return
        try:
            said, written = self._with_room(self._enhance_queue.write_some)
        except Exception as error:  # noqa: BLE001  border of the engine loop
            self._enhance_queue.withdraw(order.job)
            self._fail(error, [(order, k) for k in order.wanted])
        else:
            for event in said:
                self._results.send_event(event)
            if written is not None:
                self._enqueue(written)
        finally:
            self._heartbeat.beat()

    def _advance(self, samples: list[Sample]) -> list[Sample]:
        """Step them together; if that fails, apart, so that only those fail that cannot. Returns who has stepped."""
        try:
            self._pipeline.step(samples)
        except Exception as error:  # noqa: BLE001  border of the engine loop
            jobs = {sample.job: [one for one in samples if one.job == sample.job] for sample in samples}
            if memory.is_out_of_memory(error):
                self._make_room(error)
                self._scheduler.shrink_budget(samples)
                return [sample for sample in samples if self._stepped([sample])]
            if len(jobs) > 1:
                return [sample for job in jobs.values() if self._stepped(job) for sample in job]
            self._drop(samples, error)
            return []
        return samples

    def _stepped(self, samples: list[Sample]) -> bool:
        try:
            self._pipeline.step(samples)
        except Exception as error:  # noqa: BLE001  border of the engine loop
            self._drop(samples, error)
            return False
        finally:
            self._heartbeat.beat()
        return True

    def _drop(self, samples: list[Sample], error: Exception) -> None:
        for sample in samples:
            self._give_up(sample)
        self._fail(error, [(sample.order, sample.k) for sample in samples])

    def _make_room(self, error: Exception) -> None:
        error.__traceback__ = None  # its frames would keep the tensors that did not fit
        self._pipeline.make_room()

    def _send_progress(self, samples: Iterable[Sample]) -> None:
        for job in dict.fromkeys(sample.job for sample in samples):
            company = [sample for sample in self._scheduler.running if sample.job == job]
            slowest = min(company, key=lambda sample: sample.progress)
            previews = self._pipeline.preview(company)
            self._results.send_progress(slowest.order, step=slowest.progress, steps=slowest.work, previews=previews)

    def _start_decoding(self, sample: Sample) -> None:
        """Its pixels come by and by; its place in the batch is free, or the next tile's."""
        try:
            self._pending.append(self._with_room(lambda: self._pipeline.start_decoding(sample)))
            following = self._with_room(lambda: self._pipeline.following(sample))
        except Exception as error:  # noqa: BLE001  border of the engine loop
            self._drop([sample], error)
            return
        if following is None:
            self._scheduler.remove(sample)
        else:
            self._scheduler.replace(sample, following)

    def _with_room(self, work: Callable[[], Result]) -> Result:
        """Do it; after a lack of memory once more with less."""
        try:
            return work()
        except Exception as error:
            if not memory.is_out_of_memory(error):
                raise
            self._make_room(error)
        return work()

    def _collect(self) -> None:
        """Hand over what is decoded. With nothing else to do, wait for it."""
        while self._pending and (self._scheduler.idle or self._pending[0].pending.ready):
            self._finish(self._pending.popleft())

    def _finish(self, pending: PendingImage) -> None:
        sample = pending.sample
        try:
            pixels = self._with_room(lambda: self._pipeline.finish(pending))
        except Exception as error:  # noqa: BLE001  border of the engine loop
            self._drop([sample], error)
        else:
            if pixels is not None:
                self._hand_over(sample, pixels)
        finally:
            self._heartbeat.beat()

    def _hand_over(self, sample: Sample, pixels: Pixels) -> None:
        sample.spent("total", sample.began)
        pipeline, seconds = self._pipeline, sample.seconds
        model, shift, peak = pipeline.card.name, pipeline.shift, memory.peak_memory(pipeline.device.torch_device)
        self._results.send_finished(
            sample.order, sample.k, pixels, model=model, shift=shift, seconds=seconds, peak=peak
        )

    def _give_up(self, sample: Sample) -> None:
        """A tile that fails takes the tiles of its picture along that run or are decoded already."""
        for one in self._scheduler.running:
            if one.order is sample.order and one.k == sample.k:
                self._scheduler.remove(one)
        self._pending = deque(
            one for one in self._pending if (one.sample.order, one.sample.k) != (sample.order, sample.k)
        )

    def _fail(self, error: Exception, pictures: Iterable[tuple[Generate, int]]) -> None:
        """End these pictures. An accelerator that has failed cannot be used again by this process."""
        if isinstance(error, torch.AcceleratorError) and not memory.is_out_of_memory(error):
            raise error
        code, arguments = failure_of(error)
        pictures = list(pictures)
        if code in OURS:
            log.error("%s: %s", code, " ".join(f"job={o.job} k={k}" for o, k in pictures), exc_info=error)
        for order, k in pictures:
            self._results.send_event(Failed(job=order.job, attempt=order.attempt, k=k, code=code, arguments=arguments))
        error.__traceback__ = None  # its frames would keep the tensors that did not fit
        if code in OURS:
            memory.release(self._pipeline.device.torch_device)
