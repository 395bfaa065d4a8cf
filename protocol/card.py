"""What a model can do, known without torch: the card beside its weights, and that of the published model."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from protocol.request import MAX_GUIDANCE, MAX_STEPS, ControlKind, ImageRequest

# So many that the fullest card is below 1 MiB, which a NATS server takes as one message where nothing is configured.
MOST_WORDS = 3200
_LEAST_CEILING = 20  # steps
KnownWord = Annotated[str, Meta(min_length=1, max_length=24)]


class StepRange(Struct, frozen=True, kw_only=True):
    """How many steps a model may take."""

    default: int
    min: int = 1
    max: int = MAX_STEPS

    @property
    def ceiling(self) -> int:
        """How many anybody may ask for where the owner does not say: more than these are rarely worth their time."""
        return min(self.max, max(_LEAST_CEILING, self.default * 5 // 2))


class Guidance(Struct, frozen=True, kw_only=True):
    """The scale that a model is made for, diffusers' own: one less than CFG in A1111 and ComfyUI, 0 is off.

    `default` holds where nothing is said; where that is 0, a negative prompt turns on `negative`.
    """

    default: Annotated[float, Meta(ge=0, le=MAX_GUIDANCE)] = 0.0
    negative: Annotated[float, Meta(gt=0, le=MAX_GUIDANCE)] = 3.0

    @property
    def usual(self) -> float:
        """What it is where it is on."""
        return self.default or self.negative


class Vocabulary(Struct, frozen=True, kw_only=True):
    """What a small model knows, for readers of one language.

    `about` ends the sentence "This model knows …"; `examples` are prompts that come out well. A prompt in which one of
    `words` occurs (nouns as a dictionary has them, or phrases) is one that the model was made for.
    """

    about: Annotated[str, Meta(min_length=1, max_length=200)]
    examples: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=60)], ...], Meta(min_length=2, max_length=8)]
    words: Annotated[tuple[KnownWord, ...], Meta(max_length=MOST_WORDS)]


class Knows(Struct, frozen=True, kw_only=True):
    """What a small model knows, and `texts`: all that it can write, each as it must be written."""

    en: Vocabulary
    zh: Vocabulary
    texts: Annotated[tuple[KnownWord, ...], Meta(max_length=MOST_WORDS)] = ()


class ModelCard(Struct, frozen=True, kw_only=True):
    """What a model can do, known without torch: `zimagine.json` beside the weights.

    `shapes` maps an aspect ratio ("3:2") to (width, height) in pixels. `native_pixels` is the area of an upscale
    tile. `latent_rgb` (16 rows of 3) and `latent_rgb_bias` turn latents into a small RGB preview in 0..1; a model
    without them has them fitted to its VAE when it is loaded. `variety_reach` is how far full variety moves a value of
    the prompt's embedding, in standard deviations of its token. `learned_side` is the longest side in pixels that it
    was trained on, 0 that of its shapes. `loras` and `controls` are what this engine has besides, `unused_tensors` how
    many tensors of a LoRA's file this model has no place for; the worker fills them in. `knows` is None for a model
    that paints anything.
    """

    id: str
    name: str
    shapes: dict[str, tuple[int, int]]
    max_side: int
    max_pixels: int
    native_pixels: int
    steps: StepRange
    guidance: Guidance = Guidance()
    prompt_tokens: int
    features: tuple[str, ...]
    loras: tuple[str, ...] = ()
    unused_tensors: dict[str, int] = {}
    controls: tuple[ControlKind, ...] = ()
    latent_rgb: tuple[tuple[float, float, float], ...] = ()
    latent_rgb_bias: tuple[float, float, float] = (0.5, 0.5, 0.5)
    variety_reach: Annotated[float, Meta(gt=0)] = 0.75
    learned_side: Annotated[int, Meta(ge=0)] = 0
    licence: str = ""
    knows: Knows | None = None

    @property
    def longest(self) -> int:
        """Pixels of the longest side that it paints in one piece."""
        return self.learned_side or max(max(size) for size in self.shapes.values())

    def offers(self, feature: str) -> bool:
        """Whether an option of this name would do anything."""
        return feature in self.features

    def can_paint(self, request: ImageRequest) -> bool:
        """Whether this request's kind, size and steps are within what the model can do."""
        fits = max(request.width, request.height) <= self.max_side
        fits &= request.width * request.height <= self.max_pixels
        fits &= self.steps.min <= request.steps <= self.steps.max
        fits &= all(lora.name in self.loras for lora in request.loras)
        fits &= request.control is None or request.control.kind in self.controls
        return fits and all(map(self.offers, request.features))


# The published model. Sizes: the 1024 class of its authors' demo space; more than 2048 a side breaks it.
Z_IMAGE_TURBO = ModelCard(
    id="z-image-turbo",
    name="Z-Image-Turbo",
    shapes={
        "1:1": (1024, 1024),
        "2:3": (832, 1248),
        "3:2": (1248, 832),
        "3:4": (864, 1152),
        "4:3": (1152, 864),
        "9:16": (720, 1280),
        "16:9": (1280, 720),
        "21:9": (1344, 576),
        "9:21": (576, 1344),
    },
    max_side=4096,
    max_pixels=4096 * 4096,
    native_pixels=1024 * 1024,
    learned_side=2048,
    steps=StepRange(default=8),
    guidance=Guidance(negative=0.8),
    prompt_tokens=512,
    features=(
        "text",
        "image",
        "inpaint",
        "outpaint",
        "vary",
        "variety",
        "upscale",
        "creative",
        "guidance",
        "style",
        "enhance",
        "quality",
    ),
    licence="Apache-2.0",
)

# The model that Turbo was distilled from, as its authors recommend it: 28 to 50 steps, guidance 3 to 5.
Z_IMAGE = replace(
    Z_IMAGE_TURBO,
    id="z-image",
    name="Z-Image",
    steps=StepRange(default=28),
    guidance=Guidance(default=4.0),
)
