"""Teaches the starter things on a GPU, by the clock: `python -m engine.training.gpu --run FOLDER --minutes 7`.

The lesson of `things.py` with everything beforehand: all processors draw the pictures and say them in many ways, the
device encodes them and keeps their latents; then steps of hundreds of pictures, half-size ones first.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import Qwen2Tokenizer

from engine.training import denoiser, flow
from engine.training.autoencoder import encode, sharpen
from engine.training.export import STARTER, export
from engine.training.latents import Norm
from engine.training.models import Parts, deepened
from engine.training.precision import fastest
from engine.training.subjects import emoji
from engine.training.things import LONG_SHARE, TAUGHT, WARMUP_STEPS, Lesson, load, with_names

BLOCK = 256  # pictures that one process draws at a time
SAYINGS = 6  # captions for each picture, beside one long one
SHORT, LONG = 32, 64  # tokens
ENCODED = 512  # pictures of 128² encoded at a time
ALONE_UNTIL, HALF_UNTIL = 0.16, 0.4  # shares of the time: one thing in one place; everything, half-size; then whole
SHARPENED = 16_384  # pictures of 256² for the decoder
DECAY_FROM = 0.55  # of the time
TELL_EVERY = 100  # steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Album:
    """Pictures of one size and one lesson, by number, and where they are kept once they are drawn."""

    lesson: str
    things: int
    width: int
    height: int
    count: int

    @property
    def name(self) -> str:
        return f"{self.lesson}-{self.things}-{self.width}x{self.height}-{self.count}"

    def pixels(self, folder: Path, mode: str = "r") -> NDArray[np.uint8]:
        """Memory map of count x height x width x 3."""
        return _mapped(folder / f"{self.name}-pixels.npy", (self.count, self.height, self.width, 3), np.uint8, mode)

    def said(self, folder: Path, mode: str = "r") -> NDArray[np.uint16]:
        """Memory map of count x SAYINGS x SHORT token ids."""
        return _mapped(folder / f"{self.name}-said.npy", (self.count, SAYINGS, SHORT), np.uint16, mode)

    def said_long(self, folder: Path, mode: str = "r") -> NDArray[np.uint16]:
        """Memory map of count x LONG token ids."""
        return _mapped(folder / f"{self.name}-long.npy", (self.count, LONG), np.uint16, mode)


def _mapped(path: Path, shape: tuple[int, ...], kind: type, mode: str) -> NDArray:
    return np.lib.format.open_memmap(path, mode=mode, dtype=kind, shape=shape if mode == "w+" else None)  # pyright: ignore[reportArgumentType]


def albums(things: int, half: int, whole: int, *, block: int = BLOCK) -> list[Album]:
    """About `half` half-size pictures of each lesson and `whole` whole ones, over the sizes by their shares.

    The number of each album's pictures is a multiple of `block`.
    """

    def of(lesson: str, sizes: Mapping[tuple[int, int], float], count: int) -> Iterator[Album]:
        for (width, height), share in sizes.items():
            blocks = max(round(count * share / block), 1)
            yield Album(lesson=lesson, things=things, width=width, height=height, count=blocks * block)

    square = {(128, 128): 1.0}
    return [*of("alone", square, half), *of("all", denoiser.HALF, half), *of("all", denoiser.WHOLE, whole)]


# --- drawing, in many processes ---------------------------------------------------------------------------------------


def prepare(made: Sequence[Album], run: Path, cache_folder: Path, processes: int, *, block: int = BLOCK) -> None:
    """Draw and say what is not in `run` yet, `block` pictures at a time; `run` already has the tokenizer."""
    missing = [album for album in made if not (run / f"{album.name}.done").exists()]
    for album in missing:
        for opened in (album.pixels, album.said, album.said_long):
            opened(run, "w+")
    work = [
        (album, run, cache_folder, range(start, start + block))
        for album in missing
        for start in range(0, album.count, block)
    ]
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for _ in pool.imap_unordered(_draw_block, work):
            pass
    for album in missing:
        (run / f"{album.name}.done").touch()
    print(f"drew {len(work) * block} pictures in {time.monotonic() - began:.0f} s", flush=True)


def _draw_block(work: tuple[Album, Path, Path, range]) -> None:
    album, run, cache_folder, numbers = work
    torch.set_num_threads(1)
    lesson, tokenizer = _lesson(album.lesson, album.things, cache_folder), _tokenizer(run)
    pixels, said, said_long = (opened(run, "r+") for opened in (album.pixels, album.said, album.said_long))
    for number in numbers:
        pixels[number] = np.asarray(lesson.draw(album.width, album.height, number))
        what = lesson.subject(album.width, album.height, number)[0]
        rng = Random(f"{album.name} {number}")
        texts = [denoiser.caption(tokenizer, what, rng, long=False) for _ in range(SAYINGS)]
        said[number] = flow.tokenize(tokenizer, texts)[0].numpy()
        said_long[number] = flow.tokenize(tokenizer, [denoiser.caption(tokenizer, what, rng, long=True)])[0].numpy()


@cache
def _lesson(name: str, things: int, cache_folder: Path) -> Lesson:
    everything, pictures = emoji.load(cache_folder)
    return Lesson.named(name, everything[:things], pictures)


@cache
def _tokenizer(run: Path) -> Qwen2Tokenizer:
    return Qwen2Tokenizer.from_pretrained(run / "tokenizer")


# --- training ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """An album on the device: latents as the transformer takes them (bf16 or fp16), and its captions' tokens."""

    latents: Tensor
    said: Tensor
    said_long: Tensor
    stride: int


