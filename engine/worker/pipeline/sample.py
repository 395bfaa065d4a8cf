"""One picture being painted: what its next step needs, and how far it is. A class for each way in which that is done.

What depends on the way is asked of the sample. Only `Pipeline.step` looks which class it has, to tell who shares the
forward of the transformer.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch

from engine.worker.adapters.controlnet import ControlNet, Guide
from engine.worker.adapters.loras import NO_LORAS, LoraSet
from engine.worker.edits import super_resolution
from engine.worker.edits.inpaint import Part
from engine.worker.edits.super_resolution import Enlargement
from engine.worker.edits.upscale import Anchor, TiledCanvas
from engine.worker.image import schedule
from engine.worker.image.pixels import Pixels, is_flat, thumbnail
from engine.worker.image.tokens import PATCH, padded
from engine.worker.image.vae import PendingPixels, Vae
from engine.worker.pipeline import variety
from protocol.messages import Generate
from protocol.request import Control, ImageRequest

LatentColours = Callable[[torch.Tensor], Pixels]  # (16, h, w) to one pixel for each position


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditioning:
    """What the transformer is told of a picture's words. Embeddings are (tokens, width)."""

    caption: torch.Tensor
    early: torch.Tensor  # what the first steps see, as many tokens: the caption, or with variety what it was moved to
    negative: torch.Tensor | None  # under guidance


@dataclass(kw_only=True, slots=True, eq=False)
class Sample(ABC):
    """One picture being painted. Changes at each step, and only in the torch thread; hence not frozen."""

    order: Generate
    k: int
    began: float  # seconds of perf_counter
    lora_set: LoraSet = NO_LORAS
    position: int = 0
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
    @abstractmethod
    def steps(self) -> int:
        """Steps of this sample, those done included."""

    @property
    def done(self) -> bool:
        return self.position == self.steps

    @property
    def progress(self) -> int:
        """Steps done of `work`."""
        return self.position

    @property
    def work(self) -> int:
        """Steps of the whole picture, of which this sample may be one tile."""
        return self.steps

    @property
    def left(self) -> int:
        return self.work - self.progress

    @property
    @abstractmethod
    def lengths(self) -> Sequence[tuple[int, int]]:
        """Padded tokens of picture and caption, of each row that this sample takes in a forward."""

    @property
    def tokens(self) -> int:
        return max(picture + caption for picture, caption in self.lengths)

    @property
    def rows(self) -> int:
        return len(self.lengths)

    @abstractmethod
    def preview(self, colours: LatentColours, factor: int) -> Pixels:
        """The whole picture as it looks so far, one pixel for `factor` a side."""

    @abstractmethod
    def decoded(self, vae: Vae) -> PendingPixels:
        """Its pixels after its last step, on their way."""

    @property
    @abstractmethod
    def may_be_flat(self) -> bool:
        """Whether one and the same colour everywhere can be what was wanted."""

    @abstractmethod
    def finished(self, pixels: Pixels) -> Pixels | None:
        """The whole picture, given what was decoded; None where more of it is to be painted."""

    def following(self, vae: Vae) -> Sample | None:
        """The sample that paints the next part of the same picture, if there is one. Needs no pixels of this one."""
        return None

    def begun_again(self, begin: Callable[[Generate, int], Sample], vae: Vae) -> Sample:
        """The same before its first step, with `begin` for what begins as it began. Raises what that raises."""
        return begin(self.order, self.k)

    def spent(self, stage: str, since: float) -> None:
        """Add the seconds since `since` to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - since


@dataclass(kw_only=True, slots=True, eq=False)
class PaintedSample(Sample):
    """One that the transformer paints. A whole picture, from noise or from another; the others hold some of it."""

    conditioning: Conditioning
    latent: torch.Tensor  # (16, 1, height / 8, width / 8), fp32
    sigmas: tuple[float, ...]  # from this sample's first noise level down to 0
    detail: tuple[float, ...] = ()  # noise levels of the pass for fine detail, while it is to come
    before: int = 0  # steps done before that pass
    guide: Guide | None = None  # with a ControlNet
    estimate: torch.Tensor = field(init=False)  # the finished latent as it looked after the last step

    def __post_init__(self) -> None:
        self.estimate = self.latent

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1

    @property
    def done(self) -> bool:
        return self.position == self.steps and not self.detail

    @property
    def progress(self) -> int:
        return self.before + self.position

    @property
    def work(self) -> int:
        return self.before + self.steps + max(0, len(self.detail) - 1)

    @property
    def lengths(self) -> Sequence[tuple[int, int]]:
        _, _, height, width = self.latent.shape
        told = self.conditioning
        captions = [told.caption] if told.negative is None else [told.caption, told.negative]
        return [(padded(height * width // PATCH**2), padded(len(caption))) for caption in captions]

    @property
    def words(self) -> torch.Tensor:
        """The embedding that the next step sees."""
        early = self.before == 0 and self.position < variety.early_steps(self.steps)
        return self.conditioning.early if early else self.conditioning.caption

    @property
    def may_be_flat(self) -> bool:
        return False

    def guided_by(self, net: ControlNet, control: Control) -> Guide | None:
        """What it follows where the request wants that. Raises BadControl."""
        return net.guide(self.order, control)

    def held(self, latent: torch.Tensor, sigma: float) -> torch.Tensor:
        """The latent at noise level `sigma` with what of its source stays."""
        return latent

    def stepped(self, prediction: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Its latent and its estimate after the next step, given what the model says; it does not change yet."""
        sigma, following = self.sigmas[self.position], self.sigmas[self.position + 1]
        latent = schedule.euler(self.latent, -prediction, sigma, following)
        return self.held(latent, following), schedule.estimate(self.latent, -prediction, sigma)

    def preview(self, colours: LatentColours, factor: int) -> Pixels:
        return colours(self.estimate.squeeze(1))

    def decoded(self, vae: Vae) -> PendingPixels:
        return vae.decode(self.latent.squeeze(1)[None])

    def finished(self, pixels: Pixels) -> Pixels | None:
        return pixels


