"""A double click is one request."""

from __future__ import annotations

import discord
import pytest

from bot.double_clicks import SAME_CLICK, DoubleClicks
from bot.ui.buttons import job_button
from cogs.buttons import JobButton
from tests.support.clocks import ManualClock


def test_a_second_click_counts_only_after_a_while() -> None:
    clock = ManualClock()
    clicks = DoubleClicks(clock=clock)

    assert clicks.first(1, 10, "z1:reroll:a:0")
    assert not clicks.first(1, 10, "z1:reroll:a:0")
    clock.advance(SAME_CLICK)
    assert clicks.first(1, 10, "z1:reroll:a:0")


def test_other_people_buttons_and_messages_do_not_count_as_the_same() -> None:
    clicks = DoubleClicks(clock=ManualClock())

    assert clicks.first(1, 10, "z1:reroll:a:0")
    assert clicks.first(2, 10, "z1:reroll:a:0")
    assert clicks.first(1, 11, "z1:reroll:a:0")
    assert clicks.first(1, 10, "z1:vary:a:0")


def test_what_is_remembered_does_not_grow_for_ever() -> None:
    clicks = DoubleClicks(clock=ManualClock())

    for message in range(10_000):
        assert clicks.first(1, message, "z1:reroll:a:0")

    assert len(clicks._last) < 5_000


@pytest.mark.parametrize(
    "custom_id",
    ["z1:reroll:jobaaaaaaaaaaaa1:4", "z2:reroll:jobaaaaaaaaaaaa1:0", "z1:drop:jobaaaaaaaaaaaa1:0", "z1:vary:../x:0",
     "z1:reroll:jobaaaaaaaaaaaa1:0 "],
)  # fmt: skip
def test_ids_that_are_not_ours_are_nobodys(custom_id: str) -> None:
    assert JobButton.__discord_ui_compiled_template__.fullmatch(custom_id) is None


def test_a_button_is_known_again_by_its_id() -> None:
    button = job_button("vary", "jobaaaaaaaaaaaa1", 2, locale="en-US")

    match = JobButton.__discord_ui_compiled_template__.fullmatch(str(button.custom_id))
    assert match is not None
    assert match.groupdict() == {"verb": "vary", "job": "jobaaaaaaaaaaaa1", "k": "2"}
    assert button.label == "Vary 3"
    assert button.style is discord.ButtonStyle.secondary


def test_what_takes_something_away_is_red_among_its_neighbours() -> None:
    verbs = ("delete", "remove", "reroll", "edit")
    styles = [job_button(verb, "jobaaaaaaaaaaaa1", 0, locale="en-US").style for verb in verbs]

    danger = discord.ButtonStyle.danger
    assert [verb for verb, style in zip(verbs, styles, strict=True) if style is danger] == ["delete", "remove"]
