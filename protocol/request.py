"""A complete request for pictures, and the nouns it is made of. Knows nothing of people, sockets or torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

SEED_RANGE = 2**32
MAX_COUNT = 4
MAX_STEPS = 60
MAX_GUIDANCE = 30.0
MAX_PROMPT = 2000  # characters
MAX_LORAS = 2
VARY_STRENGTH = 0.6
VARY_SUBTLE, VARY_STRONG = 0.85, 0.6  # of the way back from new noise to the noise of the picture that is varied
MOST_GENERATIONS = 32  # of variations of variations whose noise is kept
OUTPAINT_STRENGTH = 0.85  # at 1 a small model forgets the colours that the old picture has at its edges
UPSCALE_STRENGTH = 0.25
CREATIVE_STRENGTH = 0.5
UPSCALE_FACTOR = 2
DETAIL_SHARE = 4  # the pass for fine detail is the last quarter of a schedule

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Bounded = Annotated[str, Meta(max_length=8 * MAX_PROMPT)]


class Kind(StrEnum):
    """How a picture comes about: from noise, from another picture, from parts of one, or as one made larger."""

    TEXT = "text"
    IMAGE = "image"
    INPAINT = "inpaint"
    UPSCALE = "upscale"


class Region(StrEnum):
    """A part of a picture by name: a half of it, or its middle."""

    LEFT = "left"
    RIGHT = "right"
    TOP = "top"
    BOTTOM = "bottom"
    CENTRE = "centre"


class Upscaler(StrEnum):
    """How a picture is made larger: kept close, with details imagined, or by a super-resolution model alone."""

    SUBTLE = "subtle"
    CREATIVE = "creative"
    SHARP = "sharp"


class ControlKind(StrEnum):
    """What a control picture shows."""

    CANNY = "canny"
    DEPTH = "depth"
    POSE = "pose"
    SCRIBBLE = "scribble"
    TILE = "tile"


class Margins(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pixels of the finished picture on each side of its source that are new."""

    left: Annotated[int, Meta(ge=0, le=8192)] = 0
    top: Annotated[int, Meta(ge=0, le=8192)] = 0
    right: Annotated[int, Meta(ge=0, le=8192)] = 0
    bottom: Annotated[int, Meta(ge=0, le=8192)] = 0


