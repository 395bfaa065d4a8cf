"""What is to be said in one job's message: the job as it stands, and what has become known since the last edit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from bot.delivery.sender import Place
from bot.jobs import events as news
from bot.jobs.job import Job
from bot.queue.eta import worth_telling
from bot.ui.views import Glimpse, without_words

_LEAST_ESTIMATE = 3.0  # seconds ahead that are worth a countdown


@dataclass(kw_only=True, slots=True)
class Sheet:
    """Mutable; belongs to delivery. `changed` is set while there is something to show, `over` once the job ended."""

    job: Job
    place: Place
    limit: int | None  # bytes a file, as the interaction said
    next_edit: float = 0.0  # monotonic seconds
    glimpse: Glimpse = field(default_factory=Glimpse)
    preview: bytes | None = None
    counts_to: float | None = None  # Unix seconds that its message counts down to
    unreachable: bool = False  # edits do not reach its message; the ending will find a way, or none
    wordless: bool = False  # Discord refused the words of its prompt; they are not sent again
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, event: news.JobEvent) -> None:
        """Take in what happened to this job."""
        match event:
            case news.Moved(standing=standing):
                if worth_telling(self.glimpse.standing, standing):
                    self.note(standing=standing)
            case news.Stepped(step=step, steps=steps, preview=preview):
                self.preview = preview or self.preview
                self.note(step=step, steps=steps, preview=self.preview is not None)
            case news.PainterLost(job=job):
                self.preview = None
                self.note(again=True, preview=False, step=0, writing="")
                self.turn(job)
            case news.Wrote(job=job, text=text):
                self.note(writing=text)
                self.turn(job)
            case news.Began(job=job):
                self.note(again=False, starting=False, broken=False, changing=False)
                self.turn(job)
            case news.Accepted(job=job) | news.Painted(job=job) | news.Ended(job=job):
                self.turn(job)
            case news.PainterState():
                pass

    @property
    def said(self) -> Job:
        """The job as its message may say it."""
        return without_words(self.job) if self.wordless else self.job

    def shown(self, now: float) -> Glimpse:
        """What is to be shown at this moment (Unix seconds); an estimate that is nearly up is not worth a countdown."""
        glimpse, standing = self.glimpse, self.glimpse.standing
        if self.wordless:
            glimpse = replace(glimpse, writing="")  # these are words as well
        if standing is not None and standing.eta is not None and standing.eta <= now + _LEAST_ESTIMATE:
            glimpse = replace(glimpse, standing=replace(standing, eta=None))
        self.counts_to = None if glimpse.standing is None else glimpse.standing.eta
        return glimpse

    def countdown(self, now: float) -> float | None:
        """Seconds until what its message counts down to; None where it counts down to nothing."""
        return None if self.counts_to is None else max(self.counts_to - now, 0.0)

    def note(self, **changes: Any) -> None:
        """Change the glimpse; nothing is to be shown where that changes nothing."""
        newer = replace(self.glimpse, **changes)
        if newer != self.glimpse:
            self.glimpse = newer
            self.changed.set()

    def turn(self, job: Job) -> None:
        """The job's row has changed."""
        self.job = job
        self.changed.set()
        if not job.live:
            self.over.set()
