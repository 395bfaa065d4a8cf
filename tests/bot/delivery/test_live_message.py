"""What is worth an edit of a waiting message."""

from __future__ import annotations

import pytest

from bot.delivery.live_message import Sheet
from bot.delivery.sender import Place
from bot.jobs.events import Moved, Standing
from bot.ui.views import Glimpse
from tests.bot.conftest import MakeJob


@pytest.mark.parametrize(
    ("standing", "shown"),
    [
        (Standing(place=3, eta=1000.2), False),  # as every look at the clock finds it
        (Standing(place=2, eta=1000.2), True),
        (Standing(place=3, eta=1010.0), True),
    ],
)
def test_a_place_and_a_time_that_hardly_changed_are_not_shown_anew(
    job: MakeJob, standing: Standing, shown: bool
) -> None:
    waiting = job()
    place = Place(job=waiting.id, channel=1, message=2, token=None)
    sheet = Sheet(job=waiting, place=place, limit=None, glimpse=Glimpse(standing=Standing(place=3, eta=1000.0)))

    sheet.hear(Moved(job_id=waiting.id, standing=standing))

    assert sheet.changed.is_set() is shown
