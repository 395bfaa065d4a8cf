"""One picture being painted: what its next step needs, and how far it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch

from engine.worker.adapters.controlnet import Guide
from engine.worker.adapters.loras import NO_LORAS, LoraSet
from engine.worker.edits import super_resolution
from engine.worker.edits.inpaint import Part
from engine.worker.edits.super_resolution import Enlargement
from engine.worker.edits.upscale import Anchor, TiledCanvas
from engine.worker.image import schedule
from engine.worker.image.pixels import Pixels
from engine.worker.image.tokens import PATCH, padded
from engine.worker.image.vae import PendingPixels
from engine.worker.pipeline import variety
from protocol.messages import Generate
from protocol.request import ImageRequest


@dataclass(kw_only=True, slots=True)
class Sample:
    """One picture being painted. Changes at each step, and only in the torch thread; hence not frozen."""

    order: Generate
    k: int
    caption: torch.Tensor  # (tokens, width)
    negative: torch.Tensor | None  # under guidance
    latent: torch.Tensor  # (16, 1, height / 8, width / 8), fp32
    sigmas: tuple[float, ...]  # from this sample's first noise level down to 0
    part: Part | None = None  # of a picture of which not everything is painted
    canvas: TiledCanvas | None = None  # of an upscale, which is painted tile by tile
    tile: int = 0
    anchor: Anchor | None = None  # of that tile
    enlargement: Enlargement | None = None  # of an upscale by a model for that alone; its steps are tiles
    detail: tuple[float, ...] = ()  # noise levels of the pass for fine detail, while it is to come
    before: int = 0  # steps done before that pass
    lora_set: LoraSet = NO_LORAS
    guide: Guide | None = None
    position: int = 0
    early: torch.Tensor | None = None  # what the first steps see instead of the caption, as many tokens
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
        return len(self.sigmas) - 1 if self.enlargement is None else len(self.enlargement.tiles)

    @property
    def progress(self) -> int:
        """Steps done of `work`."""
        return self.before + self.tile * self.steps + self.position

    @property
    def work(self) -> int:
        """Steps of the whole picture: those of all its tiles under an upscale, and those for fine detail."""
        painting = self.before + self.steps * (len(self.canvas.tiles) if self.canvas else 1)
        return painting + max(0, len(self.detail) - 1)

    @property
    def under(self) -> Pixels | None:
        """The pixels that it is painted over, where it is a tile or a part of a picture."""
        if self.canvas is not None:
            return self.canvas.source_of(self.canvas.tiles[self.tile])
        return self.part.canvas.seen if self.part is not None else None

    @property
    def words(self) -> torch.Tensor:
        """The embedding that the next step sees."""
        if self.early is None or self.position >= variety.early_steps(self.steps):
            return self.caption
        return self.early

    @property
    def done(self) -> bool:
        return self.position == self.steps and not self.detail

    @property
    def left(self) -> int:
        return self.work - self.progress

    @property
    def lengths(self) -> list[tuple[int, int]]:
        """Padded tokens of picture and caption, of each row that this sample takes in a forward."""
        if self.enlargement is not None:
            return [(super_resolution.TOKENS, 0)]
        _, _, height, width = self.latent.shape
        captions = [self.caption] if self.negative is None else [self.caption, self.negative]
        return [(padded(height * width // PATCH**2), padded(len(caption))) for caption in captions]

    @property
    def tokens(self) -> int:
        return max(picture + caption for picture, caption in self.lengths)

    @property
    def rows(self) -> int:
        return len(self.lengths)

    def stepped(self, prediction: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Its latent and its estimate after the next step, given what the model says; it does not change yet."""
        sigma, following = self.sigmas[self.position], self.sigmas[self.position + 1]
        latent = schedule.euler(self.latent, -prediction, sigma, following)
        if self.part is not None:
            latent = self.part.blended(latent, following)
        if self.anchor is not None:
            latent = self.anchor.held(latent, following)
        return latent, schedule.estimate(self.latent, -prediction, sigma)

    def spent(self, stage: str, since: float) -> None:
        """Add the seconds since `since` to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - since


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingImage:
    """A sample after its last step, while its pixels are on their way."""

    sample: Sample
    pending: PendingPixels
    began: float  # seconds of perf_counter