@torch.no_grad()
def encoded(album: Album, run: Path, parts: Parts, device: torch.device, dtype: torch.dtype) -> Encoded:
    """Read `album` and encode it."""
    norm = Norm(shift=parts.vae.config["shift_factor"], scale=parts.vae.config["scaling_factor"])
    pixels, each = album.pixels(run), max(ENCODED * 128 * 128 // (album.width * album.height), 1)
    found: list[Tensor] = []
    for start in range(0, album.count, each):
        batch = torch.from_numpy(np.array(pixels[start : start + each])).to(device)
        batch = (batch.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        with flow.mixed_precision(device, dtype):
            mean = encode(parts.vae, batch).mean
        found.append(((mean.float() - norm.shift) * norm.scale).half())
    return Encoded(
        latents=torch.cat(found),
        said=torch.from_numpy(album.said(run).astype(np.int32)).to(device),
        said_long=torch.from_numpy(album.said_long(run).astype(np.int32)).to(device),
        stride=1 if album.width * album.height > 200 * 200 else 2,
    )


def lengths_of(ids: Tensor, blank: int) -> Tensor:
    """How many of each row's ids (batch x n) are not padding."""
    return (ids != blank).sum(1)


def rate_at(step: int, share: float) -> float:
    """The learning rate's factor: a warm-up, 1, then linear to 0 over the last part of the time."""
    return max(min((step + 1) / WARMUP_STEPS, 1.0, (1 - share) / (1 - DECAY_FROM)), 0.01)


@dataclass(kw_only=True, slots=True)
class Course:
    """What is shown when: the albums of each part of the time, each as often as its share of the pictures."""

    alone: Sequence[Encoded]
    half: Sequence[Encoded]
    whole: Sequence[Encoded]
    batch: int
    blank: int

    def take(self, step: int, share: float) -> tuple[Tensor, Tensor, Encoded]:
        """Latents (fp32) and ids of one batch, and the album out of which they come."""
        rng = Random(f"gpu, step {step}")
        shown = self.alone if share < ALONE_UNTIL else self.half if share < HALF_UNTIL else self.whole
        album = rng.choices(shown, [len(one.latents) for one in shown])[0]
        count = self.batch if album.stride == 2 else max(self.batch // 2, 1)
        generator = torch.Generator(album.latents.device).manual_seed(step)
        device = album.latents.device
        numbers = torch.randint(len(album.latents), (count,), generator=generator, device=device)
        if rng.random() < LONG_SHARE:
            ids = album.said_long[numbers]
        else:
            ids = album.said[numbers, torch.randint(SAYINGS, (count,), generator=generator, device=device)]
        return album.latents[numbers].float(), ids.long(), album


def train(
    painter: denoiser.Painter, course: Course, *, seconds: float, snapshot: Callable[[], None], snapshots: int
) -> None:
    """Take steps for `seconds`; `snapshot` is called `snapshots` times on the way and at the end."""
    transformer, encoder = painter.net["transformer"], painter.net["text_encoder"]
    began, told, left = time.monotonic(), time.monotonic(), snapshots
    while (share := (time.monotonic() - began) / seconds) < 1:
        clean, ids, album = course.take(painter.step, share)
        with flow.mixed_precision(clean.device, painter.dtype):
            words = flow.encode(encoder, ids).float()  # pyright: ignore[reportArgumentType]
        lengths = lengths_of(ids, course.blank)
        value = flow.loss(
            transformer,  # pyright: ignore[reportArgumentType]
            clean, words, lengths, step=painter.step, stride=album.stride, dtype=painter.dtype,
        )  # fmt: skip
        value.backward()
        painter.descend(rate_at(painter.step, share))
        if painter.step % TELL_EVERY == 0:
            loss, now = value.item(), time.monotonic()  # waits for the device, so that the clock says what was done
            each = (now - told) / TELL_EVERY * 1000
            print(f"step {painter.step}, {share:.0%}, {each:.1f} ms, loss {loss:.4f}", flush=True)
            told = now
        if left and share > 1 - left / (snapshots + 1):
            left -= 1
            snapshot()
    snapshot()


def run(options: argparse.Namespace) -> None:
    """Prepare what is missing, then train for the minutes given."""
    device = torch.device(options.device)
    dtype = fastest(device)
    torch.backends.cuda.matmul.allow_tf32 = True
    everything, _ = emoji.load(options.cache)
    start = load(options.start)
    if options.layers > len(start.transformer.layers):
        start = replace(start, transformer=deepened(start.transformer, options.layers))
    parts = with_names(start, everything, options.run)
    made = albums(options.things, options.half, options.whole)
    prepare(made, options.run, options.cache, options.processes)
    if options.prepare:
        return
    began = time.monotonic()
    parts.vae.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue, reportArgumentType]
    shown = [encoded(album, options.run, parts, device, dtype) for album in made]
    parts.vae.to("cpu", memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue, reportArgumentType]
    print(f"encoded in {time.monotonic() - began:.0f} s", flush=True)
    blank = parts.tokenizer.pad_token_id
    assert isinstance(blank, int)
    course = Course(
        alone=[one for one, album in zip(shown, made, strict=True) if album.lesson == "alone"],
        half=[one for one, album in zip(shown, made, strict=True) if album.lesson == "all" and one.stride == 2],
        whole=[one for one in shown if one.stride == 1],
        batch=options.batch,
        blank=blank,
    )
    painter = denoiser.Painter.of(parts, minutes=float("inf"), dtype=dtype)
    painter.net.to(device)
    painter.average = {name: value.to(device) for name, value in painter.average.items()}
    if options.compile:
        painter.compile(dynamic=None)

    def snapshot() -> None:
        card = json.loads((options.start / "zimagine.json").read_text(encoding="utf-8"))
        export(painter.averaged(parts), options.out, latent_rgb=card["latent_rgb"], bias=card["latent_rgb_bias"])
        print(f"exported step {painter.step} to {options.out}", flush=True)

    train(painter, course, seconds=options.minutes * 60, snapshot=snapshot, snapshots=options.snapshots)
    if options.decoder_minutes:
        album = next(one for one in made if (one.width, one.height) == (256, 256))
        pixels = np.array(album.pixels(options.run)[:SHARPENED])
        parts.vae.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue, reportArgumentType]
        sharpen(
            parts.vae,
            torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2),
            seconds=options.decoder_minutes * 60,
        )
        parts.vae.to("cpu", memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue, reportArgumentType]
        snapshot()


