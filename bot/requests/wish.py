"""From a wish with gaps to a complete request: defaults, the model's abilities, the owner's ceilings. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from bot.jobs.errors import (
    EmptyPrompt,
    MaskOrRegion,
    MaskWithoutImage,
    NegativeWithoutGuidance,
    NotOffered,
    OutOfRange,
    PromptTooLong,
    StepsOverCeiling,
    StrengthWithoutImage,
    TooLarge,
    UnknownShape,
)
from bot.requests import control, loras
from bot.requests.control import Guide
from bot.requests.defaults import Tastes
from bot.requests.sizes import in_one_piece, is_partly_transparent, nearest_shape, png_size
from protocol.card import ModelCard
from protocol.request import (
    MAX_COUNT,
    MAX_GUIDANCE,
    MAX_PROMPT,
    SEED_RANGE,
    VARY_STRENGTH,
    ImageRequest,
    Kind,
    Lora,
    Margins,
    Region,
    Style,
)

LEAST_STRENGTH = 0.05

Given = TypeVar("Given", bound=float | None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a person said. None is a gap; `source` is their picture as PNG, `strength` how much is painted anew.

    `mask` (a PNG of the source's size) or `region` say where. `canvas` is the size in pixels, and `margins` what is
    new around the source, of a picture that is painted in part once more.
    """

    prompt: str
    shape: str | None = None
    seed: int | None = None
    count: int | None = None
    steps: int | None = None
    guidance: float | None = None
    negative: str | None = None
    source: bytes | None = None
    strength: float | None = None
    mask: bytes | None = None
    region: Region | None = None
    canvas: tuple[int, int] | None = None
    margins: Margins | None = None
    style: str | Style | None = None  # as typed, or as some request has it already
    enhance: bool | None = None
    quality: bool | None = None
    variety: float | None = None
    loras: tuple[Lora, ...] | None = None  # under the names that were typed
    control: Guide | None = None


def check(wish: Wish, card: ModelCard) -> None:
    """Raise what can be refused by looking at what was said, before any picture is fetched."""
    if wish.source is not None and not card.offers("image"):
        raise NotOffered(feature="image")
    if (wish.guidance or wish.negative is not None) and not card.offers("guidance"):
        raise NotOffered(feature="guidance")
    if wish.source is None:
        _refuse_without_image(wish)
    if wish.mask is not None and wish.region is not None:
        raise MaskOrRegion
    for feature, wanted in (
        ("inpaint", wish.mask is not None or wish.region is not None),
        ("style", wish.style),
        ("enhance", wish.enhance),
        ("quality", wish.quality),
        ("variety", wish.variety),
    ):
        if wanted and not card.offers(feature):
            raise NotOffered(feature=feature)
    loras.resolved(wish.loras or (), card)
    control.resolved(wish.control, card)


def _refuse_without_image(wish: Wish) -> None:
    if wish.strength is not None:
        raise StrengthWithoutImage
    if wish.mask is not None or wish.region is not None:
        raise MaskWithoutImage


def complete(
    wish: Wish,
    *,
    card: ModelCard,
    tastes: Tastes,
    most_steps: int,
    seed: int,
    source: str | None,
    mask: str | None = None,
) -> ImageRequest:
    """The request that this wish means. `seed` fills a gap; `source` and `mask` are SHA-256s of its pictures.

    Raises a refusal of the family Invalid.
    """
    prompt, negative = wish.prompt.strip(), (wish.negative or "").strip()
    if not prompt:
        raise EmptyPrompt
    for text in (prompt, negative):
        if len(text) > MAX_PROMPT:
            raise PromptTooLong(length=len(text), limit=MAX_PROMPT)
    if source is None:
        _refuse_without_image(wish)
    kind = Kind.TEXT if source is None else Kind.INPAINT if _is_in_part(wish, mask) else Kind.IMAGE
    shape = _shape(wish, card, tastes)
    width, height = _canvas(wish, card) if kind is Kind.INPAINT else card.shapes[shape]
    request = ImageRequest(
        prompt=prompt,
        negative=negative,
        shape=shape,
        width=width,
        height=height,
        steps=_within("steps", wish.steps, card.steps.min, card.steps.max) or _usual_steps(card, tastes, most_steps),
        guidance=_guidance(wish.guidance, negative, tastes.guidance),
        seed=_seed(wish.seed, seed),
        count=_within("count", wish.count, 1, MAX_COUNT) or tastes.count,
        kind=kind,
        source=source,
        strength=1.0 if source is None else _strength(wish.strength, kind),
        mask=mask,
        region=wish.region,
        margins=wish.margins,
        style=wish.style if isinstance(wish.style, Style) else None,
        enhance=_enhance(wish, card),
        quality=bool(wish.quality),
        variety=_variety(wish.variety, card, tastes),
        loras=loras.resolved(wish.loras or (), card),
        control=control.resolved(wish.control, card),
    )
    fits(request, card=card, most_steps=most_steps)
    return request


