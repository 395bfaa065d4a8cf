"""What is worth an edit of a waiting message."""

from __future__ import annotations

import pytest

from bot.delivery.live_message import LiveMessage
from bot.delivery.sender import MessageRef
from bot.jobs.events import Moved, QueuePosition
from bot.ui.views import LiveStatus
from tests.bot.conftest import MakeJob


@pytest.mark.parametrize(
    ("standing", "shown"),
    [
        (QueuePosition(position=3, eta=1000.2), False),  # as every look at the clock finds it
        (QueuePosition(position=2, eta=1000.2), True),
        (QueuePosition(position=3, eta=1010.0), True),
    ],
)
def test_a_place_and_a_time_that_hardly_changed_are_not_shown_anew(
    job: MakeJob, standing: QueuePosition, shown: bool
) -> None:
    waiting = job()
    ref = MessageRef(job=waiting.id, channel=1, message=2, token=None)
    live = LiveMessage(
        job=waiting, ref=ref, limit=None, status=LiveStatus(standing=QueuePosition(position=3, eta=1000.0))
    )

    live.apply(Moved(job_id=waiting.id, position=standing))

    assert live.changed.is_set() is shown
