"""How a sample begins, by its kind: from noise alone, from a picture, from a part of one, or tile by tile."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import torch

from engine.worker.adapters.loras import Loras, LoraSet
from engine.worker.edits import inpaint, super_resolution
from engine.worker.edits.inpaint import Part
from engine.worker.edits.super_resolution import Enlargement, SuperResolution
from engine.worker.edits.upscale import TiledCanvas, tiles
from engine.worker.image import schedule
from engine.worker.image.pixels import cover, decode_source, to_tensor
from engine.worker.image.tokens import PATCH, padded
from engine.worker.image.vae import Vae
from engine.worker.pipeline import detail, variety
from engine.worker.pipeline.sample import Conditioning, EnlargedSample, PaintedSample, PartSample, TileSample
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


def enlarged(order: Generate, k: int, model: SuperResolution, *, began: float) -> EnlargedSample:
    """A picture that a super-resolution model makes larger, without words and noise. Raises BadSource."""
    request, source = order.request, decode_source(order.source or b"")
    enlargement = Enlargement(source, request.width, request.height, model)
    return EnlargedSample(order=order, k=k, enlargement=enlargement, began=began)


class _Shared(TypedDict):
    """What samples of every kind that the transformer paints are made with."""

    order: Generate
    k: int
    began: float
    conditioning: Conditioning
    lora_set: LoraSet
    sigmas: tuple[float, ...]
    detail: tuple[float, ...]


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
            box = geometry.expected(request, self._card.native_pixels, self._card.longest)
            width, height = box.width, box.height
        tokens = padded(width * height // self.pixels_per_token) + USUAL_CAPTION
        left = (request.steps - request.first_step) * parts + request.detail_steps
        rows, lora_set = 2 if request.guidance > 0 else 1, self._loras.planned(request.loras)
        return [Expected(tokens=tokens, rows=rows, left=left, lora_set=lora_set) for _ in order.wanted]

    def of(self, order: Generate, k: int, *, began: float) -> PaintedSample:
        """Picture k of an order. Raises TooManyTokens, BadSource, NothingToPaint, LoraGone, LoraProblem."""
        request = order.request
        sigmas = schedule.sigmas(request.steps, self._shift)
        shared = _Shared(
            order=order,
            k=k,
            began=began,
            conditioning=self._conditioning(request, request.seed_of(k)),
            lora_set=self._loras.loaded(request.loras),
            sigmas=sigmas if request.kind is Kind.TEXT else sigmas[request.first_step :],
            detail=detail.sigmas(request, self._shift),
        )
        generator = torch.Generator().manual_seed(request.seed_of(k))
        match request.kind:
            case Kind.TEXT:
                return PaintedSample(**shared, latent=self._noise(generator, request)[0].unsqueeze(1))
            case Kind.IMAGE:
                return self._from_picture(shared, generator)
            case Kind.INPAINT:
                return self._part(shared, generator)
            case Kind.UPSCALE:
                return self._first_tile(shared, generator)

    def _conditioning(self, request: ImageRequest, seed: int) -> Conditioning:
        caption = self._embeddings.of(_words(request))
        negative = self._embeddings.of(request.negative) if request.guidance > 0 else None
        early = caption
        if request.variety > 0:
            early = variety.moved(caption, request, seed, reach=self._card.variety_reach)
        return Conditioning(caption=caption, early=early, negative=negative)

    def _from_picture(self, shared: _Shared, generator: torch.Generator) -> PaintedSample:
        order, request = shared["order"], shared["order"].request
        source = cover(decode_source(order.source or b""), request.width, request.height)
        encoded = self._vae.encode(to_tensor(np.asarray(source)), generator)
        noise = self._noise(generator, request)
        return PaintedSample(**shared, latent=schedule.noised(encoded, noise, shared["sigmas"][0])[0].unsqueeze(1))

    def _part(self, shared: _Shared, generator: torch.Generator) -> PartSample:
        """As ZImageInpaintPipeline begins, but that it encodes a second time what it then does not use."""
        order = shared["order"]
        canvas = inpaint.lay_out(order, self._card.native_pixels, self._card.longest)
        encoded = self._vae.encode(to_tensor(canvas.seen), generator)
        noise = self._noise(generator, order.request, (canvas.box.width, canvas.box.height))
        free = canvas.free_below(self._vae.factor).to(self._device)
        part = Part(canvas=canvas, encoded=encoded[0].unsqueeze(1), noise=noise[0].unsqueeze(1), free_below=free)
        return PartSample(**shared, part=part, latent=part.noised(shared["sigmas"][0]))

    def _first_tile(self, shared: _Shared, generator: torch.Generator) -> TileSample:
        order, request = shared["order"], shared["order"].request
        canvas = TiledCanvas(
            decode_source(order.source or b""),
            request.width,
            request.height,
            native_pixels=self._card.native_pixels,
            noise=self._noise(generator, request),
        )
        anchor = canvas.anchor(canvas.tiles[0], self._vae)
        return TileSample(**shared, canvas=canvas, anchor=anchor, latent=anchor.noised(shared["sigmas"][0]))

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
    """What the caption says. Tiles are painted without words: each would show the whole prompt once more."""
    return "" if request.kind is Kind.UPSCALE else request.painted_prompt
