"""What the variety dial does to four pictures of one prompt, and how near variations stay: distance and right answers.

    python -m benchmarks.variety [--model FOLDER] [--prompts 16] [--device cpu]

Distances are root mean squares over all pixels, in levels of 255, and means over pairs and prompts. Right answers are
those of `engine.training.check.measure`, of scenes that training never saw.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from random import Random
from statistics import mean

import msgspec
import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from engine.training.check.measure import Verdict, judge
from engine.training.subjects import phrases
from engine.training.subjects.scenes import Scene, random_scene
from engine.worker.device.memory import find_device
from engine.worker.image.pixels import Pixels
from engine.worker.loading.loading import STARTER, load
from engine.worker.pipeline.pipeline import Pipeline
from protocol.messages import Generate
from protocol.request import VARY_STRONG, VARY_SUBTLE, ImageRequest

DIAL = (0.0, 0.25, 0.5, 0.75, 1.0)
PICTURES = 4
VARIATIONS = {"subtle": VARY_SUBTLE, "strong": VARY_STRONG, "another seed": None}


def main() -> None:
    """Paint, measure and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=STARTER)
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    device = find_device(chosen.device)
    pipeline = Pipeline(load(chosen.model, device), device)
    asked = list(_asked(chosen.prompts))
    console = Console(width=100)
    console.print(_dial(pipeline, asked))
    console.print(_variations(pipeline, asked))
    console.print(
        f"{pipeline.card.id}, {device.dtype}, {chosen.prompts} prompts, reach {pipeline.card.variety_reach:g}"
    )


def _asked(count: int) -> Iterator[tuple[Scene, ImageRequest]]:
    """Held-out scenes and their prompts, English and Chinese by turns."""
    rng = Random(2026)
    for number in range(count):
        scene = random_scene(rng, held_out=True)
        prompt = phrases.say(scene, rng, language=("en", "zh")[number % 2], held_out=True)
        request = ImageRequest(prompt=prompt, shape="1:1", width=256, height=256, steps=8, seed=1000 * number)
        yield scene, request


def _dial(pipeline: Pipeline, asked: Sequence[tuple[Scene, ImageRequest]]) -> Table:
    table = Table("variety", "distance of four pictures", "beside variety 0", "right answers", title="Variety")
    off = 0.0
    for dial in DIAL:
        distances, answers = list[float](), list[bool]()
        for scene, request in asked:
            pictures = [
                _painted(pipeline, _with(request, seed=request.seed + k, variety=dial)) for k in range(PICTURES)
            ]
            distances += [_distance(one, other) for one, other in combinations(pictures, 2)]
            answers += [answer for one in pictures for answer in _answers(judge(Image.fromarray(one), scene))]
        off = off or mean(distances)
        right = f"{100 * sum(answers) / len(answers):.1f} % of {len(answers)}"
        table.add_row(f"{dial:g}", f"{mean(distances):.1f}", f"{mean(distances) / off:.2f}", right)
    return table


def _variations(pipeline: Pipeline, asked: Sequence[tuple[Scene, ImageRequest]]) -> Table:
    table = Table("variation", "noise of the picture varied", "distance from it", "of each other", title="Variations")
    for name, amount in VARIATIONS.items():
        away, apart = list[float](), list[float]()
        for _, request in asked:
            picture = _painted(pipeline, request)
            fresh = [_with(request, seed=request.seed + 500 + k) for k in range(2)]
            if amount is not None:
                fresh = [request.near(picture=request.seed, seed=one.seed, amount=amount) for one in fresh]
            pictures = [_painted(pipeline, one) for one in fresh]
            away += [_distance(one, picture) for one in pictures]
            apart.append(_distance(*pictures))
        share = "none" if amount is None else f"{100 * amount:.0f} %"
        table.add_row(name, share, f"{mean(away):.1f}", f"{mean(apart):.1f}")
    return table


def _with(request: ImageRequest, *, seed: int, variety: float = 0.0) -> ImageRequest:
    return msgspec.structs.replace(request, seed=seed, variety=variety)


def _painted(pipeline: Pipeline, request: ImageRequest) -> Pixels:
    sample = pipeline.begin(Generate(job="benchmark", attempt=1, request=request, wanted=(0,)), 0)
    while not sample.done:
        pipeline.step([sample])
    pixels = pipeline.finish(pipeline.start_decoding(sample))
    assert pixels is not None
    return pixels


def _distance(one: Pixels, other: Pixels) -> float:
    return float(np.sqrt(np.square(one.astype(np.float32) - other).mean()))


def _answers(verdict: Verdict) -> list[bool]:
    asked = [verdict.background, *verdict.colours, *verdict.shapes, verdict.place, verdict.relation]
    return [answer for answer in asked if answer is not None]


if __name__ == "__main__":
    main()
