"""Pixels to events, off the torch thread: previews to JPEG, pictures to PNG with their metadata.

One thread does it all, so events leave in the order in which they happened and the next step need not wait.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from engine.metadata.facts import Facts
from engine.metadata.png import facts_chunks, read_facts
from engine.worker.image.pixels import Pixels, encode_png, encode_preview
from protocol.messages import Cancelled, Enhanced, Event, Failed, Finished, Generate, Progress, Started
from protocol.request import Kind

LATENT_SCALE = 8  # preview pixels are latent positions; never larger than the picture itself

log = logging.getLogger(__name__)


class Results:
    """Hands events to `send` from its own thread."""

    def __init__(self, send: Callable[[Event], None], *, log_prompts: bool = False) -> None:
        self._send = send
        self._log_prompts = log_prompts
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="results")

    def send_event(self, event: Started | Enhanced | Failed | Cancelled) -> None:
        """Say something that needs no encoding, after all that came before it."""
        self._submit(lambda: self._send(event))

    def send_progress(self, order: Generate, *, step: int, steps: int, previews: Sequence[Pixels]) -> None:
        """Say how far a job is, with its pictures side by side."""

        def publish() -> None:
            preview = encode_preview(previews, LATENT_SCALE) if previews else None
            self._send(Progress(job=order.job, attempt=order.attempt, step=step, steps=steps, preview=preview))

        self._submit(publish)

    def send_finished(
        self, order: Generate, k: int, pixels: Pixels, *, model: str, shift: float, seconds: dict[str, float], peak: int
    ) -> None:
        """Encode one picture with its recipe, hand it over and write its line in the log."""

        def publish() -> None:
            began = time.perf_counter()
            png = encode_png(pixels, facts_chunks(_facts(order, k, model, shift)))
            seconds["png"] = time.perf_counter() - began
            height, width, _ = pixels.shape
            self._send(
                Finished(
                    job=order.job,
                    attempt=order.attempt,
                    k=k,
                    seed=order.request.seed_of(k),
                    width=width,
                    height=height,
                    sha256=hashlib.sha256(png).hexdigest(),
                    png=png,
                    seconds=seconds["total"],
                    enhanced=order.request.enhanced,
                )
            )
            self._log(order, k, width, height, seconds, peak)

        self._submit(publish, order, k)

    def close(self) -> None:
        """Encode what is still there, then end the thread."""
        self._thread.shutdown()

    def _log(self, order: Generate, k: int, width: int, height: int, seconds: dict[str, float], peak: int) -> None:
        prompt = order.request.painted_prompt
        shown = repr(prompt) if self._log_prompts else hashlib.sha256(prompt.encode()).hexdigest()[:12]
        stages = " ".join(f"{stage}={spent:.3f}s" for stage, spent in seconds.items())
        log.info(
            "picture job=%s k=%d kind=%s size=%dx%d steps=%d %s peak=%dMiB prompt=%s",
            order.job,
            k,
            order.request.kind,
            width,
            height,
            order.request.steps,
            stages,
            peak // 2**20,
            shown,
        )

    def _submit(self, work: Callable[[], None], order: Generate | None = None, k: int = 0) -> None:
        """Queue work; a picture that cannot be encoded still gets its ending."""

        def report(done: Future[None]) -> None:
            error = done.exception()
            if error is None:
                return
            log.error("job=%s k=%d cannot be encoded", order.job if order else "", k, exc_info=error)
            if order is not None:
                code = "out-of-memory" if isinstance(error, MemoryError) else "worker-error"
                self._send(Failed(job=order.job, attempt=order.attempt, k=k, code=code))

        self._thread.submit(work).add_done_callback(report)


def _facts(order: Generate, k: int, model: str, shift: float) -> Facts:
    """A source with facts of its own is a picture of ours; one without is somebody's photo or drawing."""
    composite = False
    if order.request.kind is not Kind.TEXT and order.source is not None:
        known = read_facts(order.source)
        composite = known is None or known.composite
    return Facts.of(order.request, k, model=model, composite=composite, shift=shift)
