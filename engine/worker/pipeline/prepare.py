"""How a sample begins, by its kind: from noise alone, from a picture, from a part of one, or tile by tile."""

from __future__ import annotations

import numpy as np
import torch

from engine.worker.adapters.loras import Loras
from engine.worker.edits import inpaint, super_resolution
from engine.worker.edits.inpaint import Part
from engine.worker.edits.super_resolution import Enlargement, SuperResolution
from engine.worker.edits.upscale import Anchor, TiledCanvas, tiles
from engine.worker.image import schedule
from engine.worker.image.pixels import cover, decode_source, to_tensor
from engine.worker.image.tokens import PATCH, padded
from engine.worker.image.vae import Vae
from engine.worker.pipeline import detail, variety
from engine.worker.pipeline.sample import Sample
from engine.worker.pipeline.text_encoder import Embeddings
from engine.worker.scheduling.scheduler import Expected
from protocol import geometry
from protocol.card import ModelCard
from protocol.messages import Generate
from protocol.request import ImageRequest, Kind

USUAL_CAPTION = 64  # tokens assumed of a prompt that is not encoded yet


class PictureTooLarge(Exception):
    """More pixels than the model's card allows."""

    def __init__(self, *, width: int, height: int, most: int) -> None:
        super().__init__(f"{width}x{height}, {most} a side allowed")
        self.width = width
        self.height = height
        self.most = most


def check_size(request: ImageRequest, card: ModelCard) -> None:
    """Raises TooLarge."""
    width, height = request.width, request.height
    if max(width, height) > card.max_side or width * height > card.max_pixels:
        raise PictureTooLarge(width=width, height=height, most=card.max_side)


def enlarging(order: Generate, k: int, model: SuperResolution, *, began: float) -> Sample:
    """A picture that a super-resolution model makes larger, without words and noise. Raises BadSource."""
    request, source = order.request, decode_source(order.source or b"")
    return Sample(
        order=order,
        k=k,
        caption=torch.empty(0),
        negative=None,
        latent=torch.empty(0),
        sigmas=(),
        enlargement=Enlargement(source, request.width, request.height, model),
        began=began,
    )


