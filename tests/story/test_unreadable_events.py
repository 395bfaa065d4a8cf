"""Any field of any event may be what the library does not expect: that event is skipped, and all else goes on."""

from __future__ import annotations

import copy
import itertools
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from bot.gateway import IdentifyGaps
from playground import Playground
from playground.wire.jsons import Json, is_list, is_object
from playground.world import people
from tests.story.studio import PAINT, Studio, Visitor
from tests.support.patience import until

THREAD: Json = {
    "id": "1300000000000000001", "guild_id": people.GUILD_ID, "parent_id": PAINT, "owner_id": people.BOT.id,
    "type": 11, "name": "a thread", "message_count": 0, "member_count": 1, "rate_limit_per_user": 0,
    "thread_metadata": {
        "archived": False, "auto_archive_duration": 60, "archive_timestamp": "2026-01-01T00:00:00+00:00",
        "locked": False, "create_timestamp": "2026-01-01T00:00:00+00:00",
    },
}  # fmt: skip
ENTITLEMENT: Json = {
    "id": "1300000000000000002", "sku_id": "1300000000000000003", "application_id": people.APPLICATION_ID,
    "user_id": people.PEOPLE[0].id, "type": 8, "deleted": False, "consumed": False,
    "starts_at": "2026-01-01T00:00:00+00:00", "ends_at": "2027-01-01T00:00:00+00:00",
}  # fmt: skip
CHANNEL = people.CHANNELS[1].payload() | {"guild_id": people.GUILD_ID}
ROLE: Json = {"guild_id": people.GUILD_ID, "role": people.ROLES[0].payload()}
EVENTS: list[tuple[str, Json]] = [
    ("GUILD_CREATE", people.guild_create_payload()),
    ("GUILD_UPDATE", people.guild_payload()),
    ("GUILD_ROLE_UPDATE", ROLE),
    ("CHANNEL_CREATE", CHANNEL),
    ("CHANNEL_UPDATE", CHANNEL),
    ("THREAD_CREATE", THREAD),
    ("THREAD_UPDATE", THREAD),
    ("THREAD_LIST_SYNC", {"guild_id": people.GUILD_ID, "threads": [THREAD], "members": []}),
    ("ENTITLEMENT_CREATE", ENTITLEMENT),
    ("ENTITLEMENT_UPDATE", ENTITLEMENT),
]
STRANGE: tuple[Any, ...] = (None, [], {}, "strange", -1)
GONE = object()


def changes(payload: Any, values: Sequence[Any] = (GONE, *STRANGE)) -> Iterator[Any]:
    """This payload with one field gone, or of another kind, for each field and each kind."""
    for path in paths(payload):
        for value in values:
            yield changed(payload, path, value)


def paths(value: Any) -> Iterator[tuple[Any, ...]]:
    """Where each field lies, down to the first of every list."""
    inner: list[tuple[Any, Any]] = []
    if is_object(value):
        inner = [*value.items()]
    elif is_list(value):
        inner = [*enumerate(value[:1])]
    for key, part in inner:
        yield (key,)
        yield from ((key, *rest) for rest in paths(part))


def changed(payload: Any, path: tuple[Any, ...], value: Any) -> Any:
    copied = copy.deepcopy(payload)
    place = copied
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copied


@pytest.fixture
def lines(studio: Studio, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged once the bot is online."""
    caplog.clear()
    caplog.set_level(logging.INFO)
    return caplog


def assert_the_line_has_held(lines: pytest.LogCaptureFixture) -> None:
    assert [line for line in lines.messages if "session" in line.lower() or "reconnect" in line.lower()] == []


@pytest.mark.parametrize(("event", "payload"), EVENTS, ids=[event for event, _ in EVENTS])
async def test_an_event_with_any_one_field_changed_ends_nothing(
    studio: Studio, playground: Playground, mia: Visitor, lines: pytest.LogCaptureFixture, event: str, payload: Json
) -> None:
    for spoilt in (None, *changes(payload)):
        await playground.send_event(event, spoilt)

    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()
    assert_the_line_has_held(lines)
    skipped = [line for line in lines.messages if line == f"an event that cannot be read is skipped: {event}"]
    assert 1 <= len(skipped) <= 6  # one for each kind of mistake


async def test_an_interaction_with_any_one_field_changed_ends_nothing(
    studio: Studio, playground: Playground, mia: Visitor, lines: pytest.LogCaptureFixture
) -> None:
    heard: list[Json] = []
    playground.spoil_next("INTERACTION_CREATE", lambda data: heard.append(data) or data)
    await mia.say("/help")
    await mia.is_told("/imagine")
    [payload] = heard
    for number, spoilt in enumerate(changes(payload, (GONE, None))):  # each is answered
        for key in ("id", "token"):  # other interactions, of which the playground knows nothing
            if spoilt.get(key) == payload[key]:
                spoilt[key] = f"{payload[key]}{number}"
        await playground.send_event("INTERACTION_CREATE", spoilt)

    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()
    assert_the_line_has_held(lines)


@pytest.mark.parametrize("spoilt", [{"entitlements": None}, {"data": {}}, {"member": {}}], ids=str)
async def test_whoever_sends_what_cannot_be_read_is_told_so_with_the_id_that_the_log_has(
    studio: Studio, playground: Playground, mia: Visitor, lines: pytest.LogCaptureFixture, spoilt: Json
) -> None:
    playground.spoil_next("INTERACTION_CREATE", lambda data: data | spoilt)

    await mia.say("/imagine prompt:a red star")

    await mia.is_told("Something went wrong on my side. It is noted as ")
    assert len([line for line in lines.messages if line.startswith("bug ")]) == 1
    assert_the_line_has_held(lines)


@pytest.mark.parametrize("event", ["READY", "RESUMED"])
async def test_a_session_whose_beginning_cannot_be_read_is_begun_anew(
    studio: Studio, playground: Playground, mia: Visitor, lines: pytest.LogCaptureFixture, event: str
) -> None:
    studio.bot.identifies = IdentifyGaps(itertools.count(0, 10_000).__next__)  # it may begin one at any time
    playground.spoil_next(event, lambda _: None)

    if event == "READY":
        await playground.invalidate_sessions()
    else:
        await playground.drop_gateway()
    await until(lambda: "what the gateway says cannot be read; beginning a new session" in lines.messages)
    await until(lambda: not playground.online)
    await until(lambda: playground.online)

    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()
