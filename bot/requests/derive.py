"""Requests made from finished jobs: again, varied, larger, on a larger canvas, changed. Pure.

Margins are multiples of 8 pixels, so that no position of the latent is half old and half new.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from typing import Protocol

import msgspec

from bot.jobs.errors import NothingToFinish, NotOffered, TooLarge
from bot.jobs.job import Job, Picture
from bot.requests.control import ControlChoice
from bot.requests.draft import AS_SAID, RequestDraft, allowed_steps, refitted
from bot.requests.sizes import TOKEN, around, in_one_piece, nearest_shape
from protocol.card import ModelCard
from protocol.request import VARY_STRONG, VARY_SUBTLE, ImageRequest, Kind, Margins, Region, Upscaler


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


def zoomed(old: Job, picture: Picture, *, card: ModelCard, seed: int, factor: float) -> ImageRequest:
    """The picture `factor` times smaller in the middle of a canvas of its own size."""
    width, height = in_one_piece(picture.width, picture.height, card)
    left, right = around(width, factor)
    top, bottom = around(height, factor)
    margins = Margins(left=left, top=top, right=right, bottom=bottom)
    return _outpainted(old, picture, card, seed, width, height, margins)


def panned(old: Job, picture: Picture, *, card: ModelCard, seed: int, side: Region) -> ImageRequest:
    """The picture as it is, with more on one side: half of it, or as much as is painted in one piece beside it.

    Raises TooLarge where the picture is too tall or too wide for that.
    """
    width, height = picture.width // TOKEN * TOKEN, picture.height // TOKEN * TOKEN
    sideways = side in (Region.LEFT, Region.RIGHT)
    along, across = (width, height) if sideways else (height, width)
    longest = max(max(shape) for shape in card.shapes.values())
    if across > longest:
        raise TooLarge(width=width, height=height, most=longest)
    more = max(TOKEN, min(along // 2, card.native_pixels // (2 * across)) // TOKEN * TOKEN)
    margins = Margins(**{side.value: more})
    if sideways:
        width += more
    else:
        height += more
    return _outpainted(old, picture, card, seed, width, height, margins)


ZOOM: dict[str, Continue] = {
    "zoom15": partial(zoomed, factor=1.5),
    "zoom2": partial(zoomed, factor=2.0),
}
PAN: dict[str, Continue] = {
    f"pan-{side}": partial(panned, side=side) for side in (Region.LEFT, Region.RIGHT, Region.TOP, Region.BOTTOM)
}


def _outpainted(
    old: Job, picture: Picture, card: ModelCard, seed: int, width: int, height: int, margins: Margins
) -> ImageRequest:
    request = old.request.outpainted(source=picture.blob, seed=seed, width=width, height=height, margins=margins)
    # The shape is what later variations are painted in.
    return msgspec.structs.replace(request, shape=nearest_shape(card, width, height))


def is_unfinished(old: Job, card: ModelCard, *, most_steps: int) -> bool:
    """Whether this model painted it, and would paint it in more steps where nobody says how many."""
    here = old.model_id == card.id and old.request.kind is not Kind.UPSCALE
    return here and old.request.steps < allowed_steps(card, None, most_steps)


def finished(old: Job, picture: Picture | None, *, card: ModelCard, most_steps: int) -> ImageRequest:
    """The same in as many steps as the model is made for: this picture, or all of them. Raises NothingToFinish."""
    if not is_unfinished(old, card, most_steps=most_steps):
        raise NothingToFinish
    request = old.request if picture is None else _alone(old, picture)
    return msgspec.structs.replace(request, steps=allowed_steps(card, None, most_steps))


def in_quality(old: Job, picture: Picture, *, card: ModelCard, seed: int) -> ImageRequest:
    """This picture once more, with the pass for fine detail. Raises NotOffered where it has had that."""
    del seed
    if old.model_id != card.id or old.request.quality or old.request.kind is Kind.UPSCALE:
        raise NotOffered(feature="quality")
    return msgspec.structs.replace(_alone(old, picture), quality=True)


def enhanced(old: Job, picture: Picture, *, card: ModelCard, seed: int) -> ImageRequest:
    """This picture's noise with its words written out. Raises NotOffered where they are so already."""
    del seed
    if old.model_id != card.id or old.request.enhance or old.request.kind is Kind.UPSCALE:
        raise NotOffered(feature="enhance")
    return msgspec.structs.replace(_alone(old, picture), enhance=True)


ANEW: dict[str, Continue] = {"quality": in_quality, "enhance": enhanced}


def _alone(old: Job, picture: Picture) -> ImageRequest:
    """What paints this picture of several, and nothing else."""
    return msgspec.structs.replace(old.request, seed=picture.seed, count=1)


def starts_from(picture: Picture, request: ImageRequest, old: ImageRequest) -> bool:
    """Whether a request that was made from the old one has this picture in it, by its pixels or by its noise."""
    return request.source == picture.blob or request.blend != old.blend


def repainted(old: Job, picture: Picture, *, card: ModelCard, prompt: str, region: Region) -> RequestDraft:
    """A part of this picture painted anew from these words; the rest stays as it is."""
    width, height = in_one_piece(picture.width, picture.height, card)
    part = RequestDraft(
        prompt=prompt,
        shape=nearest_shape(card, width, height),
        source=picture.blob,
        strength=1.0,
        region=region,
        size=(width, height),
    )
    return replace(merged(old.request, part), size=part.size)


def written_out(old: ImageRequest, request: ImageRequest) -> ImageRequest:
    """A changed request with what was written out before, where that was of the same words."""
    if not request.enhance or (request.prompt, request.style) != (old.prompt, old.style):
        return request
    return msgspec.structs.replace(request, enhanced=old.enhanced)


def merged(old: ImageRequest, draft: RequestDraft) -> RequestDraft:
    """The draft with the old request in its gaps, but for the seed: a gap there draws a new one.

    Guidance stays a gap where a new negative prompt has to turn it on. With a picture of its own a draft keeps nothing
    that was said of the old one.
    """
    kept = {name: getattr(old, name) for name in _KEPT if getattr(draft, name) is None}
    negative = old.negative if draft.negative is None else draft.negative
    keeps_guidance = draft.guidance is None and (old.guidance > 0 or not negative.strip())
    same_picture = draft.source is None
    in_part = old.kind is Kind.INPAINT and same_picture
    source = old.source if same_picture else draft.source
    had_strength = source is not None and old.kind in (Kind.IMAGE, Kind.INPAINT)
    return replace(
        draft,
        **kept,
        shape=old.shape if in_part else draft.shape or (old.shape if same_picture else None),
        guidance=old.guidance if keeps_guidance else draft.guidance,
        negative=negative,
        source=source,
        strength=old.strength if draft.strength is None and had_strength else draft.strength,
        mask=draft.mask or (old.mask if same_picture else None),
        region=old.region if in_part else draft.region,
        size=(old.width, old.height) if in_part else None,
        margins=old.margins if in_part else None,
        control=draft.control or ControlChoice.of(old.control),
        as_said={name: getattr(old, name) for name in AS_SAID} | dict(draft.as_said),
    )


# What a draft and a request have both, and what the old request fills with no more to be thought about.
_KEPT = {field.name for field in fields(RequestDraft)} & {*ImageRequest.__struct_fields__} - {
    "prompt", "shape", "seed", "guidance", "negative", "source", "strength", "mask", "region", "margins", "control",
}  # fmt: skip
