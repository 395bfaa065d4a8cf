"""Wishes made from finished jobs: again, varied, larger, changed. Pure."""

from __future__ import annotations

from functools import partial
from typing import Protocol

import msgspec

from bot.jobs.errors import NotOffered
from bot.jobs.job import Job, Picture
from bot.requests.control import Guide
from bot.requests.wish import Wish, refitted
from protocol.card import ModelCard
from protocol.request import VARY_STRONG, VARY_SUBTLE, ImageRequest, Kind, Upscaler


class Continue(Protocol):
    """Makes a request from a finished picture and a fresh seed. May raise refusals."""

    def __call__(self, old: Job, picture: Picture, *, card: ModelCard, seed: int) -> ImageRequest: ...


def rerolled(old: Job, *, card: ModelCard, seed: int) -> ImageRequest:
    """The same from another seed; at the loaded model's size where that is another model."""
    request = old.request.rerolled(seed=seed)
    keeps_size = old.model_id == card.id or request.kind is Kind.INPAINT
    return request if keeps_size else refitted(request, card)


def varied(old: Job, picture: Picture, *, card: ModelCard, seed: int) -> ImageRequest:
    """New pictures that start from this one, at the model's own size even where it was made larger."""
    return refitted(old.request.varied(source=picture.blob, seed=seed), card)


def near(old: Job, picture: Picture, *, card: ModelCard, seed: int, amount: float) -> ImageRequest:
    """Pictures of the same words whose noise lies `amount` of the way from a new seed's to this picture's own.

    Raises NotOffered where that noise would not paint it: for another model, or for a picture that was made larger.
    """
    if old.model_id != card.id or old.request.kind is Kind.UPSCALE:
        raise NotOffered(feature="variety")
    return old.request.near(picture=picture.seed, seed=seed, amount=amount)


def upscaled(
    old: Job, picture: Picture, *, card: ModelCard, seed: int, upscaler: Upscaler = Upscaler.SUBTLE
) -> ImageRequest:
    """This picture twice as large, with the seed that painted it."""
    del card, seed
    sized = msgspec.structs.replace(old.request, width=picture.width, height=picture.height)
    return sized.upscaled(source=picture.blob, seed=picture.seed, upscaler=upscaler)


VARY: dict[str, Continue] = {
    "vary-subtle": partial(near, amount=VARY_SUBTLE),
    "vary-strong": partial(near, amount=VARY_STRONG),
}
UPSCALE: dict[str, Continue] = {
    f"upscale-{upscaler}": partial(upscaled, upscaler=upscaler) for upscaler in (Upscaler.CREATIVE, Upscaler.SHARP)
}


def written_out(old: ImageRequest, request: ImageRequest) -> ImageRequest:
    """A changed request with what was written out before, where that was of the same words."""
    if not request.enhance or (request.prompt, request.style) != (old.prompt, old.style):
        return request
    return msgspec.structs.replace(request, enhanced=old.enhanced)


def merged(old: ImageRequest, wish: Wish) -> Wish:
    """The wish with the old request in its gaps, but for the seed: a gap there draws a new one.

    Guidance stays a gap where a new negative prompt has to turn it on. `source` holds new bytes only: an old source
    is known by its name.
    """
    negative = old.negative if wish.negative is None else wish.negative
    keeps_guidance = wish.guidance is None and (old.guidance > 0 or not negative.strip())
    starts_from_picture = wish.source is not None or old.source is not None
    old_strength = old.strength if starts_from_picture and old.kind in (Kind.IMAGE, Kind.INPAINT) else None
    in_part = old.kind is Kind.INPAINT and wish.source is None
    return Wish(
        prompt=wish.prompt,
        shape=old.shape if in_part else wish.shape or (old.shape if wish.source is None else None),
        seed=wish.seed,
        count=wish.count or old.count,
        steps=wish.steps or old.steps,
        guidance=old.guidance if keeps_guidance else wish.guidance,
        negative=negative,
        source=wish.source,
        strength=old_strength if wish.strength is None else wish.strength,
        region=old.region if in_part else wish.region,
        canvas=(old.width, old.height) if in_part else None,
        margins=old.margins if in_part else None,
        style=old.style if wish.style is None else wish.style,
        enhance=old.enhance if wish.enhance is None else wish.enhance,
        quality=old.quality if wish.quality is None else wish.quality,
        variety=old.variety if wish.variety is None else wish.variety,
        loras=old.loras if wish.loras is None else wish.loras,
        control=wish.control or Guide.of(old.control),
    )