def main() -> None:
    """Parse the options and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder for the drawn pictures: 25 GB with 100,000")
    parser.add_argument("--cache", type=Path, default=emoji.CACHE, help="folder of the emoji and their names")
    parser.add_argument("--out", type=Path, required=True, help="the diffusers folder to write")
    parser.add_argument("--start", type=Path, default=STARTER, help="the diffusers folder to begin with")
    parser.add_argument("--layers", type=int, default=10, help="of the transformer; new ones begin closed")
    parser.add_argument("--things", type=int, default=TAUGHT, help="how many, beginning with what people ask for first")
    parser.add_argument("--half", type=int, default=60_000, help="half-size pictures for each of two lessons")
    parser.add_argument("--whole", type=int, default=100_000, help="whole pictures")
    parser.add_argument("--batch", type=int, default=512, help="half-size pictures a step; half as many whole ones")
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--decoder-minutes", type=float, default=0.0, help="afterwards, for the VAE's decoder alone")
    parser.add_argument("--snapshots", type=int, default=2, help="exports on the way")
    parser.add_argument("--processes", type=int, default=max((os.cpu_count() or 2) - 2, 1))
    parser.add_argument("--prepare", action="store_true", help="draw and say the pictures only")
    parser.add_argument("--compile", action="store_true", help="fuse the blocks' operations: a minute beforehand")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    options.run.mkdir(parents=True, exist_ok=True)
    run(options)


if __name__ == "__main__":
    main()
