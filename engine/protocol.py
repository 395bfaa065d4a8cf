"""What bot and engine say to each other: the request for pictures, what a model can do, commands and events.

Everything is a frozen msgspec struct; commands and events are closed tagged unions. Knows nothing of Discord,
people, sockets or torch.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

# Both sides must say the same number in their hello; a change of any struct below raises it.
PROTOCOL = 1

SEED_RANGE = 2**32
MAX_COUNT = 4
MAX_STEPS = 60
MAX_PROMPT = 2000  # characters
VARY_STRENGTH = 0.6
UPSCALE_STRENGTH = 0.25
UPSCALE_FACTOR = 2

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Bounded = Annotated[str, Meta(max_length=8 * MAX_PROMPT)]


class Kind(StrEnum):
    """How a picture comes about: from noise, from another picture, or as that picture made larger."""

    TEXT = "text"
    IMAGE = "image"
    UPSCALE = "upscale"


class ImageRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A complete wish: nothing in it is left to be filled in later.

    `width` and `height` are those of the finished pictures in pixels. Image k has the seed `seed + k` modulo 2**32.
    `source` is the SHA-256 of the picture that an IMAGE or UPSCALE request starts from; `strength` in (0, 1] says
    how much of it is painted anew. `guidance` is diffusers' scale: 0 is off.
    """

    prompt: Bounded
    negative: Bounded = ""
    shape: str
    width: Annotated[int, Meta(ge=16, le=8192, multiple_of=16)]
    height: Annotated[int, Meta(ge=16, le=8192, multiple_of=16)]
    steps: Annotated[int, Meta(ge=1, le=MAX_STEPS)]
    guidance: Annotated[float, Meta(ge=0, le=30)] = 0.0
    seed: Annotated[int, Meta(ge=0, lt=SEED_RANGE)]
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)] = 1
    kind: Kind = Kind.TEXT
    source: Sha256 | None = None
    strength: Annotated[float, Meta(gt=0, le=1)] = 1.0

    def seed_of(self, k: int) -> int:
        """The seed that paints image k alone."""
        return (self.seed + k) % SEED_RANGE

    @property
    def first_step(self) -> int:
        """How many of `steps` are skipped at this strength, counted as diffusers' img2img counts."""
        return min(int(self.steps - self.steps * self.strength), self.steps - 1)

    @property
    def forwards(self) -> int:
        """Passes of the transformer for one picture: twice as many under guidance."""
        return (self.steps - self.first_step) * (2 if self.guidance > 0 else 1)

    @property
    def cost(self) -> float:
        """Work in megapixel-forwards, for fairness and for estimates of time."""
        return self.width * self.height * self.forwards * self.count / 1e6

    @property
    def features(self) -> tuple[str, ...]:
        """What a model must offer to paint it."""
        kind = {Kind.TEXT: "text", Kind.IMAGE: "image", Kind.UPSCALE: "upscale"}[self.kind]
        return (kind, "guidance") if self.guidance > 0 else (kind,)

    def rerolled(self, *, seed: int) -> ImageRequest:
        """The same wish from another seed."""
        return msgspec.structs.replace(self, seed=seed % SEED_RANGE)

    def varied(self, *, source: str, seed: int, strength: float = VARY_STRENGTH) -> ImageRequest:
        """New pictures that start from a finished one."""
        return msgspec.structs.replace(self, kind=Kind.IMAGE, source=source, strength=strength, seed=seed % SEED_RANGE)

    def upscaled(self, *, source: str, seed: int, factor: int = UPSCALE_FACTOR) -> ImageRequest:
        """One finished picture made larger: resized, then repainted at low strength, tile by tile."""
        return msgspec.structs.replace(
            self,
            kind=Kind.UPSCALE,
            source=source,
            strength=UPSCALE_STRENGTH,
            seed=seed % SEED_RANGE,
            width=self.width * factor,
            height=self.height * factor,
            count=1,
        )


class StepRange(Struct, frozen=True, kw_only=True):
    """How many steps a model may take."""

    default: int
    min: int = 1
    max: int = MAX_STEPS


