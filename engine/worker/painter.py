"""Begin, step and finish samples over the parts of a diffusers model. Knows no jobs' order, sockets or files.

Every number of a picture depends on its own request and seed alone, never on what shares its forward.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from math import isqrt
from typing import Any

import numpy as np
import torch

from engine.protocol import Generate, ImageRequest, Kind, ModelCard
from engine.worker import denoise, guard, images, memory, pace
from engine.worker.batch import Expected
from engine.worker.codec import Codec
from engine.worker.embeddings import Embeddings
from engine.worker.guard import FlatPicture
from engine.worker.haste import NATIVE, Attention, compile_blocks
from engine.worker.images import Pixels
from engine.worker.loading import Parts
from engine.worker.memory import Place, Policy
from engine.worker.pace import Pace
from engine.worker.placing import lend_encoder
from engine.worker.sample import MULTIPLE, PATCH, Developing, Sample, padded
from engine.worker.upscale import Canvas, tiles

ROPE_RESERVE = MULTIPLE + 1  # positions of the first axis that padding and the picture itself may take
USUAL_CAPTION = 64  # tokens assumed of a prompt that is not encoded yet

log = logging.getLogger(__name__)


class TooLarge(Exception):
    """More pixels than the model's card allows."""

    def __init__(self, *, width: int, height: int, most: int) -> None:
        super().__init__(f"{width}x{height}, {most} a side allowed")
        self.width = width
        self.height = height
        self.most = most


