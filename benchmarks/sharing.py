"""What sharing forwards does to waiting: requests through the engine loop with and without it, in turns (ABBA).

    python -m benchmarks.sharing [--model FOLDER] [--rounds 6] [--device cpu]

Without sharing orders are painted alone, first come, first served. A wait is the time from the moment a request is
handed to the loop until its last picture is encoded."""

from __future__ import annotations

import argparse
import io
import os
import queue
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from engine.worker.device.memory import find_device
from engine.worker.heartbeat import Heartbeat
from engine.worker.loading.loading import STARTER, load
from engine.worker.loop import Loop
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample
from engine.worker.results import Results
from engine.worker.scheduling.forward_time import ForwardTime
from engine.worker.scheduling.scheduler import Scheduler
from protocol.messages import Command, Event, Finished, Generate, Stop
from protocol.request import UPSCALE_STRENGTH, ImageRequest, Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """A request that comes `after` seconds of one native picture's own time."""

    name: str
    request: ImageRequest
    after: float = 0.0
    source: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Mean waits in seconds of both sides, one pair per round."""

    name: str
    alone: Sequence[float]
    shared: Sequence[float]

    @property
    def ratio(self) -> float:
        """Median of the rounds' own ratios, with sharing to without."""
        return statistics.median(s / a for s, a in zip(self.shared, self.alone, strict=True))


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=STARTER)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    device = find_device(chosen.device)
    pipeline = Pipeline(load(chosen.model, device), device)
    forward_time = pipeline.measure()
    native = round(pipeline.card.native_pixels**0.5) // 16 * 16
    own = 8 * forward_time.seconds((native // 16) ** 2 + 64)
    compared = [
        _compare(name, arrivals, pipeline, forward_time, own, chosen.rounds) for name, arrivals in _cases(native)
    ]
    _print(compared, forward_time, device.name, chosen.rounds)


def _cases(native: int) -> list[tuple[str, list[Arrival]]]:
    def text(name: str, side: int, after: float = 0.0, steps: int = 8, count: int = 1) -> Arrival:
        wish = ImageRequest(
            prompt=f"a blue circle {name}", shape="1:1", width=side, height=side, steps=steps, seed=7, count=count
        )
        return Arrival(name=name, request=wish, after=after)

    def upscale(name: str, side: int) -> Arrival:
        picture = io.BytesIO()
        Image.radial_gradient("L").resize((side // 2, side // 2)).convert("RGB").save(picture, "PNG")
        wish = text(name, side // 2).request.upscaled(source="0" * 64, seed=7)
        assert (wish.kind, wish.strength) == (Kind.UPSCALE, UPSCALE_STRENGTH)
        return Arrival(name=name, request=wish, source=picture.getvalue())

    quarter = native // 4
    return [
        (f"4 alike of {native}² at once", [text(str(k), native) for k in range(4)]),
        (f"8 alike of {quarter}² at once", [text(str(k), quarter) for k in range(8)]),
        (f"one of {native}² behind a {2 * native}²", [text("large", 2 * native), text("small", native, after=0.5)]),
        (f"one of {native}² behind an upscale to {2 * native}²", [upscale("up", 2 * native), text("one", native, 0.5)]),
        (
            "mixed sizes, counts and steps over time",
            [
                text("a", native, count=4),
                text("b", quarter, after=0.5),
                text("c", native, after=1.0, steps=4),
                text("d", native // 2, after=1.5),
                text("e", native, after=2.0),
            ],
        ),
    ]


def _compare(
    name: str, arrivals: Sequence[Arrival], pipeline: Pipeline, forward_time: ForwardTime, own: float, rounds: int
) -> Comparison:
    means: dict[bool, list[float]] = {False: [], True: []}
    for index in range(-1, rounds):  # the first pair warms up
        for shared in (False, True) if index % 2 == 0 else (True, False):
            wait = _mean_wait(arrivals, pipeline, Scheduler(forward_time=forward_time, shared=shared), own)
            if index >= 0:
                means[shared].append(wait)
    return Comparison(name=name, alone=means[False], shared=means[True])


def _mean_wait(
    arrivals: Sequence[Arrival], pipeline: Pipeline, scheduler: Scheduler[Generate, Sample], own: float
) -> float:
    """Seconds a request waits, on average."""
    inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
    pictures: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()

    def tell(event: Event) -> None:
        if isinstance(event, Finished):
            pictures.put((event.job, time.perf_counter()))

    results = Results(tell)
    thread = threading.Thread(target=Loop(pipeline, inbox, results, Heartbeat(), scheduler).run)
    came: dict[str, float] = {}
    ended: dict[str, float] = {}
    thread.start()
    began = time.perf_counter()
    for one in sorted(arrivals, key=lambda one: one.after):
        time.sleep(max(0.0, began + one.after * own - time.perf_counter()))
        came[one.name] = time.perf_counter()
        wanted = tuple(range(one.request.count))
        inbox.put(Generate(job=one.name, attempt=1, request=one.request, wanted=wanted, source=one.source))
    for _ in range(sum(one.request.count for one in arrivals)):
        name, moment = pictures.get(timeout=600)
        ended[name] = moment
    inbox.put(Stop())
    thread.join()
    results.close()
    return statistics.mean(ended[name] - moment for name, moment in came.items())


def _print(compared: Sequence[Comparison], forward_time: ForwardTime, device: str, rounds: int) -> None:
    load_average = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    times = ", ".join(f"{1000 * seconds:.0f} ms at {tokens} tokens" for tokens, seconds in forward_time.points)
    table = Table(title=f"n = {rounds} pairs on {device}, load {load_average}; a forward takes {times}")
    for heading in ("", "alone: mean wait ms", "shared: mean wait ms", "shared / alone"):
        table.add_column(heading, justify="left" if not heading else "right")
    for one in compared:
        cells = [f"{1000 * statistics.median(side):.0f} ({1000 * min(side):.0f})" for side in (one.alone, one.shared)]
        table.add_row(one.name, *cells, f"{one.ratio:.2f}")
    Console(width=118).print(table)


if __name__ == "__main__":
    main()
