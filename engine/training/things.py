"""Teaches the starter things by name, from its own weights: `python -m engine.training.things --run FOLDER`.

Stages of emoji beside the shapes and signs that it knows. The same command takes a broken run up again, with the steps
it has taken; a larger `--steps` continues a finished one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImageTransformer2DModel
from PIL import Image
from torch import Tensor
from transformers import Qwen2Tokenizer, Qwen3Model

from engine.training import denoiser, flow
from engine.training.export import STARTER, export
from engine.training.latents import CHUNK, GrowingPool, Norm
from engine.training.models import SHIFT, Parts
from engine.training.precision import fastest
from engine.training.subjects import book, emoji, stage, stage_phrases
from engine.training.subjects.common import COMMON
from engine.training.subjects.emoji import Emoji
from engine.training.subjects.phrases import Subject
from engine.training.subjects.scenes import Scene, draw, random_scene
from engine.training.subjects.stage import Stage
from engine.training.tokens import extend, grown

# Names of lessons, what stages show in each, and the shares of stages, of shapes and of signs. With a tenth of shapes
# among them, 2,000 steps of large batches forgot a third of what was known of shapes.
LESSONS: Mapping[str, tuple[Mapping[str, float], Mapping[type[Subject | Stage], float]]] = {
    "alone": (stage.ALONE, {Stage: 0.79, Scene: 0.09, book.Sign: 0.12}),
    "all": (stage.KINDS, {Stage: 0.62, Scene: 0.24, book.Sign: 0.14}),
    "shapes": (stage.KINDS, {Stage: 0.45, Scene: 0.38, book.Sign: 0.17}),
}
SIZES: Mapping[str, Mapping[tuple[int, int], float]] = {
    "half-square": {(128, 128): 1.0},
    "half": denoiser.HALF,
    "whole": denoiser.WHOLE,
}
TAUGHT = 900  # things, of those that have names
TOKENS = 4700  # at most, with those that the starter had
FIRST_CHUNKS, GROW_EVERY = 2, 24  # chunks of pictures before the first step; steps for each chunk more
TELL_EVERY = 20  # steps
WARMUP_STEPS = 100
DECAY_FROM = 0.6  # of the steps: most is learned while the rate falls
LONG_SHARE = 0.06
SAVE_EVERY, EXPORT_EVERY = 180.0, 1800.0  # seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """What is taught: things by name, their pictures, and the sizes in which they are shown."""

    cast: Sequence[Emoji]
    pictures: Mapping[str, Image.Image]
    kinds: Mapping[str, float]
    mix: Mapping[type[Subject | Stage], float]

    @staticmethod
    def named(name: str, cast: Sequence[Emoji], pictures: Mapping[str, Image.Image]) -> Lesson:
        """One of LESSONS."""
        kinds, mix = LESSONS[name]
        return Lesson(cast=cast, pictures=pictures, kinds=kinds, mix=mix)

    def subject(self, width: int, height: int, number: int) -> tuple[Subject | Stage, Random]:
        """Subject `number` of a size, and the random source that goes on to draw it."""
        rng = Random(f"{len(self.cast)} things, {width}x{height}: {number}")
        kind = rng.choices(list(self.mix), list(self.mix.values()))[0]
        if kind is Stage:
            return stage.random_stage(rng, self.cast, kinds=self.kinds), rng
        return (random_scene(rng) if kind is Scene else book.random_sign(rng)), rng

    def draw(self, width: int, height: int, number: int) -> Image.Image:
        """The drawing of that subject."""
        what, rng = self.subject(width, height, number)
        if isinstance(what, Stage):
            return stage.draw(what, self.pictures, width, height)
        if isinstance(what, Scene):
            return draw(what, width, height, rng)
        assert isinstance(what, book.Sign)
        return book.draw_sign(what, width, height, rng)


@dataclass(kw_only=True, slots=True)
class Batches:
    """Latents of the lesson's pictures with what they show; every size's pool grows while training goes on."""

    lesson: Lesson
    pools: Mapping[tuple[int, int], GrowingPool]
    shares: Mapping[tuple[int, int], float]
    norm: Norm
    size: int
    most: int

    def take(self, step: int, rng: Random) -> tuple[Tensor, list[Subject | Stage]]:
        """One batch for `step`: of one size, out of as many pictures as the pool has by then."""
        width, height = rng.choices(list(self.shares), list(self.shares.values()))[0]
        share = self.shares[width, height]
        chunks = min(FIRST_CHUNKS + int(step * share / GROW_EVERY), max(int(self.most * share / CHUNK), 1))
        numbers = [rng.randrange(chunks * CHUNK) for _ in range(self.size)]
        latents = self.pools[width, height].take(numbers)
        shown = [self.lesson.subject(width, height, number)[0] for number in numbers]
        return (latents - self.norm.shift) * self.norm.scale, shown


def rate_at(step: int, steps: int) -> float:
    """The learning rate's factor: a warm-up, 1, then linear to 0 over the last part of the `steps`."""
    falling = (steps - step) / (steps * (1 - DECAY_FROM))
    return max(min((step + 1) / WARMUP_STEPS, 1.0, falling), 0.01)


