"""The engine loop: hear, step, tell. Runs in the torch thread; every order ends once for each of its pictures."""

from __future__ import annotations

import logging
import queue
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch

from engine.worker.device import memory
from engine.worker.enhance_queue import Drafts
from engine.worker.failures import OURS, ending
from engine.worker.heartbeat import Pulse
from engine.worker.image.pixels import Pixels
from engine.worker.pipeline.pipeline import Painter
from engine.worker.pipeline.sample import Developing, Sample
from engine.worker.results import Press
from engine.worker.scheduling.scheduler import Scheduler
from protocol.messages import Cancel, Cancelled, Command, Failed, Generate, Started, Stop

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class Loop:
    """Paints what the inbox brings until it brings Stop. `batch`, empty, decides who shares a forward."""

    def __init__(
        self,
        painter: Painter,
        inbox: queue.SimpleQueue[Command],
        press: Press,
        pulse: Pulse,
        scheduler: Scheduler[Generate, Sample] | None = None,
    ) -> None:
        self._painter = painter
        self._inbox = inbox
        self._press = press
        self._pulse = pulse
        self._scheduler: Scheduler[Generate, Sample] = scheduler or Scheduler()
        self._developing: deque[Developing] = deque()
        self._drafts = Drafts(painter.writer)

    def run(self) -> None:
        """Hear, step, tell, for ever."""
        while self._hear():
            self._board()
            self._step()
            self._write()
            self._collect()

    @property
    def _idle(self) -> bool:
        return self._scheduler.idle and not self._developing and self._drafts.idle

    def _hear(self) -> bool:
        """Take in all commands; with nothing to paint, wait for one. False when told to stop."""
        while True:
            # Said before each wait, for each command may change it: whoever waits and seems busy is taken for hung.
            self._pulse.busy = not self._idle
            try:
                command = self._inbox.get(block=not self._pulse.busy)
            except queue.Empty:
                return True
            match command:
                case Generate():
                    self._take(command)
                case Cancel(job=job):
                    self._cancel(job)
                case Stop():
                    return False
                case _:
                    pass

    def _take(self, order: Generate) -> None:
        if not self._drafts.takes(order):
            self._scheduler.enqueue(order.job, order, self._painter.expected(order))

    def _cancel(self, job: str) -> None:
        orders, samples = self._scheduler.withdraw(job)
        orders += self._drafts.withdraw(job)
        for order in orders:
            for k in order.wanted:
                self._press.event(Cancelled(job=job, attempt=order.attempt, k=k))
        samples += [one.sample for one in self._developing if one.sample.job == job]
        self._developing = deque(one for one in self._developing if one.sample.job != job)
        for k, sample in {sample.k: sample for sample in samples}.items():  # a tile may develop beside the next one
            self._press.event(Cancelled(job=job, attempt=sample.order.attempt, k=k))

    def _board(self) -> None:
        while not self._drafts.wants_all and (order := self._scheduler.next_order()) is not None:
            # Said before any work for it: should that kill this process, it is known that it had begun.
            self._press.event(Started(job=order.job, attempt=order.attempt))
            samples = [sample for k in order.wanted if (sample := self._begin(order, k)) is not None]
            self._scheduler.admit(order, samples)

    def _begin(self, order: Generate, k: int) -> Sample | None:
        try:
            return self._roomy(lambda: self._painter.begin(order, k))
        except Exception as error:  # noqa: BLE001  border of the engine loop: one order must not end the engine
            self._fail(error, [(order, k)])
        finally:
            self._pulse.beat()
        return None

    def _step(self) -> None:
        samples = self._scheduler.next_batch()
        if not samples:
            return
        samples = self._advance(samples)
        self._pulse.beat()
        self._tell_progress(samples)
        for sample in samples:
            if sample.done:
                self._develop(sample)

    def _write(self) -> None:
        """Some more words of a prompt, between two steps."""
        order = self._drafts.next(alone=not self._scheduler.running)
        if order is None:
            return
        try:
            said, written = self._roomy(self._drafts.turn)
        except Exception as error:  # noqa: BLE001  border of the engine loop
            self._drafts.withdraw(order.job)
            self._fail(error, [(order, k) for k in order.wanted])
        else:
            for event in said:
                self._press.event(event)
            if written is not None:
                self._take(written)
        finally:
            self._pulse.beat()

    def _advance(self, samples: list[Sample]) -> list[Sample]:
        """Step them together; if that fails, apart, so that only those fail that cannot. Returns who has stepped."""
        try:
            self._painter.step(samples)
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
            self._painter.step(samples)
        except Exception as error:  # noqa: BLE001  border of the engine loop
            self._drop(samples, error)
            return False
        finally:
            self._pulse.beat()
        return True

    def _drop(self, samples: list[Sample], error: Exception) -> None:
        for sample in samples:
            self._give_up(sample)
        self._fail(error, [(sample.order, sample.k) for sample in samples])

    def _make_room(self, error: Exception) -> None:
        error.__traceback__ = None  # its frames would keep the tensors that did not fit
        self._painter.make_room()

    def _tell_progress(self, samples: Iterable[Sample]) -> None:
        for job in dict.fromkeys(sample.job for sample in samples):
            company = [sample for sample in self._scheduler.running if sample.job == job]
            slowest = min(company, key=lambda sample: sample.progress)
            previews = self._painter.preview(company)
            self._press.progress(slowest.order, step=slowest.progress, steps=slowest.work, previews=previews)

    def _develop(self, sample: Sample) -> None:
        """Its pixels come by and by; its seat is free, or the next tile's."""
        try:
            self._developing.append(self._roomy(lambda: self._painter.develop(sample)))
            following = self._roomy(lambda: self._painter.following(sample))
        except Exception as error:  # noqa: BLE001  border of the engine loop
            self._drop([sample], error)
            return
        if following is None:
            self._scheduler.remove(sample)
        else:
            self._scheduler.replace(sample, following)

    def _roomy(self, work: Callable[[], Result]) -> Result:
        """Do it; after a lack of memory once more with less."""
        try:
            return work()
        except Exception as error:
            if not memory.is_out_of_memory(error):
                raise
            self._make_room(error)
        return work()

    def _collect(self) -> None:
        """Hand over what has developed. With nothing else to do, wait for it."""
        while self._developing and (self._scheduler.idle or self._developing[0].exposure.ready):
            self._finish(self._developing.popleft())

    def _finish(self, developing: Developing) -> None:
        sample = developing.sample
        try:
            pixels = self._roomy(lambda: self._painter.finish(developing))
        except Exception as error:  # noqa: BLE001  border of the engine loop
            self._drop([sample], error)
        else:
            if pixels is not None:
                self._hand_over(sample, pixels)
        finally:
            self._pulse.beat()

    def _hand_over(self, sample: Sample, pixels: Pixels) -> None:
        sample.spent("total", sample.began)
        model, peak = self._painter.card.name, memory.peak_memory(self._painter.place.device)
        self._press.finished(sample.order, sample.k, pixels, model=model, seconds=sample.seconds, peak=peak)

    def _give_up(self, sample: Sample) -> None:
        """A tile that fails takes the tiles of its picture along that run or develop already."""
        for one in self._scheduler.running:
            if one.order is sample.order and one.k == sample.k:
                self._scheduler.remove(one)
        self._developing = deque(
            one for one in self._developing if (one.sample.order, one.sample.k) != (sample.order, sample.k)
        )

    def _fail(self, error: Exception, pictures: Iterable[tuple[Generate, int]]) -> None:
        """End these pictures. An accelerator that has failed cannot be used again by this process."""
        if isinstance(error, torch.AcceleratorError) and not memory.is_out_of_memory(error):
            raise error
        code, arguments = ending(error)
        pictures = list(pictures)
        if code in OURS:
            log.error("%s: %s", code, " ".join(f"job={o.job} k={k}" for o, k in pictures), exc_info=error)
        for order, k in pictures:
            self._press.event(Failed(job=order.job, attempt=order.attempt, k=k, code=code, arguments=arguments))
        error.__traceback__ = None  # its frames would keep the tensors that did not fit
        if code in OURS:
            memory.release(self._painter.place.device)
