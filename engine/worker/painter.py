"""Begin, step and finish samples over the parts of a diffusers model. Knows no jobs' order, sockets or files.

Every number of a picture depends on its own request and seed alone, never on what shares its forward.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from engine.protocol import Generate, ImageRequest, Kind, ModelCard
from engine.worker import denoise, guard, images
from engine.worker.codec import Codec
from engine.worker.embeddings import Embeddings
from engine.worker.guard import FlatPicture
from engine.worker.images import Pixels
from engine.worker.loading import Parts
from engine.worker.memory import Place, Policy, Resident, Visiting, free_memory, weight_bytes
from engine.worker.upscale import Canvas

PATCH = 2  # latent pixels a token spans on each side
ROPE_RESERVE = 33  # positions of the first axis that padding to 32 and the picture itself may take

log = logging.getLogger(__name__)


class TooLarge(Exception):
    """More pixels than the model's card allows."""

    def __init__(self, *, width: int, height: int, most: int) -> None:
        super().__init__(f"{width}x{height}, {most} a side allowed")
        self.width = width
        self.height = height
        self.most = most


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
    def tokens(self) -> int:
        _, _, height, width = self.latent.shape
        return height * width // PATCH**2 * (1 if self.negative is None else 2)

    def spent(self, stage: str, since: float) -> None:
        """Add the seconds since `since` to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - since


class Painter:
    """A loaded model that paints samples."""

    def __init__(self, parts: Parts, place: Place) -> None:
        self.place = place
        self.policy = place.policy(weight_bytes(parts.transformer, parts.text_encoder, parts.vae))
        self.transformer: Any = parts.transformer
        self.transformer.to(place.device)
        self.codec = Codec(parts.vae)
        self.codec.vae.to(place.device)
        if self.policy is Policy.RESIDENT:
            encoder = Resident(parts.text_encoder, place.device)
        else:
            encoder = Visiting(parts.text_encoder, self.transformer, place.device, lambda: free_memory(place.device))
        self.embeddings = Embeddings(
            tokenizer=parts.tokenizer,
            encoder=encoder,
            limit=min(parts.card.prompt_tokens, self.transformer.config.axes_lens[0] - ROPE_RESERVE),
            device=place.device,
        )
        self.card = parts.card
        self._shift = parts.shift
        self._matrix, self._bias = self._preview_colours(parts.card)

    @torch.inference_mode()
    def begin(self, order: Generate, k: int) -> Sample:
        """Picture k of an order before its first step. Raises TooManyTokens, TooLarge, BadSource."""
        began = time.perf_counter()
        request = order.request
        self._check_size(request)
        sample = Sample(
            order=order,
            k=k,
            caption=self.embeddings.of(request.prompt),
            negative=self.embeddings.of(request.negative) if request.guidance > 0 else None,
            latent=torch.empty(0),
            sigmas=denoise.sigmas(request.steps, self._shift),
            began=began,
        )
        generator = torch.Generator().manual_seed(sample.seed)
        if request.kind is Kind.TEXT:
            sample.latent = self._noise(generator, request)[0].unsqueeze(1)
        else:
            sample.sigmas = sample.sigmas[request.first_step :]
            source = images.decode_source(order.source or b"")
            if request.kind is Kind.IMAGE:
                pixels = np.asarray(images.cover(source, request.width, request.height))
                encoded = self.codec.encode(images.to_tensor(pixels), generator)
                self._start_from(sample, encoded, self._noise(generator, request))
            else:
                sample.canvas = Canvas(
                    source,
                    request.width,
                    request.height,
                    native_pixels=self.card.native_pixels,
                    noise=self._noise(generator, request),
                )
                self._start_tile(sample)
        sample.spent("encode", began)
        return sample

    @torch.inference_mode()
    def step(self, samples: Sequence[Sample]) -> None:
        """One step of each sample, all in one forward; sizes, captions and times may differ."""
        began = time.perf_counter()
        guided = [sample for sample in samples if sample.negative is not None]
        everyone = [*samples, *guided]
        captions = [sample.caption for sample in samples]
        captions += [sample.negative for sample in guided if sample.negative is not None]
        dtype = self.transformer.dtype
        outputs = self.transformer(
            [sample.latent.to(dtype) for sample in everyone],
            torch.stack([denoise.model_time(sample.sigmas[sample.position]) for sample in everyone]).to(
                self.place.device
            ),
            captions,
            return_dict=False,
        )[0]
        positive = [output.float() for output in outputs[: len(samples)]]
        negative = {id(s): output.float() for s, output in zip(guided, outputs[len(samples) :], strict=True)}
        for sample, prediction in zip(samples, positive, strict=True):
            if id(sample) in negative:
                prediction = denoise.guided(prediction, negative[id(sample)], sample.request.guidance)
            sigma, following = sample.sigmas[sample.position], sample.sigmas[sample.position + 1]
            sample.estimate = denoise.estimate(sample.latent, -prediction, sigma)
            sample.latent = denoise.euler(sample.latent, -prediction, sigma, following)
            sample.position += 1
            sample.spent("denoise", began)

    @torch.inference_mode()
    def finish(self, sample: Sample) -> Pixels | Sample:
        """The pixels of a sample after its last step, or under an upscale the sample of the next tile.

        Raises FlatPicture.
        """
        pixels = self._decode(sample)
        if guard.broken(sample.latent, pixels):
            pixels = self._repaint(sample)
        if sample.canvas is None:
            return pixels
        sample.canvas.paste(sample.canvas.tiles[sample.tile], pixels)
        if sample.tile + 1 == len(sample.canvas.tiles):
            return sample.canvas.pixels
        following = replace(sample, tile=sample.tile + 1)
        self._start_tile(following)
        return following

    @torch.inference_mode()
    def preview(self, samples: Sequence[Sample]) -> list[Pixels]:
        """How the samples look so far, one pixel per latent position."""
        return [self._preview(sample) for sample in samples]

    def _preview(self, sample: Sample) -> Pixels:
        if sample.canvas is not None:
            return images.thumbnail(sample.canvas.pixels, self.codec.factor)
        seen = sample.latent if sample.estimate is None else sample.estimate
        return images.preview_pixels(seen.squeeze(1), self._matrix, self._bias)

    def _check_size(self, request: ImageRequest) -> None:
        most = self.card.max_side
        if max(request.width, request.height) > most or request.width * request.height > self.card.max_pixels:
            raise TooLarge(width=request.width, height=request.height, most=most)

    def _noise(self, generator: torch.Generator, request: ImageRequest) -> torch.Tensor:
        """(1, 16, height / 8, width / 8), fp32, drawn on the processor: the same on every device."""
        channels = self.transformer.config.in_channels
        shape = (1, channels, request.height // self.codec.factor, request.width // self.codec.factor)
        return torch.randn(shape, generator=generator, dtype=torch.float32).to(self.place.device)

    def _decode(self, sample: Sample) -> Pixels:
        began = time.perf_counter()
        pixels = self.codec.decode(sample.latent.squeeze(1)[None])
        sample.spent("decode", began)
        return pixels

    def _start_from(self, sample: Sample, encoded: torch.Tensor, noise: torch.Tensor) -> None:
        sample.latent = denoise.noised(encoded, noise, sample.sigmas[0])[0].unsqueeze(1)
        sample.position = 0
        sample.estimate = None

    def _start_tile(self, sample: Sample) -> None:
        assert sample.canvas is not None
        tile = sample.canvas.tiles[sample.tile]
        encoded = self.codec.encode(images.to_tensor(sample.canvas.source_of(tile)))
        self._start_from(sample, encoded, sample.canvas.noise_of(tile))

    def _repaint(self, sample: Sample) -> Pixels:
        """Once more from the start in fp32. Raises FlatPicture when that is no better or not possible."""
        if self.place.dtype is torch.float32:
            raise FlatPicture
        log.warning("job=%s k=%d came out black or not finite; painting it again in fp32", sample.job, sample.k)
        with guard.full_precision(self.transformer, self.codec.vae):
            if sample.canvas is None:
                fresh = self.begin(sample.order, sample.k)
            else:
                fresh = replace(sample)
                self._start_tile(fresh)
            while not fresh.done:
                self.step([fresh])
            pixels = self._decode(fresh)
            if guard.broken(fresh.latent, pixels):
                raise FlatPicture
        return pixels

    def _preview_colours(self, card: ModelCard) -> tuple[torch.Tensor, torch.Tensor]:
        if any(value for row in card.latent_rgb for value in row):
            matrix, bias = torch.tensor(card.latent_rgb), torch.tensor(card.latent_rgb_bias)
        else:
            matrix, bias = self.codec.fit_preview()
        return matrix.to(self.place.device), bias.to(self.place.device)
