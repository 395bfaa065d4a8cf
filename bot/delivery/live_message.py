"""One job's message while it is looked after: where it is, the job as it stands, and what has become known of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from bot.delivery.sender import Location, MessageRef
from bot.jobs import events as news
from bot.jobs.events import QueuePosition
from bot.jobs.interaction_token import InteractionToken
from bot.jobs.job import Job
from bot.jobs.states import JobState
from bot.queue.eta import worth_telling
from bot.ui.views import LiveStatus, without_words

_LEAST_ESTIMATE = 3.0  # seconds ahead that are worth a countdown


@dataclass(kw_only=True, slots=True)
class LiveMessage:
    """Changes through its own methods alone. `changed` is set while there is something to show.

    `begun` is set while the job does not wait, `over` once it has ended.
    """

    job: Job
    ref: MessageRef
    limit: int | None  # bytes a file, as the interaction said
    status: LiveStatus = field(default_factory=LiveStatus)
    preview: bytes | None = None
    next_edit: float = 0.0  # monotonic seconds
    counts_to: float | None = None  # Unix seconds that it counts down to
    unreachable: bool = False  # edits do not reach it; the ending will find a way, or none
    wordless: bool = False  # Discord refused the words of its prompt; they are not sent again
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.set_job(self.job)
        self.changed.clear()

    # What is known of its job ------------------------------------------------------------------------------------

    def apply(self, event: news.JobEvent) -> None:
        """Take in what happened to this job."""
        match event:
            case news.Moved(position=standing):
                if worth_telling(self.status.standing, standing):
                    self.update(standing=standing)
            case news.Stepped(step=step, steps=steps, preview=preview):
                self.preview = preview or self.preview
                self.update(step=step, steps=steps, preview=self.preview is not None)
            case news.PainterLost(job=job):
                self.update(again=True)
                self.set_back(job)
            case news.PromptEnhanced(job=job, text=text):
                self.update(writing=text)
                self.set_job(job)
            case news.Began(job=job):
                self.update(again=False, starting=False, broken=False, changing=False)
                self.set_job(job)
            case news.Accepted(job=job) | news.Painted(job=job) | news.Ended(job=job):
                self.set_job(job)
            case news.EngineState():
                pass

    def update(self, **changes: Any) -> None:
        """Change the status; nothing is to be shown where that changes nothing."""
        newer = replace(self.status, **changes)
        if newer != self.status:
            self.status = newer
            self.changed.set()

    def set_job(self, job: Job) -> None:
        """The job's row has changed."""
        self.job = job
        self.changed.set()
        if job.state is JobState.QUEUED:
            self.begun.clear()
        else:
            self.begun.set()
        if job.live:
            self.over.clear()
        else:
            self.over.set()

    def set_back(self, job: Job) -> None:
        """Its job waits once more, as if nothing had been painted."""
        self.preview = None
        self.update(preview=False, step=0, writing="")
        self.set_job(job)

    # What it shows -----------------------------------------------------------------------------------------------

    @property
    def shown_job(self) -> Job:
        """The job as the message may show it."""
        return without_words(self.job) if self.wordless else self.job

    def shown_status(self, now: float) -> LiveStatus:
        """What is to be shown at this moment (Unix seconds); an estimate that is nearly up is no countdown."""
        status, standing = self.status, self.status.standing
        if self.wordless:
            status = replace(status, writing="")  # these are words as well
        if standing is not None and standing.eta is not None and standing.eta <= now + _LEAST_ESTIMATE:
            status = replace(status, standing=replace(standing, eta=None))
        self.counts_to = None if status.standing is None else status.standing.eta
        return status

    def seen(self) -> None:
        """All that is known is about to be shown, or cannot be."""
        self.changed.clear()

    def countdown(self, now: float) -> float | None:
        """Seconds until what it counts down to; None where it counts down to nothing."""
        return None if self.counts_to is None else max(self.counts_to - now, 0.0)

    def countdown_is_over(self, standing: QueuePosition | None) -> None:
        """It would count up from now on; this is how things stand instead."""
        self.counts_to = None
        self.status = replace(self.status, standing=standing)

    def leave_out_words(self) -> None:
        """Discord refused them."""
        self.wordless = True

    # Where it is -------------------------------------------------------------------------------------------------

    def rest_until(self, moment: float) -> None:
        """No edit before this (monotonic seconds)."""
        self.next_edit = moment

    def answered_with(self, token: InteractionToken) -> None:
        """This token edits the answer that it is to be."""
        self.ref.token = token

    def take_over(self, bound: tuple[int, int] | None, token: InteractionToken | None) -> None:
        """It was looked after by an earlier process, which left its channel and id, or a token that edits it."""
        if bound is not None:
            self.ref.channel, self.ref.message = bound
        self.ref.token = token
        self.unreachable = bound is None and token is None
        self.changed.set()

    def appeared(self, message: int | None) -> None:
        """It is there, under this id where Discord told one."""
        self.ref.message = message

    def disown(self) -> None:
        """The answer to its interaction is another message; the ending is sent as a new one."""
        self.ref.token = None
        self.unreachable = True

    def reached(self, location: Location | None) -> bool:
        """An edit or a new message found it here, or nowhere. Whether that is news."""
        self.unreachable = location is None
        if location is None or location == (self.ref.channel, self.ref.message):
            return False
        self.ref.channel, self.ref.message = location
        return True
