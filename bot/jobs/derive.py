"""Wishes made from finished jobs: again, varied, larger, changed. Pure."""

from __future__ import annotations

import msgspec

from bot.jobs.compose import Wish, refitted
from bot.jobs.job import Job, Picture
from engine.protocol import ImageRequest, Kind, ModelCard


def rerolled(old: Job, *, card: ModelCard, seed: int) -> ImageRequest:
    """The same from another seed; at the loaded model's size where that is another model."""
    request = old.request.rerolled(seed=seed)
    return request if old.model_id == card.id else refitted(request, card)


def varied(old: Job, picture: Picture, *, card: ModelCard, seed: int) -> ImageRequest:
    """New pictures that start from this one, at the model's own size even where it was made larger."""
    return refitted(old.request.varied(source=picture.blob, seed=seed), card)


def upscaled(old: Job, picture: Picture) -> ImageRequest:
    """This picture twice as large, with the seed that painted it."""
    sized = msgspec.structs.replace(old.request, width=picture.width, height=picture.height)
    return sized.upscaled(source=picture.blob, seed=picture.seed)


def merged(old: ImageRequest, wish: Wish) -> Wish:
    """The wish with the old request in its gaps, but for the seed: a gap there draws a new one.

    Guidance stays a gap where a new negative prompt has to turn it on. `source` holds new bytes only: an old source
    is known by its name.
    """
    negative = old.negative if wish.negative is None else wish.negative
    keeps_guidance = wish.guidance is None and (old.guidance > 0 or not negative.strip())
    starts_from_picture = wish.source is not None or old.source is not None
    old_strength = old.strength if starts_from_picture and old.kind is Kind.IMAGE else None
    return Wish(
        prompt=wish.prompt,
        shape=wish.shape or (old.shape if wish.source is None else None),
        seed=wish.seed,
        count=wish.count or old.count,
        steps=wish.steps or old.steps,
        guidance=old.guidance if keeps_guidance else wish.guidance,
        negative=negative,
        source=wish.source,
        strength=old_strength if wish.strength is None else wish.strength,
    )
