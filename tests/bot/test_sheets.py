"""What a message says of a job that is on its way, moment by moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.jobs.news import Standing
from bot.routes import Place
from bot.sheets import Sheet
from bot.ui.views import Glimpse
from tests.bot.conftest import MakeJob

NOW = 1_800_000_000.0


@pytest.fixture
def sheet(job: MakeJob) -> Sheet:
    made = job(prompt="a red star", negative="blue", enhance=True, enhanced="a bright red star")
    return Sheet(job=made, place=Place(job=made.id, channel=1, message=5, token=None), limit=None)


@pytest.mark.parametrize(("ahead", "shown"), [(-60.0, False), (0.0, False), (3.0, False), (3.1, True), (60.0, True)])
def test_an_estimate_is_counted_down_to_where_it_lies_ahead(sheet: Sheet, ahead: float, shown: bool) -> None:
    sheet.glimpse = Glimpse(standing=Standing(place=0, eta=NOW + ahead))

    standing = sheet.shown(NOW).standing

    assert standing is not None
    assert (standing.eta is not None) is shown
    assert sheet.countdown(NOW) == (pytest.approx(ahead) if shown else None)


def test_a_countdown_ends_when_its_moment_has_come(sheet: Sheet) -> None:
    sheet.glimpse = Glimpse(standing=Standing(place=0, eta=NOW + 10))
    sheet.shown(NOW)

    assert sheet.countdown(NOW + 4) == pytest.approx(6)
    assert sheet.countdown(NOW + 11) == 0


def test_without_words_nothing_of_the_prompt_is_said(sheet: Sheet) -> None:
    sheet.glimpse = replace(sheet.glimpse, writing="a bright red")
    assert sheet.said is sheet.job

    sheet.wordless = True

    said = sheet.said.request
    assert "red" not in said.prompt + said.enhanced + said.negative + said.painted_prompt
    assert not said.to_be_written
    assert sheet.shown(NOW).writing == ""
