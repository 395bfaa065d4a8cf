"""What the pass for fine detail does: the same pictures with and without it, in turns (ABBA).

    python -m benchmarks.detail [--model FOLDER] [--count 32] [--device cpu]

The prompts are those of `engine.training.check`; they say what the pictures should show, so what is right is counted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from engine.training.check.measure import judge
from engine.training.check.scenes import Question, questions
from engine.training.subjects.scenes import Scene, random_scene
from engine.worker.device.memory import find_device
from engine.worker.image.pixels import Pixels
from engine.worker.loading.loading import STARTER, load
from engine.worker.pipeline.pipeline import Pipeline
from protocol.messages import Generate
from protocol.request import ImageRequest

STEPS = 8
BORDER = 8  # pixels that show nothing but background


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One picture: `edges` is the 99.5th percentile of the gradient, `noise` the deviation within the background."""

    pixels: Pixels
    seconds: float
    right: bool
    edges: float
    noise: float


def main() -> None:
    """Paint and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=STARTER)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = find_device(options.device)
    pipeline = Pipeline(load(options.model, device), device)
    seen: dict[bool, list[Seen]] = {False: [], True: []}
    for number, question in enumerate(questions(options.count, partial(random_scene, held_out=True), seed=2026)):
        for quality in (False, True) if number % 2 else (True, False):
            seen[quality].append(look(pipeline, question, quality=quality))
    Console().print(table(seen[False], seen[True]))


def look(pipeline: Pipeline, question: Question[Scene], *, quality: bool) -> Seen:
    """Paint it alone and measure it."""
    request = ImageRequest(
        prompt=question.prompt,
        shape="1:1",
        width=question.width,
        height=question.height,
        steps=STEPS,
        seed=question.seed,
        quality=quality,
    )
    began = time.perf_counter()
    sample = pipeline.begin(Generate(job="benchmark", attempt=1, request=request, wanted=(0,)), 0)
    while not sample.done:
        pipeline.step([sample])
    pixels = pipeline.finish(pipeline.start_decoding(sample))
    assert pixels is not None
    seconds = time.perf_counter() - began
    grey = pixels.mean(axis=2)
    frame = np.concatenate([pixels[:BORDER].reshape(-1, 3), pixels[-BORDER:].reshape(-1, 3)])
    return Seen(
        pixels=pixels,
        seconds=seconds,
        right=judge(Image.fromarray(pixels), question.shown).right,
        edges=float(np.percentile(np.abs(np.diff(grey, axis=1)), 99.5)),
        noise=float(frame.std(axis=0).mean()),
    )


def table(without: Sequence[Seen], with_pass: Sequence[Seen]) -> Table:
    """Medians of both sides, and of the pairs' own ratios."""
    pairs = list(zip(without, with_pass, strict=True))
    made = Table("", "without", "with", "with / without", title=f"n = {len(pairs)} pairs")
    for name in ("seconds", "edges", "noise"):
        one, other = ([getattr(seen, name) for seen in side] for side in (without, with_pass))
        ratio = statistics.median(b / a for a, b in zip(one, other, strict=True))
        made.add_row(name, f"{statistics.median(one):.2f}", f"{statistics.median(other):.2f}", f"{ratio:.2f}")
    made.add_row("right", *(str(sum(seen.right for seen in side)) for side in (without, with_pass)), "")
    likeness = statistics.median(psnr(a.pixels, b.pixels) for a, b in pairs)
    made.add_row("PSNR of the pair, dB", "", f"{likeness:.1f}", "")
    return made


def psnr(one: Pixels, other: Pixels) -> float:
    """In dB; infinite for equal pictures."""
    error = float(((one.astype(float) - other.astype(float)) ** 2).mean())
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


if __name__ == "__main__":
    main()
