"""What bot and engine say to each other: hellos, commands and events.

Everything is a frozen msgspec struct; commands and events are closed tagged unions. Knows nothing of Discord,
people, sockets or torch.
"""

from __future__ import annotations

from msgspec import Struct

from protocol.card import ModelCard
from protocol.request import Bounded, ImageRequest, Sha256

# Both sides must say the same number in their hello; a change of any struct of a request, a card or below raises it.
# Only a field with a default that is said to people, and tells the other side nothing to do, does not (`knows` of a
# card): who does not know it leaves it out, and a new bot goes on with the engine that its predecessor left painting.
PROTOCOL = 3


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
    """Paint pictures `wanted` of this job.

    `source`, `mask` and `control` are the encoded pictures that the request names.
    """

    job: str
    attempt: int
    request: ImageRequest
    wanted: tuple[int, ...]
    source: bytes | None = None
    mask: bytes | None = None
    control: bytes | None = None


class Cancel(Struct, frozen=True, kw_only=True, tag="cancel"):
    """Stop this job at the next step; unknown jobs are ignored."""

    job: str


class Stored(Struct, frozen=True, kw_only=True, tag="stored"):
    """The bot has this picture, or that there will be none, on disk; the engine may forget it."""

    job: str
    k: int


class CountTokens(Struct, frozen=True, kw_only=True, tag="count-tokens"):
    """Say how long the longest of these texts is to the model. The answer does not wait for what is being painted."""

    ticket: str
    texts: tuple[str, ...]


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


class Enhanced(Struct, frozen=True, kw_only=True, tag="enhanced"):
    """The prompt written out so far; all of it where `done`. Said before the first step."""

    job: str
    attempt: int
    text: Bounded
    done: bool


class Finished(Struct, frozen=True, kw_only=True, tag="finished"):
    """One picture, encoded as PNG with its metadata. Sent again until `Stored` comes.

    `enhanced` is the text that it was painted from where the prompt was written out: `Enhanced` may have been lost.
    """

    job: str
    attempt: int
    k: int
    seed: int
    width: int
    height: int
    sha256: Sha256
    png: bytes
    seconds: float
    enhanced: Bounded = ""


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


class TokensCounted(Struct, frozen=True, kw_only=True, tag="tokens-counted"):
    """So many tokens, the template's own included; the model reads `limit` at most. Lost where the line is down."""

    ticket: str
    tokens: int
    limit: int


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


Command = BotHello | Refused | Generate | Cancel | Stored | CountTokens | Stop
Event = EngineHello | Loading | Started | Enhanced | Progress | Finished | Failed | Cancelled | TokensCounted | Beat
