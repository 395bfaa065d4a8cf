"""Each refusal of Discord is read by its code; one that nobody foresaw loses no picture."""

from __future__ import annotations

from typing import Any, cast

import discord
import pytest

from bot.rest.codes import MEANINGS, Meaning, meaning_of


class Response:
    """As much of an answer as the library's error reads."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.reason = "No"


def refused(status: int, code: int) -> discord.HTTPException:
    return discord.HTTPException(cast("Any", Response(status)), {"code": code, "message": "no"})


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 429, 499])
@pytest.mark.parametrize("code", [0, 99999])
def test_what_the_table_does_not_know_is_tried_again(status: int, code: int) -> None:
    assert meaning_of(refused(status, code)) is Meaning.LATER


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (403, 40333, Meaning.LATER),
        (403, 50013, Meaning.NOT_THIS_WAY),
        (400, 50083, Meaning.ARCHIVED),
        (401, 50027, Meaning.NOT_THIS_WAY),
        (404, 10003, Meaning.GONE),
        (400, 240000, Meaning.NOT_THIS_CONTENT),
        (413, 40005, Meaning.TOO_HEAVY),
        (413, 0, Meaning.TOO_HEAVY),
        (400, 50045, Meaning.TOO_HEAVY),
    ],
)
def test_the_code_decides_and_not_the_status(status: int, code: int, meaning: Meaning) -> None:
    assert meaning_of(refused(status, code)) is meaning


def test_every_meaning_has_a_code() -> None:
    assert set(MEANINGS.values()) == set(Meaning)
