"""A job: one accepted request, who wants it, and where it stands. Knows nothing of Discord's library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.jobs.errors import Argument
from bot.jobs.states import LIVE, WAITING, JobState
from protocol.request import ImageRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Requester:
    """Who asks, from where, and what they may do there at this moment.

    `principal` is `discord:<user id>`. `guild` is None in a direct message.
    """

    principal: str
    guild: int | None
    channel: int | None
    locale: str = "en-US"
    moderator: bool = False  # manage_messages in this channel
    admin: bool = False  # manage_guild
    owner: bool = False  # of the application
    parent_channel: int | None = None  # of a thread; its settings hold there, and it is not kept with a job

    @property
    def settled_by(self) -> int | None:
        """The channel whose settings hold here."""
        return self.channel if self.parent_channel is None else self.parent_channel


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """Image k of a job, painted and stored. `blob` is its SHA-256, `size` its bytes."""

    k: int
    seed: int
    width: int
    height: int
    blob: str
    size: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a job failed: names a sentence `failure-<code>` in the translations."""

    code: str
    arguments: Mapping[str, Argument]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One row of the ledger, as it stood when it was read. Times are Unix seconds.

    `parent` is the job that this one came from, and the picture of it that it starts from, if it starts from one.
    """

    id: str
    origin: str
    request: ImageRequest
    model_id: str
    requester: Requester  # as it stood at accept
    parent: tuple[str, int | None] | None
    priority: int
    cost: float
    state: JobState
    attempt: int
    failure: Failure | None
    pictures: tuple[Picture, ...]
    created: float
    started: float | None
    ended: float | None

    @property
    def waiting(self) -> bool:
        return self.state in WAITING

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def suspect(self) -> bool:
        """Its engine died while painting it: it may be what killed it."""
        return self.attempt > 1

    @property
    def ended_well(self) -> bool:
        return self.state in (JobState.RENDERED, JobState.POSTED)

    def is_by(self, person: Requester) -> bool:
        """Whether this person asked for it."""
        return self.requester.principal == person.principal

    def is_moderated_by(self, person: Requester) -> bool:
        """Whether they look after the place where it was asked for."""
        return person.moderator and person.guild is not None and person.guild == self.requester.guild
