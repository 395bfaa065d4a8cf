"""More of a finished picture: others near it, and ways of making it larger. Pure."""

from __future__ import annotations

from functools import partial

from bot.errors import NotOffered
from bot.jobs import derive
from bot.jobs.derive import Continue
from bot.jobs.job import Job, Picture
from engine.card import ModelCard
from engine.request import VARY_STRONG, VARY_SUBTLE, ImageRequest, Kind, Upscaler


def near(old: Job, picture: Picture, *, card: ModelCard, seed: int, amount: float) -> ImageRequest:
    """Pictures of the same words whose noise lies `amount` of the way from a new seed's to this picture's own.

    Raises NotOffered where that noise would not paint it: for another model, or for a picture that was made larger.
    """
    if old.model_id != card.id or old.request.kind is Kind.UPSCALE:
        raise NotOffered(feature="variety")
    return old.request.near(picture=picture.seed, seed=seed, amount=amount)


def enlarged(old: Job, picture: Picture, *, card: ModelCard, seed: int, upscaler: Upscaler) -> ImageRequest:
    """This picture twice as large, with the seed that painted it."""
    del card, seed
    return derive.upscaled(old, picture, upscaler)


VARY: dict[str, Continue] = {
    "vary-subtle": partial(near, amount=VARY_SUBTLE),
    "vary-strong": partial(near, amount=VARY_STRONG),
}
UPSCALE: dict[str, Continue] = {
    f"upscale-{upscaler}": partial(enlarged, upscaler=upscaler) for upscaler in (Upscaler.CREATIVE, Upscaler.SHARP)
}