@dataclass(kw_only=True, slots=True, eq=False)
class PartSample(PaintedSample):
    """A picture of which only a part is painted, in the window of its canvas."""

    part: Part

    @property
    def may_be_flat(self) -> bool:
        return is_flat(self.part.canvas.seen)

    def guided_by(self, net: ControlNet, control: Control) -> Guide | None:
        return net.guide(self.order, control, self.part.canvas.box)

    def held(self, latent: torch.Tensor, sigma: float) -> torch.Tensor:
        return self.part.blended(latent, sigma)

    def preview(self, colours: LatentColours, factor: int) -> Pixels:
        return self.part.canvas.preview(colours(self.estimate.squeeze(1)), factor)

    def finished(self, pixels: Pixels) -> Pixels | None:
        return self.part.canvas.composed(pixels)


@dataclass(kw_only=True, slots=True, eq=False)
class TileSample(PaintedSample):
    """One tile of a picture that is made larger. All tiles of a picture share its canvas."""

    canvas: TiledCanvas
    tile: int = 0
    anchor: Anchor

    @property
    def progress(self) -> int:
        return self.tile * self.steps + self.position

    @property
    def work(self) -> int:
        return len(self.canvas.tiles) * self.steps

    @property
    def may_be_flat(self) -> bool:
        return is_flat(self.canvas.source_of(self.canvas.tiles[self.tile]))

    def guided_by(self, net: ControlNet, control: Control) -> Guide | None:
        """Nothing: it has its source to follow."""
        return None

    def held(self, latent: torch.Tensor, sigma: float) -> torch.Tensor:
        return self.anchor.held(latent, sigma)

    def preview(self, colours: LatentColours, factor: int) -> Pixels:
        return thumbnail(self.canvas.pixels, factor)

    def finished(self, pixels: Pixels) -> Pixels | None:
        tile = self.canvas.tiles[self.tile]
        self.canvas.paste(tile, self.canvas.settled(tile, pixels))
        return self.canvas.pixels if self._is_last else None

    def following(self, vae: Vae) -> TileSample | None:
        return None if self._is_last else self.at(self.tile + 1, vae)

    def begun_again(self, begin: Callable[[Generate, int], Sample], vae: Vae) -> TileSample:
        """On the canvas as it is by now."""
        return self.at(self.tile, vae)

    def at(self, tile: int, vae: Vae) -> TileSample:
        """The same picture before the first step of this tile."""
        anchor = self.canvas.anchor(self.canvas.tiles[tile], vae)
        return replace(self, tile=tile, anchor=anchor, latent=anchor.noised(self.sigmas[0]), position=0)

    @property
    def _is_last(self) -> bool:
        return self.tile + 1 == len(self.canvas.tiles)


@dataclass(kw_only=True, slots=True, eq=False)
class EnlargedSample(Sample):
    """A picture made larger by a model for that alone: without words, noise or latent. Its steps are tiles."""

    enlargement: Enlargement

    @property
    def steps(self) -> int:
        return len(self.enlargement.tiles)

    @property
    def lengths(self) -> Sequence[tuple[int, int]]:
        return [(super_resolution.TOKENS, 0)]

    @property
    def may_be_flat(self) -> bool:
        return True  # as its source is

    def step(self) -> None:
        """Enlarge the next tile."""
        self.enlargement.step(self.position)
        self.position += 1

    def preview(self, colours: LatentColours, factor: int) -> Pixels:
        return thumbnail(self.enlargement.pixels, factor)

    def decoded(self, vae: Vae) -> PendingPixels:
        pixels = torch.from_numpy(self.enlargement.pixels)
        return PendingPixels(pixels=pixels, finite=torch.tensor(True), done=None)

    def finished(self, pixels: Pixels) -> Pixels | None:
        return pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingImage:
    """A sample after its last step, while its pixels are on their way."""

    sample: Sample
    pending: PendingPixels
    began: float  # seconds of perf_counter