def name_words(cast: Sequence[Emoji]) -> Counter[str]:
    """The words of all names and places and how much they matter, as they stand within a sentence."""
    words: Counter[str] = Counter()
    for thing in cast:
        weight = 20 if thing.code in COMMON else 4
        for name in thing.english:
            words[f" {name}"] += weight
            words[f" {stage_phrases.plural(name)}"] += 1
        for name in thing.chinese:
            words[name] += weight
            words.update(name * 2)
    for said in stage_phrases.PLACE_EN.values():
        words.update({f" {text}": 20 for text in said})
    for said in stage_phrases.PLACE_ZH.values():
        words.update({word: 20 for text in said for word in text.split("|")})
    words.update(dict.fromkeys(stage_phrases.measures(), 20))
    return words


def load(folder: Path) -> Parts:
    """The components of a diffusers folder, fp32."""
    return Parts(
        transformer=ZImageTransformer2DModel.from_pretrained(
            folder, subfolder="transformer", use_safetensors=True, torch_dtype=torch.float32
        ),
        text_encoder=Qwen3Model.from_pretrained(
            folder, subfolder="text_encoder", use_safetensors=True, dtype=torch.float32
        ),
        tokenizer=Qwen2Tokenizer.from_pretrained(folder, subfolder="tokenizer"),
        vae=AutoencoderKL.from_pretrained(
            folder, subfolder="vae", use_safetensors=True, torch_dtype=torch.float32
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=SHIFT),
    )


def with_names(parts: Parts, cast: Sequence[Emoji], run: Path) -> Parts:
    """`parts` with tokens for the names; the run's tokenizer is made once, for the weights belong to its numbering."""
    path = run / "tokenizer"
    if not path.exists():
        extend(parts.tokenizer, name_words(cast), TOKENS - len(parts.tokenizer)).save_pretrained(path)
    tokenizer = Qwen2Tokenizer.from_pretrained(path)
    return replace(parts, tokenizer=tokenizer, text_encoder=grown(parts.text_encoder, parts.tokenizer, tokenizer))


def one_step(
    painter: denoiser.Painter,
    tokenizer: Qwen2Tokenizer,
    batches: Batches,
    *,
    steps: int,
    stride: int,
    peak: float = 1.0,
) -> float:
    """One batch: forward, backward, both optimizers, the average. Returns the loss."""
    rng = Random(f"things, step {painter.step}")
    clean, shown = batches.take(painter.step, rng)
    long = rng.random() < LONG_SHARE
    texts = [denoiser.caption(tokenizer, what, rng, long=long) for what in shown]
    ids, lengths = flow.tokenize(tokenizer, texts)
    transformer, encoder = painter.net["transformer"], painter.net["text_encoder"]
    with flow.mixed_precision(clean.device, painter.dtype):
        words = flow.encode(encoder, ids).float()  # pyright: ignore[reportArgumentType]
    value = flow.loss(transformer, clean, words, lengths, step=painter.step, stride=stride, dtype=painter.dtype)  # pyright: ignore[reportArgumentType]
    value.backward()
    painter.descend(peak * rate_at(painter.step, steps))
    return value.item()