class Preparation:
    """Makes samples ready for their first step. `shift` is the schedule's."""

    def __init__(self, card: ModelCard, vae: Vae, embeddings: Embeddings, loras: Loras, *, shift: float) -> None:
        self._card = card
        self._vae = vae
        self._embeddings = embeddings
        self._loras = loras
        self._shift = shift
        self._device = embeddings.device

    @property
    def pixels_per_token(self) -> int:
        return (self._vae.factor * PATCH) ** 2

    def expected(self, order: Generate) -> list[Expected]:
        """What the pictures of an order will take, as far as the request tells: captions are not encoded yet."""
        request = order.request
        width, height, parts = request.width, request.height, 1
        if request.is_sharp:
            return [super_resolution.expected(request) for _ in order.wanted]
        if request.kind is Kind.UPSCALE:
            laid = tiles(width, height, self._card.native_pixels)
            width, height, parts = laid[0].width, laid[0].height, len(laid)
        if request.kind is Kind.INPAINT:
            box = geometry.expected(request, self._card.native_pixels)
            width, height = box.width, box.height
        tokens = padded(width * height // self.pixels_per_token) + USUAL_CAPTION
        left = (request.steps - request.first_step) * parts + request.detail_steps
        rows, lora_set = 2 if request.guidance > 0 else 1, self._loras.planned(request.loras)
        return [Expected(tokens=tokens, rows=rows, left=left, lora_set=lora_set) for _ in order.wanted]

    def of(self, order: Generate, k: int, *, began: float) -> Sample:
        """Picture k of an order. Raises TooManyTokens, BadSource, NothingToPaint, LoraGone, LoraProblem."""
        request = order.request
        sigmas = schedule.sigmas(request.steps, self._shift)
        sample = Sample(
            order=order,
            k=k,
            caption=self._embeddings.of(_words(request)),
            negative=self._embeddings.of(request.negative) if request.guidance > 0 else None,
            latent=torch.empty(0),
            sigmas=sigmas if request.kind is Kind.TEXT else sigmas[request.first_step :],
            detail=detail.sigmas(request, self._shift),
            lora_set=self._loras.loaded(request.loras),
            began=began,
        )
        if request.variety > 0:
            sample.early = variety.moved(sample.caption, request, sample.seed, reach=self._card.variety_reach)
        self._start(sample, torch.Generator().manual_seed(sample.seed))
        return sample

    def start_tile(self, sample: Sample) -> None:
        """Make the sample of an upscale ready for the first step of the tile that it has come to."""
        assert sample.canvas is not None
        tile = sample.canvas.tiles[sample.tile]
        encoded = self._vae.encode(to_tensor(sample.canvas.source_of(tile)))
        noise = sample.canvas.noise_of(tile)
        sample.anchor = Anchor(encoded=encoded[0].unsqueeze(1), noise=noise[0].unsqueeze(1))
        _start_from(sample, encoded, noise)

    def _start(self, sample: Sample, generator: torch.Generator) -> None:
        match sample.request.kind:
            case Kind.TEXT:
                sample.latent = self._noise(generator, sample.request)[0].unsqueeze(1)
            case Kind.IMAGE:
                self._start_picture(sample, generator)
            case Kind.INPAINT:
                self._start_part(sample, generator)
            case Kind.UPSCALE:
                self._lay_tiles(sample, generator)
                self.start_tile(sample)

    def _start_picture(self, sample: Sample, generator: torch.Generator) -> None:
        request = sample.request
        source = cover(decode_source(sample.order.source or b""), request.width, request.height)
        encoded = self._vae.encode(to_tensor(np.asarray(source)), generator)
        _start_from(sample, encoded, self._noise(generator, request))

    def _start_part(self, sample: Sample, generator: torch.Generator) -> None:
        """As ZImageInpaintPipeline begins, but that it encodes a second time what it then does not use."""
        canvas = inpaint.lay_out(sample.order, self._card.native_pixels)
        encoded = self._vae.encode(to_tensor(canvas.seen), generator)
        noise = self._noise(generator, sample.request, (canvas.box.width, canvas.box.height))
        free = canvas.free_below(self._vae.factor).to(self._device)
        sample.part = Part(canvas=canvas, encoded=encoded[0].unsqueeze(1), noise=noise[0].unsqueeze(1), free_below=free)
        _start_from(sample, encoded, noise)

    def _lay_tiles(self, sample: Sample, generator: torch.Generator) -> None:
        request = sample.request
        sample.canvas = TiledCanvas(
            decode_source(sample.order.source or b""),
            request.width,
            request.height,
            native_pixels=self._card.native_pixels,
            noise=self._noise(generator, request),
        )

    def _noise(
        self, generator: torch.Generator, request: ImageRequest, size: tuple[int, int] | None = None
    ) -> torch.Tensor:
        """(1, 16, height / 8, width / 8), fp32, drawn on the processor: the same on every device.

        `size` is the width and height that are painted where they are not the request's.
        """
        width, height = size or (request.width, request.height)
        shape = (1, self._vae.channels, height // self._vae.factor, width // self._vae.factor)

        def draw(seed: int) -> torch.Tensor:
            other = torch.Generator().manual_seed(seed)
            if request.kind in (Kind.IMAGE, Kind.INPAINT):
                self._vae.skip(shape, other)  # the picture was encoded before its noise was drawn
            return torch.randn(shape, generator=other, dtype=torch.float32)

        own = torch.randn(shape, generator=generator, dtype=torch.float32)
        return variety.turned(own, request.blend, draw).to(self._device)


def _words(request: ImageRequest) -> str:
    """What the caption says. Tiles are painted without words: each would show the whole wish once more."""
    return "" if request.kind is Kind.UPSCALE else request.painted_prompt


def _start_from(sample: Sample, encoded: torch.Tensor, noise: torch.Tensor) -> None:
    sample.latent = schedule.noised(encoded, noise, sample.sigmas[0])[0].unsqueeze(1)
    sample.position = 0
    sample.estimate = None