class Painter:
    """A loaded model that paints samples. `attention` is a name of `haste.BACKENDS`."""

    def __init__(self, parts: Parts, place: Place, *, attention: str = NATIVE, compiled: bool = False) -> None:
        self.place = place
        self.policy = parts.policy
        self.transformer: Any = parts.transformer
        self._attention = Attention(parts.transformer, attention)
        self._compiled = compiled and parts.policy.whole and place.device.type == "cuda"
        if self._compiled:
            compile_blocks(parts.transformer)
        vae: Any = parts.vae
        self.codec = Codec(vae.to(place.device), aside=parts.policy is Policy.RESIDENT, tile=parts.tile)
        self.embeddings = Embeddings(
            tokenizer=parts.tokenizer,
            encoder=lend_encoder(parts.text_encoder, self.transformer, parts.policy, place),
            limit=min(parts.card.prompt_tokens, self.transformer.config.axes_lens[0] - ROPE_RESERVE),
            device=place.device,
        )
        self.card = parts.card
        self._text_encoder = parts.text_encoder
        self._shift = parts.shift
        self._matrix, self._bias = self._preview_colours(parts.card)

    def expected(self, order: Generate) -> list[Expected]:
        """What the pictures of an order will take, as far as the request tells: captions are not encoded yet."""
        request = order.request
        width, height, parts = request.width, request.height, 1
        if request.kind is Kind.UPSCALE:
            laid = tiles(width, height, self.card.native_pixels)
            width, height, parts = laid[0].width, laid[0].height, len(laid)
        tokens = padded(width * height // self._pixels_per_token) + USUAL_CAPTION
        left = (request.steps - request.first_step) * parts
        return [Expected(tokens=tokens, rows=2 if request.guidance > 0 else 1, left=left) for _ in order.wanted]

    @torch.inference_mode()
    def measure(self) -> Pace:
        """Time forwards of noise, to know what sharing one gains on this device."""
        channels, width = self.transformer.config.in_channels, self.transformer.config.cap_feat_dim
        dtype, device = self.transformer.dtype, self.place.device

        def forward(rows: int, tokens: int, *, mixed: bool = False) -> float:
            side = isqrt(tokens)
            shape = (channels, 1, PATCH * side, PATCH * (tokens // side))
            pictures = [torch.randn(shape, dtype=dtype, device=device)] * rows
            captions = [torch.randn(pace.CAPTION, width, dtype=dtype, device=device)] * rows
            if mixed:
                captions[0] = captions[0].repeat(2, 1)
            self._attention.before((tokens, len(caption)) for caption in captions)
            memory.wait_for(device)
            began = time.perf_counter()
            self.transformer(pictures, torch.zeros(rows, device=device), captions, return_dict=False)
            memory.wait_for(device)
            return time.perf_counter() - began

        if self._compiled:
            forward(2, 4 * pace.CAPTION, mixed=True)  # the graphs with a mask; the others are made while measuring
        try:
            return pace.measured(forward, self.card.native_pixels // self._pixels_per_token)
        except (torch.OutOfMemoryError, MemoryError):
            memory.release(device)
            return pace.UNMEASURED

    @property
    def _pixels_per_token(self) -> int:
        return (self.codec.factor * PATCH) ** 2

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
        """One step of each sample, all in one forward; sizes, captions and times may differ. Of all or of none."""
        began = time.perf_counter()
        guided = [sample for sample in samples if sample.negative is not None]
        everyone = [*samples, *guided]
        captions = [sample.caption for sample in samples]
        captions += [sample.negative for sample in guided if sample.negative is not None]
        times = torch.stack([denoise.model_time(sample.sigmas[sample.position]) for sample in everyone])
        latents = [sample.latent.to(self.transformer.dtype) for sample in everyone]
        self._attention.before(row for sample in samples for row in sample.lengths)
        outputs = self.transformer(latents, times.to(self.place.device), captions, return_dict=False)[0]
        negative = {id(s): output.float() for s, output in zip(guided, outputs[len(samples) :], strict=True)}
        moved: list[tuple[torch.Tensor, torch.Tensor]] = []
        for sample, output in zip(samples, outputs, strict=False):
            prediction = output.float()
            if id(sample) in negative:
                prediction = denoise.guided(prediction, negative[id(sample)], sample.request.guidance)
            sigma, following = sample.sigmas[sample.position], sample.sigmas[sample.position + 1]
            latent = denoise.euler(sample.latent, -prediction, sigma, following)
            moved.append((latent, denoise.estimate(sample.latent, -prediction, sigma)))
        for sample, (latent, estimate) in zip(samples, moved, strict=True):
            sample.latent, sample.estimate = latent, estimate
            sample.position += 1
            sample.spent("denoise", began)

    @torch.inference_mode()
    def develop(self, sample: Sample) -> Developing:
        """Begin to turn a sample into pixels after its last step."""
        began = time.perf_counter()
        return Developing(sample=sample, exposure=self.codec.decode(sample.latent.squeeze(1)[None]), began=began)

    @torch.inference_mode()
    def following(self, sample: Sample) -> Sample | None:
        """Under an upscale the sample of the next tile, if there is one. Needs no pixels of this one."""
        if sample.canvas is None or sample.tile + 1 == len(sample.canvas.tiles):
            return None
        successor = replace(sample, tile=sample.tile + 1)
        self._start_tile(successor)
        return successor

    @torch.inference_mode()
    def finish(self, developing: Developing) -> Pixels | None:
        """The finished picture; None after a tile that is not the last. Waits for the pixels. Raises FlatPicture."""
        sample = developing.sample
        pixels, finite = developing.exposure.wait()
        sample.spent("decode", developing.began)
        if guard.broken(pixels, finite):
            pixels = self._repaint(sample)
        if sample.canvas is None:
            return pixels
        sample.canvas.paste(sample.canvas.tiles[sample.tile], pixels)
        return sample.canvas.pixels if sample.tile + 1 == len(sample.canvas.tiles) else None

    def make_room(self) -> None:
        """After a lack of memory: from now on the VAE works in small tiles, and the text encoder visits."""
        self.codec.tile(memory.TILE)
        if self.policy is Policy.RESIDENT and self.place.device.type == "cuda":
            self.policy = Policy.ENCODER_EVICTED
            self.embeddings.encoder = lend_encoder(self._text_encoder, self.transformer, self.policy, self.place)
        memory.release(self.place.device)
        log.warning("out of memory; the policy is %s now, and the VAE works in tiles", self.policy)

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
        if self.place.dtype is torch.float32 or not self.policy.whole:
            raise FlatPicture
        log.warning("job=%s k=%d came out black or not finite; painting it again in fp32", sample.job, sample.k)
        memory.wait_for(self.place.device)  # others may be in the VAE, whose weights are about to move
        with guard.full_precision(self.transformer, self.codec.vae):
            if sample.canvas is None:
                fresh = self.begin(sample.order, sample.k)
            else:
                fresh = replace(sample)
                self._start_tile(fresh)
            while not fresh.done:
                self.step([fresh])
            pixels, finite = self.codec.decode(fresh.latent.squeeze(1)[None]).wait()
            if guard.broken(pixels, finite):
                raise FlatPicture
        return pixels

    def _preview_colours(self, card: ModelCard) -> tuple[torch.Tensor, torch.Tensor]:
        if any(value for row in card.latent_rgb for value in row):
            matrix, bias = torch.tensor(card.latent_rgb), torch.tensor(card.latent_rgb_bias)
        else:
            matrix, bias = self.codec.fit_preview()
        return matrix.to(self.place.device), bias.to(self.place.device)