class Blend(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Noise turned from this request's seed towards another one: `amount` in (0, 1] of the way on the sphere.

    The other seed's noise may itself be turned `toward` a third: a variation of a variation.
    """

    seed: Annotated[int, Meta(ge=0, lt=SEED_RANGE)]
    amount: Annotated[float, Meta(gt=0, le=1)]
    toward: Blend | None = None

    @property
    def generations(self) -> int:
        """How many seeds are behind it, its own included."""
        return 1 if self.toward is None else 1 + self.toward.generations


class Lora(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA by the name of its file without the ending, and how strongly it is applied."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    weight: Annotated[float, Meta(ge=-4, le=4)] = 1.0


class Control(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A picture that the painting follows, by its SHA-256. CANNY takes any picture: its edges are computed."""

    kind: ControlKind
    picture: Sha256
    strength: Annotated[float, Meta(gt=0, le=2)] = 0.75


class Style(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template as it was when the request was accepted: its name, and its words around `{prompt}`."""

    name: Annotated[str, Meta(max_length=100)]
    template: Bounded

    def around(self, words: str) -> str:
        """The template with these words in it."""
        return self.template.replace("{prompt}", words)


def is_chinese(words: str) -> bool:
    """Whether somebody writes in Chinese: any Han character says so, since Chinese prompts quote Latin names."""
    return any("\u3400" <= character <= "\u9fff" for character in words)


class ImageRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Complete: nothing in it is left to be filled in later.

    `width` and `height` are those of the finished pictures in pixels. Image k has the seed `seed + k` modulo 2**32.
    `source` is the SHA-256 of the picture that every kind but TEXT starts from; `strength` in (0, 1] says how much of
    it is painted anew. `guidance` is diffusers' scale: 0 is off.

    INPAINT paints what is white in the picture `mask`, or the `region`, or the `margins` around the source, or what is
    transparent in the source: the first of these that is given. `variety` in 0..1 keeps the pictures of one prompt
    from being twins. `enhance` lets the text encoder write out the prompt, once: `enhanced` is what it wrote, and is
    used again by whatever is made from this request. `quality` adds a pass for fine detail.
    """

    prompt: Bounded
    negative: Bounded = ""
    shape: str
    width: Annotated[int, Meta(ge=16, le=8192, multiple_of=16)]
    height: Annotated[int, Meta(ge=16, le=8192, multiple_of=16)]
    steps: Annotated[int, Meta(ge=1, le=MAX_STEPS)]
    guidance: Annotated[float, Meta(ge=0, le=MAX_GUIDANCE)] = 0.0
    seed: Annotated[int, Meta(ge=0, lt=SEED_RANGE)]
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)] = 1
    kind: Kind = Kind.TEXT
    source: Sha256 | None = None
    strength: Annotated[float, Meta(gt=0, le=1)] = 1.0
    mask: Sha256 | None = None
    region: Region | None = None
    margins: Margins | None = None
    upscaler: Upscaler = Upscaler.SUBTLE
    variety: Annotated[float, Meta(ge=0, le=1)] = 0.0
    blend: Blend | None = None
    loras: Annotated[tuple[Lora, ...], Meta(max_length=MAX_LORAS)] = ()
    control: Control | None = None
    style: Style | None = None
    enhance: bool = False
    quality: bool = False
    enhanced: Bounded = ""

    def seed_of(self, k: int) -> int:
        """The seed that paints image k alone."""
        return (self.seed + k) % SEED_RANGE

    @property
    def pictures(self) -> dict[str, str]:
        """The SHA-256 of each picture that it needs, by the field of Generate that carries it."""
        control = self.control.picture if self.control is not None else None
        named = {"source": self.source, "mask": self.mask, "control": control}
        return {field: name for field, name in named.items() if name is not None}

    @property
    def first_step(self) -> int:
        """How many of `steps` are skipped at this strength, counted as diffusers' img2img counts."""
        return min(int(self.steps - self.steps * self.strength), self.steps - 1)

    @property
    def detail_steps(self) -> int:
        """Steps of the pass for fine detail, at least two. An enlargement is such a pass itself."""
        return max(2, self.steps // DETAIL_SHARE) if self.quality and self.kind is not Kind.UPSCALE else 0

    @property
    def forwards(self) -> int:
        """Passes of the transformer for one picture: twice as many under guidance."""
        if self.is_sharp:
            return 1  # none in truth; a super-resolution model takes about as long
        return (self.steps - self.first_step + self.detail_steps) * (2 if self.guidance > 0 else 1)

    @property
    def is_sharp(self) -> bool:
        """Whether a super-resolution model makes it, without words and steps."""
        return self.is_enlarged_by(Upscaler.SHARP)

    def is_enlarged_by(self, upscaler: Upscaler) -> bool:
        """Whether it is a picture made larger in this way."""
        return self.kind is Kind.UPSCALE and self.upscaler is upscaler

    @property
    def encoded(self) -> tuple[str, ...]:
        """What the text encoder reads. A picture made larger is painted without its words."""
        words = () if self.kind is Kind.UPSCALE else (self.painted_prompt,)
        return (*words, self.negative) if self.guidance > 0 else words

    @property
    def painted_prompt(self) -> str:
        """The words that the model is given: those of the person or written out from them, in the style's template."""
        words = self.enhanced or self.prompt
        return words if self.style is None else self.style.around(words)

    @property
    def to_be_written(self) -> bool:
        """Whether the prompt has yet to be written out."""
        return self.enhance and not self.enhanced

    @property
    def features(self) -> tuple[str, ...]:
        """What a model must offer to paint it."""
        return tuple(feature.name for feature in FEATURES if feature.is_needed_by(self))

    def rerolled(self, *, seed: int) -> ImageRequest:
        """The same from another seed."""
        return msgspec.structs.replace(self, seed=seed % SEED_RANGE)

    def varied(self, *, source: str, seed: int, strength: float = VARY_STRENGTH) -> ImageRequest:
        """New pictures that start from a finished one."""
        return msgspec.structs.replace(
            self.whole(), kind=Kind.IMAGE, source=source, strength=strength, seed=seed % SEED_RANGE
        )

    def near(self, *, picture: int, seed: int, amount: float) -> ImageRequest:
        """Pictures like this request's own of the seed `picture`: noise turned `amount` of the way to that one's."""
        toward = self.blend
        if toward is not None and toward.generations >= MOST_GENERATIONS:
            toward = None
        blend = Blend(seed=picture, amount=amount, toward=toward)
        return msgspec.structs.replace(self, seed=seed % SEED_RANGE, blend=blend)

    def outpainted(self, *, source: str, seed: int, width: int, height: int, margins: Margins) -> ImageRequest:
        """A finished picture on a canvas of this size in pixels, with what is new around it painted."""
        return msgspec.structs.replace(
            self.whole(),
            kind=Kind.INPAINT,
            source=source,
            strength=OUTPAINT_STRENGTH,
            seed=seed % SEED_RANGE,
            width=width,
            height=height,
            margins=margins,
            control=None,
            blend=None,
        )

    def whole(self) -> ImageRequest:
        """The same without what holds for its own source alone: the part to be painted."""
        return msgspec.structs.replace(self, mask=None, region=None, margins=None, blend=None)

    def upscaled(
        self, *, source: str, seed: int, factor: int = UPSCALE_FACTOR, upscaler: Upscaler = Upscaler.SUBTLE
    ) -> ImageRequest:
        """One finished picture made larger: resized, then repainted tile by tile, or by a model for that alone."""
        return msgspec.structs.replace(
            self.whole(),
            kind=Kind.UPSCALE,
            source=source,
            strength=CREATIVE_STRENGTH if upscaler is Upscaler.CREATIVE else UPSCALE_STRENGTH,
            upscaler=upscaler,
            variety=0.0,
            guidance=0.0 if upscaler is Upscaler.SHARP else self.guidance,
            seed=seed % SEED_RANGE,
            width=self.width * factor,
            height=self.height * factor,
            count=1,
            quality=False,
            enhance=bool(self.enhanced),
            loras=() if upscaler is Upscaler.SHARP else self.loras,
            control=None,
        )


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a model offers (`ModelCard.features`) or not: which requests need it, and which options say it."""

    name: str
    is_needed_by: Callable[[ImageRequest], bool]
    options: tuple[str, ...] = ()  # of /imagine, which is shown without them where no model offers this


# The one table of what needs which feature.
FEATURES = (
    Feature("style", lambda request: request.style is not None, ("style",)),
    Feature("enhance", lambda request: request.to_be_written, ("enhance",)),
    Feature("quality", lambda request: request.quality, ("quality",)),
    Feature("variety", lambda request: request.variety > 0 or request.blend is not None, ("variety",)),
    Feature("text", lambda request: request.kind is Kind.TEXT),
    Feature("image", lambda request: request.kind is Kind.IMAGE, ("image", "strength")),
    Feature("inpaint", lambda request: request.kind is Kind.INPAINT, ("mask", "region")),
    Feature("outpaint", lambda request: request.margins is not None),
    Feature("upscale", lambda request: request.kind is Kind.UPSCALE),
    Feature("creative", lambda request: request.is_enlarged_by(Upscaler.CREATIVE)),
    Feature("sharp", lambda request: request.is_enlarged_by(Upscaler.SHARP)),
    Feature("guidance", lambda request: request.guidance > 0, ("guidance", "negative")),
    Feature("lora", lambda request: bool(request.loras), ("lora", "lora_weight", "lora2", "lora2_weight")),
    Feature("control", lambda request: request.control is not None, ("control", "control_image", "control_strength")),
)
