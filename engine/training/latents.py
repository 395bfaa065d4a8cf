"""The training pictures as latents: drawn by number, encoded once, kept in the run's folder.

Picture n of a size is always the same subject in the same drawing, so only latents are stored, no descriptions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from engine.training.autoencoder import encode
from engine.training.clock import save
from engine.training.flow import mixed_precision
from engine.training.subjects import book
from engine.training.subjects.phrases import Subject
from engine.training.subjects.scenes import Scene, draw, random_scene

SHAPES_SHARE, LANDSCAPES_SHARE = 0.6, 0.16  # the rest are signs
BATCH = 16  # pictures per encoder call
CHUNK = 512  # pictures per file of a growing pool; a multiple of BATCH


@dataclass(frozen=True, kw_only=True, slots=True)
class Norm:
    """How latents are brought to mean 0 and spread 1: (latent - shift) * scale, as the pipeline does it."""

    shift: float
    scale: float


def subject(width: int, height: int, number: int) -> tuple[Subject, Random]:
    """Subject `number` of a size, and the random source that goes on to draw it."""
    rng = Random(f"{width}x{height}:{number}")
    kind = rng.random()
    if kind < SHAPES_SHARE:
        return random_scene(rng), rng
    if kind < SHAPES_SHARE + LANDSCAPES_SHARE:
        return book.random_landscape(rng), rng
    return book.random_sign(rng), rng


def picture(width: int, height: int, number: int) -> Image.Image:
    """The drawing of that subject."""
    what, rng = subject(width, height, number)
    if isinstance(what, Scene):
        return draw(what, width, height, rng)
    if isinstance(what, book.Landscape):
        return book.draw_landscape(what, width, height, rng)
    return book.draw_sign(what, width, height, rng)


def pixels(pictures: list[Image.Image]) -> Tensor:
    """Pictures of one size as batch x 3 x height x width in -1..1."""
    stacked = np.stack([np.asarray(one, np.float32) for one in pictures])
    return torch.from_numpy(stacked / 127.5 - 1).permute(0, 3, 1, 2).contiguous()


def pool(vae: AutoencoderKL, run: Path, width: int, height: int, count: int) -> Tensor:
    """Latents (count x 16 x height/8 x width/8, bf16, as the encoder gives them) of the first `count` pictures."""
    path = run / f"latents-{width}x{height}.pt"
    if path.exists():
        stored = torch.load(path, weights_only=True)["latents"]
        if len(stored) >= count:
            return stored[:count]
    parts: list[Tensor] = []
    for start in range(0, count, BATCH):
        drawn = [picture(width, height, number) for number in range(start, min(start + BATCH, count))]
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            parts.append(encode(vae, pixels(drawn)).mean.to(torch.bfloat16))
    latents = torch.cat(parts)
    save(path, {"latents": latents})
    print(f"encoded {count} pictures of {width} x {height}", flush=True)
    return latents


class GrowingPool:
    """Latents of the pictures that `draw` gives for numbers, encoded chunk by chunk as training asks for them.

    Chunks are files in `folder` (fp16) and are read through memory maps; each is written in one rename.
    """

    def __init__(
        self, vae: AutoencoderKL, folder: Path, draw: Callable[[int], Image.Image], dtype: torch.dtype
    ) -> None:
        # Convolutions with few channels take half the time in this order on a CPU.
        self.vae = copy.deepcopy(vae).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.folder, self.draw, self.dtype = folder, draw, dtype
        self._chunks: dict[int, Tensor] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, numbers: list[int]) -> Tensor:
        """Latents (count x 16 x height/8 x width/8, fp32, as the encoder gives them)."""
        return torch.stack([self._chunk(number // CHUNK)[number % CHUNK] for number in numbers]).float()

    def _chunk(self, index: int) -> Tensor:
        if index not in self._chunks:
            path = self.folder / f"{index:05d}.npy"
            if not path.exists():
                part = path.with_suffix(".part")
                with part.open("wb") as file:
                    np.save(file, self._encoded(range(index * CHUNK, (index + 1) * CHUNK)))
                part.replace(path)
            self._chunks[index] = torch.from_numpy(np.load(path, mmap_mode="c"))
        return self._chunks[index]

    def _encoded(self, numbers: range) -> NDArray[np.float16]:
        parts: list[NDArray[np.float16]] = []
        device = next(self.vae.parameters()).device
        for start in range(numbers.start, numbers.stop, BATCH):
            drawn = [self.draw(number) for number in range(start, start + BATCH)]
            with torch.no_grad(), mixed_precision(device, self.dtype):
                mean = encode(self.vae, pixels(drawn).to(device, memory_format=torch.channels_last)).mean
            parts.append(mean.float().cpu().numpy().astype(np.float16))
        return np.concatenate(parts)


def norm_of(latents: Tensor) -> Norm:
    """Mean and spread over all values."""
    values = latents.float()
    return Norm(shift=round(float(values.mean()), 4), scale=round(1 / float(values.std()), 4))


def preview_fit(vae: AutoencoderKL, norm: Norm, count: int = 160) -> tuple[list[list[float]], list[float]]:
    """Least squares from the pipeline's latents to the mean colour (0..1) of their 8 x 8 pixels: 16 x 3, and 3."""
    drawn = [picture(256, 256, 10**6 + number) for number in range(count)]
    rows: list[Tensor] = []
    colours: list[Tensor] = []
    for start in range(0, count, BATCH):
        images = pixels(drawn[start : start + BATCH])
        with torch.no_grad():
            latents = (encode(vae, images).mean.float() - norm.shift) * norm.scale
        rows.append(latents.permute(0, 2, 3, 1).reshape(-1, 16))
        small = torch.nn.functional.avg_pool2d((images + 1) / 2, 8)
        colours.append(small.permute(0, 2, 3, 1).reshape(-1, 3))
    x = torch.cat(rows)
    x = torch.cat([x, torch.ones(len(x), 1)], 1)
    fit = torch.linalg.lstsq(x.double(), torch.cat(colours).double()).solution
    return fit[:16].tolist(), fit[16].tolist()