class ModelCard(Struct, frozen=True, kw_only=True):
    """What a model can do, known without torch: `zimagine.json` beside the weights.

    `shapes` maps an aspect ratio ("3:2") to (width, height) in pixels. `native_pixels` is the area of an upscale
    tile. `latent_rgb` (16 rows of 3) and `latent_rgb_bias` turn latents into a small RGB preview in 0..1; a model
    without them has them fitted to its VAE when it is loaded.
    """

    id: str
    name: str
    shapes: dict[str, tuple[int, int]]
    max_side: int
    max_pixels: int
    native_pixels: int
    steps: StepRange
    prompt_tokens: int
    features: tuple[str, ...]
    latent_rgb: tuple[tuple[float, float, float], ...] = ()
    latent_rgb_bias: tuple[float, float, float] = (0.5, 0.5, 0.5)
    licence: str = ""

    def offers(self, feature: str) -> bool:
        """Whether an option of this name would do anything."""
        return feature in self.features

    def can_paint(self, request: ImageRequest) -> bool:
        """Whether this request's kind, size and steps are within what the model can do."""
        fits = max(request.width, request.height) <= self.max_side
        fits &= request.width * request.height <= self.max_pixels
        return fits and self.steps.min <= request.steps <= self.steps.max and all(map(self.offers, request.features))


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
    steps=StepRange(default=8),
    prompt_tokens=512,
    features=("text", "image", "vary", "upscale", "guidance"),
    licence="Apache-2.0",
)


class EngineHello(Struct, frozen=True, kw_only=True, tag="engine-hello"):
    """The engine's first frame. `running` lists jobs it is painting, `held` pictures the bot has yet to confirm.

    `notice` is one sentence for the owner, or nothing. `capacity` is how many jobs it wants to hold at once, those
    that wait included.
    """

    protocol: int
    build: str
    engine: str
    card: ModelCard
    device: str
    dtype: str
    threads: int
    memory: int  # bytes of the device that paints
    policy: str
    notice: str = ""
    capacity: int = 2
    running: tuple[tuple[str, int], ...] = ()
    held: tuple[tuple[str, int], ...] = ()


class BotHello(Struct, frozen=True, kw_only=True, tag="bot-hello"):
    """The bot's answer to the hello."""

    protocol: int
    build: str


class Refused(Struct, frozen=True, kw_only=True, tag="refused"):
    """The last frame before the bot closes the link: why, in one sentence for the log."""

    reason: str


class Generate(Struct, frozen=True, kw_only=True, tag="generate"):
    """Paint pictures `wanted` of this job. `source` is the encoded picture that the request's `source` names."""

    job: str
    attempt: int
    request: ImageRequest
    wanted: tuple[int, ...]
    source: bytes | None = None


class Cancel(Struct, frozen=True, kw_only=True, tag="cancel"):
    """Stop this job at the next step; unknown jobs are ignored."""

    job: str


class Stored(Struct, frozen=True, kw_only=True, tag="stored"):
    """The bot has this picture, or that there will be none, on disk; the engine may forget it."""

    job: str
    k: int


class Stop(Struct, frozen=True, kw_only=True, tag="stop"):
    """Leave: finish nothing, exit the worker and its supervisor."""


class Started(Struct, frozen=True, kw_only=True, tag="started"):
    """The job's samples have joined the batch."""

    job: str
    attempt: int


class Progress(Struct, frozen=True, kw_only=True, tag="progress"):
    """`step` of `steps` is done. `preview` is a small JPEG of all its pictures side by side, or None."""

    job: str
    attempt: int
    step: int
    steps: int
    preview: bytes | None = None


class Finished(Struct, frozen=True, kw_only=True, tag="finished"):
    """One picture, encoded as PNG with its metadata. Sent again until `Stored` comes."""

    job: str
    attempt: int
    k: int
    seed: int
    width: int
    height: int
    sha256: Sha256
    png: bytes
    seconds: float


class Failed(Struct, frozen=True, kw_only=True, tag="failed"):
    """Picture k will not come. `code` and `arguments` name a sentence in the bot's translations."""

    job: str
    attempt: int
    k: int
    code: str
    arguments: dict[str, str | int | float] = {}


class Cancelled(Struct, frozen=True, kw_only=True, tag="cancelled"):
    """Picture k was given up because the bot asked for it."""

    job: str
    attempt: int
    k: int


class Beat(Struct, frozen=True, kw_only=True, tag="beat"):
    """Every half second: how many steps this worker has done so far, and whether it is painting."""

    steps: int
    busy: bool


class Loading(Struct, frozen=True, kw_only=True, tag="loading"):
    """Said before `EngineHello` while the weights come in, so that waiting people can be told.

    `problem` says in one sentence why they do not; the engine tries again by itself.
    """

    protocol: int
    build: str
    engine: str
    model: str
    problem: str | None = None


Command = BotHello | Refused | Generate | Cancel | Stored | Stop
Event = EngineHello | Loading | Started | Progress | Finished | Failed | Cancelled | Beat