def fits(request: ImageRequest, *, card: ModelCard, most_steps: int) -> None:
    """Raise the refusal that a complete request meets with this model and under this ceiling."""
    if request.steps > most_steps:
        raise StepsOverCeiling(steps=request.steps, ceiling=most_steps)
    _within("steps", request.steps, card.steps.min, card.steps.max)
    for needed in request.features:
        if not card.offers(needed):
            raise NotOffered(feature=needed)
    loras.resolved(request.loras, card)
    control.known(request.control, card)
    side, pixels = max(request.width, request.height), request.width * request.height
    if side > card.max_side or pixels > card.max_pixels:
        raise TooLarge(width=request.width, height=request.height, most=card.max_side)


def refitted(request: ImageRequest, card: ModelCard) -> ImageRequest:
    """The same wish at the size that this model paints its shape in."""
    if request.shape not in card.shapes:
        raise UnknownShape(shape=request.shape, shapes=", ".join(card.shapes))
    width, height = card.shapes[request.shape]
    return msgspec.structs.replace(request, width=width, height=height)


def _shape(wish: Wish, card: ModelCard, tastes: Tastes) -> str:
    if wish.shape is not None:
        if wish.shape not in card.shapes:
            raise UnknownShape(shape=wish.shape, shapes=", ".join(card.shapes))
        return wish.shape
    if wish.source is not None:
        return nearest_shape(card, *png_size(wish.source))
    return tastes.shape if tastes.shape in card.shapes else next(iter(card.shapes))


def _is_in_part(wish: Wish, mask: str | None) -> bool:
    given = mask is not None or wish.region is not None or wish.canvas is not None
    return given or (wish.source is not None and is_partly_transparent(wish.source))


def _canvas(wish: Wish, card: ModelCard) -> tuple[int, int]:
    """A picture that is painted in part keeps its own size, but where it is told another or the model none such."""
    if wish.canvas is not None:
        return wish.canvas
    if wish.shape is not None or wish.source is None:
        return card.shapes[wish.shape or next(iter(card.shapes))]
    return in_one_piece(*png_size(wish.source), card)


def _usual_steps(card: ModelCard, tastes: Tastes, most_steps: int) -> int:
    return max(card.steps.min, min(tastes.steps or card.steps.default, card.steps.max, most_steps))


def _guidance(wished: float | None, negative: str, turned_on: float) -> float:
    """A negative prompt does nothing at guidance 0, so giving one turns guidance on."""
    if wished is None:
        return turned_on if negative else 0.0
    guidance = float(_within("guidance", wished, 0, MAX_GUIDANCE))
    if negative and guidance == 0:
        raise NegativeWithoutGuidance
    return guidance


def _enhance(wish: Wish, card: ModelCard) -> bool:
    """Quality brings it along where there is such a thing, unless somebody says no."""
    if wish.enhance is not None:
        return wish.enhance
    return bool(wish.quality) and card.offers("enhance")


def _variety(wished: float | None, card: ModelCard, tastes: Tastes) -> float:
    if wished is None:
        return tastes.variety if card.offers("variety") else 0.0
    return _within("variety", wished, 0, 1)


def _strength(wished: float | None, kind: Kind) -> float:
    if wished is None:
        return 1.0 if kind is Kind.INPAINT else VARY_STRENGTH
    return _within("strength", wished, LEAST_STRENGTH, 1)


def _seed(wished: int | None, drawn: int) -> int:
    return drawn % SEED_RANGE if wished is None else _within("seed", wished, 0, SEED_RANGE - 1)


def _within(name: str, value: Given, least: float, most: float) -> Given:
    """What was given, where it lies within its bounds. Raises OutOfRange."""
    if value is not None and not least <= value <= most:
        raise OutOfRange(name=name, value=value, least=least, most=most)
    return value
