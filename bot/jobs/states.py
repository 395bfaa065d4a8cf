"""Where a job may stand, and what may follow what. The ledger enforces it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands, each in a sentence."""

    QUEUED = "queued"  # in the ledger, waiting for its turn
    OFFERED = "offered"  # handed to an engine that has not begun
    RUNNING = "running"  # an engine paints it
    RENDERED = "rendered"  # all its pictures lie in the blob store
    POSTED = "posted"  # its message shows them
    UNDELIVERABLE = "undeliverable"  # painted, but its place cannot show it; its person's next command brings it
    FAILED = "failed"  # it will not be painted; the reason is kept
    CANCELLED = "cancelled"  # given up because somebody asked


WAITING = frozenset({JobState.QUEUED, JobState.OFFERED})
LIVE = WAITING | {JobState.RUNNING}

# An event may arrive late or twice: a transition not in this table is a no-op, never an error.
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    # Rendered straight from the queue: an engine thought dead had painted it and came back to say so.
    JobState.QUEUED: frozenset({JobState.OFFERED, JobState.RENDERED, JobState.CANCELLED, JobState.FAILED}),
    JobState.OFFERED: frozenset(
        {JobState.RUNNING, JobState.QUEUED, JobState.RENDERED, JobState.CANCELLED, JobState.FAILED}
    ),
    JobState.RUNNING: frozenset({JobState.QUEUED, JobState.RENDERED, JobState.CANCELLED, JobState.FAILED}),
    # Queued again: what was painted cannot be read any more, before anybody has seen it.
    JobState.RENDERED: frozenset({JobState.POSTED, JobState.UNDELIVERABLE, JobState.QUEUED}),
    JobState.POSTED: frozenset(),
    JobState.UNDELIVERABLE: frozenset({JobState.POSTED}),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
