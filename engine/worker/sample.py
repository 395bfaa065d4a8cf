"""One picture being painted: what its next step needs, and how far it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch

from engine.protocol import Generate, ImageRequest
from engine.worker.codec import Exposure
from engine.worker.upscale import Canvas

PATCH = 2  # latent pixels a token spans on each side
MULTIPLE = 32  # the transformer pads picture and caption each to a multiple of this


@dataclass(kw_only=True, slots=True)
class Sample:
    """One picture being painted. Changes at each step, and only in the torch thread; hence not frozen."""

    order: Generate
    k: int
    caption: torch.Tensor  # (tokens, width)
    negative: torch.Tensor | None  # under guidance
    latent: torch.Tensor  # (16, 1, height / 8, width / 8), fp32
    sigmas: tuple[float, ...]  # from this sample's first noise level down to 0
    canvas: Canvas | None = None  # of an upscale, which is painted tile by tile
    tile: int = 0
    position: int = 0
    estimate: torch.Tensor | None = None  # the finished latent as it looked after the last step
    began: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def job(self) -> str:
        return self.order.job

    @property
    def request(self) -> ImageRequest:
        return self.order.request

    @property
    def seed(self) -> int:
        return self.request.seed_of(self.k)

    @property
    def steps(self) -> int:
        """Steps of this sample, those done included."""
        return len(self.sigmas) - 1

    @property
    def progress(self) -> int:
        """Steps done of `work`."""
        return self.tile * self.steps + self.position

    @property
    def work(self) -> int:
        """Steps of the whole picture: those of all its tiles under an upscale."""
        return self.steps * (len(self.canvas.tiles) if self.canvas else 1)

    @property
    def done(self) -> bool:
        return self.position == self.steps

    @property
    def left(self) -> int:
        return self.work - self.progress

    @property
    def lengths(self) -> list[tuple[int, int]]:
        """Padded tokens of picture and caption, of each row that this sample takes in a forward."""
        _, _, height, width = self.latent.shape
        captions = [self.caption] if self.negative is None else [self.caption, self.negative]
        return [(padded(height * width // PATCH**2), padded(len(caption))) for caption in captions]

    @property
    def tokens(self) -> int:
        return max(picture + caption for picture, caption in self.lengths)

    @property
    def rows(self) -> int:
        return len(self.lengths)

    def spent(self, stage: str, since: float) -> None:
        """Add the seconds since `since` to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - since


@dataclass(frozen=True, kw_only=True, slots=True)
class Developing:
    """A sample after its last step, while its pixels are on their way."""

    sample: Sample
    exposure: Exposure
    began: float  # seconds of perf_counter


def padded(tokens: int) -> int:
    """As many as the transformer computes for them."""
    return -(-tokens // MULTIPLE) * MULTIPLE
