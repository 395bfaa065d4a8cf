"""What people are shown of the queue as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from bot.jobs.job import Job
from bot.jobs.painter import EngineView


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueView:
    """The whole queue. `waiting` is in order of service; `running` includes what engines hold but have not begun.

    `paused` says whether the guild that was asked about is held back.
    """

    waiting: tuple[Job, ...]
    running: tuple[Job, ...]
    engines: tuple[EngineView, ...]
    paused: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PauseStatus:
    """Who holds this place back: the owner everything, an admin this guild."""

    owner: bool
    guild: bool
