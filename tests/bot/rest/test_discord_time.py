"""Whose clock it is."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from bot.rest.discord_time import DiscordTime
from tests.support.clocks import ManualClock


def test_a_host_that_is_off_is_set_right_said_once_and_followed(caplog: pytest.LogCaptureFixture) -> None:
    host = ManualClock()
    clock = DiscordTime(host)

    for _ in range(3):
        clock.heard(formatdate(host() - 1200, usegmt=True))
        assert clock() == pytest.approx(host() - 1200, abs=1)
        host.advance(5)
    host.advance(-1200)  # somebody has set it right
    clock.heard(formatdate(host(), usegmt=True))

    assert clock() == host()
    assert caplog.text.count("fast") == 1


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 31 Foo 2026 99:99:99 GMT"])
def test_what_is_no_date_changes_nothing(date: str) -> None:
    host = ManualClock()
    clock = DiscordTime(host)

    clock.heard(date)

    assert clock() == host()


def test_seconds_that_an_answer_travels_are_no_fault_of_the_clock() -> None:
    host = ManualClock()
    clock = DiscordTime(host)

    clock.heard(formatdate(host() - 2, usegmt=True))

    assert clock() == host()
