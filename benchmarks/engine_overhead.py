"""What our engine costs beside the bare diffusers pipeline: the same pictures, in one run, in turns (ABBA).

    python -m benchmarks.engine_overhead [--model FOLDER] [--rounds 8]

Compares ratios, not seconds: other work on the machine hits both sides alike. The bare side is the published
recipe as its page has it (ZImagePipeline, then Pillow's PNG at its default); ours also makes a preview at each
step and writes the metadata.
"""

from __future__ import annotations

import argparse
import io
import os
import queue
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ZImagePipeline
from PIL import Image
from rich.console import Console
from rich.table import Table

from engine.metadata import png
from engine.metadata.facts import Facts
from engine.worker.device.memory import find_device
from engine.worker.heartbeat import Heartbeat
from engine.worker.image.pixels import encode_png
from engine.worker.loading.loading import STARTER, load
from engine.worker.loop import Loop
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample
from engine.worker.results import Results
from engine.worker.scheduling.forward_time import UNMEASURED, ForwardTime
from engine.worker.scheduling.scheduler import Scheduler
from protocol.messages import Command, Event, Failed, Finished, Generate, Stop
from protocol.request import ImageRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Seconds of both sides, one pair per round."""

    name: str
    bare: Sequence[float]
    ours: Sequence[float]

    @property
    def ratio(self) -> float:
        """Median of the rounds' own ratios, ours to bare."""
        return statistics.median(our / their for our, their in zip(self.ours, self.bare, strict=True))


class Engine:
    """The engine loop without a link, in the thread that asks: torch shall see one thread alone, as in the worker."""

    def __init__(self, pipeline: Pipeline, forward_time: ForwardTime = UNMEASURED) -> None:
        self._inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._results = Results(self._tell)
        scheduler: Scheduler[Generate, Sample] = Scheduler(forward_time=forward_time)
        self._loop = Loop(pipeline, self._inbox, self._results, Heartbeat(), scheduler)
        self._jobs = 0
        self._missing = 0
        self._endings: list[Finished | Failed] = []

    def paint(self, *requests: ImageRequest) -> list[bytes]:
        """All pictures of these requests, asked for at once, as PNG in the order in which they are done.

        Raises RuntimeError for a picture that failed.
        """
        self._endings, self._missing = [], sum(request.count for request in requests)
        for request in requests:
            self._jobs += 1
            wanted = tuple(range(request.count))
            self._inbox.put(Generate(job=str(self._jobs), attempt=1, request=request, wanted=wanted))
        self._loop.run()
        pictures = [ending.png for ending in self._endings if isinstance(ending, Finished)]
        if len(pictures) < len(self._endings):
            raise RuntimeError("the engine could not paint; the log says why")
        return pictures

    def close(self) -> None:
        self._results.close()

    def _tell(self, event: Event) -> None:
        if isinstance(event, Finished | Failed):
            self._endings.append(event)
            if len(self._endings) == self._missing:
                self._inbox.put(Stop())


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=STARTER)
    parser.add_argument("--rounds", type=int, default=8)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    device = find_device("cpu")
    pipeline = Pipeline(load(chosen.model, device), device)
    published = ZImagePipeline.from_pretrained(chosen.model, local_files_only=True, dtype=device.dtype)
    published.set_progress_bar_config(disable=True)
    engine = Engine(pipeline)
    try:
        compared = [
            *(_pictures(published, engine, pipeline, count, again, chosen.rounds) for count, again in CASES),
            png_alone(1024, chosen.rounds),
        ]
    finally:
        engine.close()
    _print(compared, chosen.rounds)


CASES = [(1, False), (1, True), (4, True)]  # pictures per request; whether the prompt was painted before


def _pictures(
    published: ZImagePipeline, engine: Engine, pipeline: Pipeline, count: int, again: bool, rounds: int
) -> Comparison:
    width, height = pipeline.card.shapes["1:1"]
    turn = 0

    def request() -> ImageRequest:
        nonlocal turn
        turn += 0 if again else 1
        prompt = f"a red star above a blue circle on a white background {turn}"
        return ImageRequest(prompt=prompt, shape="1:1", width=width, height=height, steps=8, seed=7, count=count)

    def bare() -> None:
        wish = request()
        painted: Any = published(
            wish.prompt,
            width=width,
            height=height,
            num_inference_steps=8,
            guidance_scale=0.0,
            num_images_per_prompt=count,
            generator=[torch.Generator().manual_seed(wish.seed_of(k)) for k in range(count)],
        )
        for picture in painted.images:
            picture.save(io.BytesIO(), "PNG")

    known = "same prompt" if again else "new prompt"
    return _alternate(f"{count} x {width}x{height}, {known}", bare, lambda: engine.paint(request()), rounds)


def png_alone(side: int, rounds: int) -> Comparison:
    """A picture as photographs are: smooth shapes under a little grain."""
    y, x = np.mgrid[0:side, 0:side] / side
    waves = np.stack([np.sin(9 * x + 4 * y), np.cos(7 * y * x), np.sin(5 * (x - y))], axis=-1)
    grain = np.random.default_rng(0).normal(0, 2, waves.shape)
    pixels = np.clip(127 + 110 * waves + grain, 0, 255).astype(np.uint8)
    request = ImageRequest(prompt="a wave", shape="1:1", width=side, height=side, steps=8, seed=7)
    facts = Facts.of(request, 0, model="model", composite=False)
    return _alternate(
        f"PNG of {side}x{side} alone",
        lambda: Image.fromarray(pixels).save(io.BytesIO(), "PNG"),
        lambda: encode_png(pixels, png.facts_chunks(facts)),
        rounds,
    )


def _alternate(name: str, bare: Callable[[], object], ours: Callable[[], object], rounds: int) -> Comparison:
    """One warm-up of each, then pairs in turned order: bare-ours, ours-bare, ..."""
    bare()
    ours()
    seconds: dict[Callable[[], object], list[float]] = {bare: [], ours: []}
    for index in range(rounds):
        for side in (bare, ours) if index % 2 == 0 else (ours, bare):
            began = time.perf_counter()
            side()
            seconds[side].append(time.perf_counter() - began)
    return Comparison(name=name, bare=seconds[bare], ours=seconds[ours])


def _print(compared: Sequence[Comparison], rounds: int) -> None:
    load_average = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    table = Table(title=f"n = {rounds} pairs, one torch thread, {os.cpu_count()} cores, load {load_average}")
    for heading in ("", "bare median (min) ms", "ours median (min) ms", "ours / bare"):
        table.add_column(heading, justify="left" if not heading else "right")
    for one in compared:
        cells = [f"{1000 * statistics.median(side):.1f} ({1000 * min(side):.1f})" for side in (one.bare, one.ours)]
        table.add_row(one.name, *cells, f"{one.ratio:.3f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
