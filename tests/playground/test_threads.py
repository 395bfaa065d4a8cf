"""Threads: what nobody can do in an archived one, what opens it, and what a locked one refuses."""

from __future__ import annotations

from typing import Any

import pytest

from playground import Playground
from tests.playground.guest import PAINT
from tests.playground.rest_client import MESSAGES, rest_client

THREAD = f"/channels/{PAINT}"
OPEN = {"archived": False}


def code(answer: tuple[int, Any]) -> tuple[int, int]:
    status, body = answer
    return status, body["code"] if status >= 400 else 0


async def test_nothing_in_an_archived_thread_can_be_changed_until_a_new_message_opens_it(
    playground: Playground,
) -> None:
    async with rest_client(playground) as rest:
        _, old = await rest("POST", MESSAGES, {"content": "before"})
        playground.archive(PAINT)
        edited = await rest("PATCH", f"{MESSAGES}/{old['id']}", {"content": "edited"})
        deleted = await rest("DELETE", f"{MESSAGES}/{old['id']}")
        read = await rest("GET", f"{MESSAGES}/{old['id']}")
        sent = await rest("POST", MESSAGES, {"content": "after"})
        later = await rest("PATCH", f"{MESSAGES}/{old['id']}", {"content": "edited"})

    assert [code(edited), code(deleted)] == [(400, 50083)] * 2
    assert [code(read), code(sent), code(later)] == [(200, 0)] * 3


async def test_an_archived_thread_can_be_opened(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        _, old = await rest("POST", MESSAGES, {"content": "before"})
        playground.archive(PAINT)
        _, closed = await rest("GET", THREAD)
        status, opened = await rest("PATCH", THREAD, OPEN)
        edited = await rest("PATCH", f"{MESSAGES}/{old['id']}", {"content": "edited"})
        again = await rest("PATCH", THREAD, OPEN)

    assert (closed["thread_metadata"]["archived"], opened["thread_metadata"]["archived"]) == (True, False)
    assert (status, code(edited), code(again)) == (200, (200, 0), (200, 0))


async def test_a_locked_thread_can_neither_be_opened_nor_written_in(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        _, old = await rest("POST", MESSAGES, {"content": "before"})
        playground.archive(PAINT, locked=True)
        opened = await rest("PATCH", THREAD, OPEN)
        sent = await rest("POST", MESSAGES, {"content": "after"})
        edited = await rest("PATCH", f"{MESSAGES}/{old['id']}", {"content": "edited"})

    assert code(opened) == (403, 50013)
    assert [code(sent), code(edited)] == [(400, 50083)] * 2


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, (200, 0)),
        ({"archived": None}, (200, 0)),
        ({"archived": True}, (403, 50013)),
        ({"archived": False, "locked": False}, (403, 50013)),
        ({"name": "mine"}, (403, 50013)),
        ({"archived": "no"}, (400, 50035)),
        ({"archived": False, "auto_archive_duration": 61}, (400, 50035)),
    ],
)
async def test_a_member_can_change_nothing_else_of_it(
    playground: Playground, body: dict[str, Any], refusal: tuple[int, int]
) -> None:
    playground.archive(PAINT)
    async with rest_client(playground) as rest:
        assert code(await rest("PATCH", THREAD, body)) == refusal
        _, thread = await rest("GET", THREAD)

    assert thread["thread_metadata"]["archived"]


@pytest.mark.parametrize(("channel", "refusal"), [(PAINT, (403, 50013)), ("1100000000000000099", (404, 10003))])
async def test_what_is_no_thread_cannot_be_opened(
    playground: Playground, channel: str, refusal: tuple[int, int]
) -> None:
    async with rest_client(playground) as rest:
        assert code(await rest("PATCH", f"/channels/{channel}", OPEN)) == refusal