def run(options: argparse.Namespace) -> None:
    """Train until the steps are taken; saves and exports now and then."""
    dtype = fastest(torch.device("cpu"))
    emoji.fetch(options.cache)
    everything, pictures = emoji.load(options.cache)
    parts = with_names(load(options.start), everything, options.run)
    lesson = Lesson.named(options.lesson, everything[: options.things], pictures)
    batches = _batches(options, lesson, parts, dtype)
    painter = denoiser.Painter.of(parts, minutes=float("inf"), dtype=dtype)
    path = options.run / "denoiser.pt"
    if path.exists():
        painter.load(path)
        print(f"goes on from step {painter.step}", flush=True)
    if not options.no_compile:
        painter.compile()

    def snapshot() -> None:
        card = json.loads((options.start / "zimagine.json").read_text(encoding="utf-8"))
        export(painter.averaged(parts), options.out, latent_rgb=card["latent_rgb"], bias=card["latent_rgb_bias"])
        print(f"exported step {painter.step} to {options.out}", flush=True)

    saved = exported = time.monotonic()
    said = Progress(steps=options.steps, first=painter.step)
    while painter.step < options.steps:
        stride = 1 if options.size == "whole" else 2
        loss = one_step(painter, parts.tokenizer, batches, steps=options.steps, stride=stride, peak=options.peak)
        said.tell(painter.step, loss)
        if time.monotonic() - saved > SAVE_EVERY:
            painter.save(path)
            saved = time.monotonic()
        if time.monotonic() - exported > EXPORT_EVERY:
            snapshot()
            exported = time.monotonic()
    painter.save(path)
    snapshot()


@dataclass(kw_only=True, slots=True)
class Progress:
    """Prints how far a run is, every TELL_EVERY steps."""

    steps: int
    first: int
    losses: list[float] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def tell(self, step: int, loss: float) -> None:
        """Count the step that has just been taken, number `step` of the run."""
        self.losses.append(loss)
        if step % TELL_EVERY:
            return
        each = (time.monotonic() - self.began) / (step - self.first)
        left = each * (self.steps - step) / 60
        mean = sum(self.losses) / len(self.losses)
        now = time.strftime("%H:%M")
        print(f"{now} step {step}/{self.steps}, loss {mean:.4f}, {each:.2f} s a step, {left:.0f} min left", flush=True)
        self.losses.clear()


def _batches(options: argparse.Namespace, lesson: Lesson, parts: Parts, dtype: torch.dtype) -> Batches:
    pools = {
        (width, height): GrowingPool(
            parts.vae,
            options.run / f"latents-{options.lesson}-{options.things}-{width}x{height}",
            lambda number, width=width, height=height: lesson.draw(width, height, number),
            dtype,
        )
        for width, height in SIZES[options.size]
    }
    norm = Norm(shift=parts.vae.config["shift_factor"], scale=parts.vae.config["scaling_factor"])
    return Batches(
        lesson=lesson,
        pools=pools,
        shares=SIZES[options.size],
        norm=norm,
        size=options.batch,
        most=options.pool,
    )


def main() -> None:
    """Parse the options and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; an unfinished run is resumed")
    parser.add_argument("--cache", type=Path, default=emoji.CACHE, help="folder for the emoji and their names")
    parser.add_argument("--out", type=Path, required=True, help="the diffusers folder to write")
    parser.add_argument("--start", type=Path, default=STARTER, help="the diffusers folder to begin with")
    parser.add_argument("--things", type=int, default=TAUGHT, help="how many, beginning with what people ask for first")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument(
        "--peak", type=float, default=1.0, help="of the full learning rates; less to polish what is known"
    )
    parser.add_argument("--batch", type=int, default=32, help="pictures a step")
    parser.add_argument("--pool", type=int, default=64_000, help="different pictures over all sizes")
    parser.add_argument("--lesson", choices=LESSONS, default="all", help="how things look, all, or more shapes")
    parser.add_argument("--size", choices=SIZES, default="half")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-compile", action="store_true", help="where there is no C++ compiler")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.run.mkdir(parents=True, exist_ok=True)
    run(options)


if __name__ == "__main__":
    main()
