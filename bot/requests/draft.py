"""From a draft with gaps to a complete request: defaults, the model's abilities, the owner's ceilings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from bot.jobs.errors import (
    EmptyPrompt,
    MaskOrRegion,
    MaskWithoutImage,
    NegativeWithoutGuidance,
    NotOffered,
    OutOfRange,
    PromptTooLong,
    SizeUnfit,
    StepsOverCeiling,
    StrengthWithoutImage,
    TooLarge,
    UnknownShape,
)
from bot.requests import control, loras
from bot.requests.control import ControlChoice
from bot.requests.defaults import PictureDefaults
from bot.requests.sizes import in_one_piece, is_partly_transparent, nearest_shape, png_size, size_of
from bot.requests.words import trimmed
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


Pictures = Mapping[str, bytes]  # PNGs by the field of a request that they are for: source, mask, control
NO_PICTURES: Pictures = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestDraft:
    """What a person said. None is a gap.

    `source` and `mask` are SHA-256s of pictures that are stored, or UNSTORED for those that come along; `mask` (of the
    source's size) or `region` say which part is painted anew, and `strength` how much. `size` in pixels, and `margins`
    that are new around the source, are those of a picture that is painted in part once more.
    """

    prompt: str
    shape: str | None = None
    seed: int | None = None
    count: int | None = None
    steps: int | None = None
    guidance: float | None = None
    negative: str | None = None
    source: str | None = None
    strength: float | None = None
    mask: str | None = None
    region: Region | None = None
    size: tuple[int, int] | None = None
    margins: Margins | None = None
    style: str | Style | None = None  # as typed, or as some request has it already
    enhance: bool | None = None
    variety: float | None = None
    loras: tuple[Lora, ...] | None = None  # under the names that were typed
    control: ControlChoice | None = None
    as_said: Mapping[str, Any] = field(default_factory=dict[str, Any])  # fields of the request that need no rule here


# Fields of a request that are taken over as they were said: all but those of a draft, and those that nobody says.
AS_SAID = tuple(
    name
    for name in ImageRequest.__struct_fields__
    if name not in {field.name for field in fields(RequestDraft)}
    and name not in ("width", "height", "kind", "upscaler", "blend", "enhanced")
)


def complete(
    draft: RequestDraft,
    *,
    card: ModelCard,
    defaults: PictureDefaults,
    most_steps: int,
    seed: int,
    pictures: Pictures = NO_PICTURES,
) -> ImageRequest:
    """The request that this draft means. `seed` fills a gap; `pictures` are those that come along.

    Without them it is what can be told before they are fetched: they are taken for square, and for solid.
    Raises a refusal of the family Invalid; `fits` says the rest.
    """
    source = pictures.get("source")
    prompt, negative = trimmed(draft.prompt), trimmed(draft.negative or "")
    if not prompt:
        raise EmptyPrompt
    for text in (prompt, negative):
        if len(text) > MAX_PROMPT:
            raise PromptTooLong(length=len(text), limit=MAX_PROMPT)
    _check_parts(draft)
    kind = _kind(draft, source)
    shape = _shape(draft, source, card, defaults)
    width, height = _size(draft, source, card) if kind is Kind.INPAINT else size_of(shape, card)
    return ImageRequest(
        prompt=prompt,
        negative=negative,
        shape=shape,
        width=width,
        height=height,
        steps=_within("steps", draft.steps, card.steps.min, card.steps.max)
        or allowed_steps(card, defaults.steps, most_steps),
        guidance=_guidance(draft.guidance, negative, defaults.guidance, card),
        seed=_seed(draft.seed, seed),
        count=_within("count", draft.count, 1, MAX_COUNT) or defaults.count,
        kind=kind,
        source=draft.source,
        strength=1.0 if draft.source is None else _strength(draft.strength, kind),
        mask=draft.mask,
        region=draft.region,
        margins=draft.margins,
        style=draft.style if isinstance(draft.style, Style) else None,
        enhance=_enhance(draft, card),
        variety=_variety(draft.variety, card, defaults),
        loras=loras.resolved(draft.loras or (), card),
        control=control.resolved(draft.control, card),
        **draft.as_said,
    )


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
    """The same at the size that this model paints its shape in. Raises UnknownShape, SizeUnfit."""
    width, height = size_of(request.shape, card)
    return msgspec.structs.replace(request, width=width, height=height)


def allowed_steps(card: ModelCard, wanted: int | None, most_steps: int) -> int:
    """So many steps, or those that the model is made for, as far as model and owner let them."""
    return max(card.steps.min, min(wanted or card.steps.default, card.steps.max, most_steps))


def _check_parts(draft: RequestDraft) -> None:
    if draft.source is None and draft.strength is not None:
        raise StrengthWithoutImage
    if draft.source is None and (draft.mask is not None or draft.region is not None):
        raise MaskWithoutImage
    if draft.mask is not None and draft.region is not None:
        raise MaskOrRegion


def _kind(draft: RequestDraft, source: bytes | None) -> Kind:
    if draft.source is None:
        return Kind.TEXT
    said_where = draft.mask is not None or draft.region is not None or draft.size is not None
    in_part = said_where or (source is not None and is_partly_transparent(source))
    return Kind.INPAINT if in_part else Kind.IMAGE


def _shape(draft: RequestDraft, source: bytes | None, card: ModelCard, defaults: PictureDefaults) -> str:
    if draft.shape is not None:
        size_of(draft.shape, card)
        return draft.shape
    if source is not None:
        return nearest_shape(card, *png_size(source))
    try:
        size_of(defaults.shape, card)
    except (UnknownShape, SizeUnfit):  # it was set while another model was loaded
        return next(iter(card.shapes))
    return defaults.shape


def _size(draft: RequestDraft, source: bytes | None, card: ModelCard) -> tuple[int, int]:
    """A picture that is painted in part keeps its own size, but where it is told another or the model none such."""
    if draft.size is not None:
        return draft.size
    if draft.shape is not None or source is None:
        return size_of(draft.shape or next(iter(card.shapes)), card)
    return in_one_piece(*png_size(source), card)


def _guidance(said: float | None, negative: str, usual: float | None, card: ModelCard) -> float:
    """A negative prompt does nothing at guidance 0, so giving one turns guidance on."""
    if said is None:
        is_on = negative or (card.guidance.default > 0 and card.offers("guidance"))
        return (card.guidance.usual if usual is None else usual) if is_on else 0.0
    guidance = float(_within("guidance", said, 0, MAX_GUIDANCE))
    if negative and guidance == 0:
        raise NegativeWithoutGuidance
    return guidance


def _enhance(draft: RequestDraft, card: ModelCard) -> bool:
    """Quality brings it along where there is such a thing, unless somebody says no."""
    if draft.enhance is not None:
        return draft.enhance
    return bool(draft.as_said.get("quality")) and card.offers("enhance")


def _variety(said: float | None, card: ModelCard, defaults: PictureDefaults) -> float:
    if said is None:
        return defaults.variety if card.offers("variety") else 0.0
    return _within("variety", said, 0, 1)


def _strength(said: float | None, kind: Kind) -> float:
    if said is None:
        return 1.0 if kind is Kind.INPAINT else VARY_STRENGTH
    return _within("strength", said, LEAST_STRENGTH, 1)


def _seed(said: int | None, drawn: int) -> int:
    return drawn % SEED_RANGE if said is None else _within("seed", said, 0, SEED_RANGE - 1)


def _within(name: str, value: Given, least: float, most: float) -> Given:
    """What was given, where it lies within its bounds. Raises OutOfRange."""
    if value is not None and not least <= value <= most:
        raise OutOfRange(name=name, value=value, least=least, most=most)
    return value
