"""What Discord refuses, the playground refuses: also where the OpenAPI document cannot see it."""

from typing import Any

import pytest

from playground import Playground
from playground.world import people
from playground.world.rules import Rules
from tests.playground.guest import PAINT, at_the_page
from tests.playground.rest_client import (
    COMMANDS,
    MESSAGES,
    V2,
    button,
    codes,
    command,
    gallery,
    option,
    rest_client,
    row,
    text,
)

EMBED_3001 = {"description": "x" * 3001}
SELECT = {"type": 3, "custom_id": "s", "options": [{"label": "a", "value": "a"}]}

MESSAGE_RULES: dict[str, tuple[Any, str, str]] = {
    "embeds of more than 6000 characters": ({"embeds": [EMBED_3001] * 2}, "embeds", "MAX_EMBED_SIZE_EXCEEDED"),
    "more than ten embeds": ({"embeds": [{"title": "x"}] * 11}, "embeds", "BASE_TYPE_MAX_LENGTH"),
    "more than five rows without V2": (
        {"components": [row(button(f"b{n}")) for n in range(6)]},
        "components",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "six buttons in a row": (
        {"components": [row(*(button(f"b{n}") for n in range(6)))]},
        "components.0.components",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "a select beside a button": (
        {"components": [row(SELECT, button())]},
        "components.0.components.1",
        "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
    ),
    "the same custom_id twice": (
        {"components": [row(button("a")), row(button("a"))]},
        "components.1.components.0.custom_id",
        "COMPONENT_CUSTOM_ID_DUPLICATED",
    ),
    "a button without custom_id": (
        {"components": [row(button(None))]},
        "components.0.components.0.custom_id",
        "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED",
    ),
    "a button without label and emoji": (
        {"components": [row(button(label=None))]},
        "components.0.components.0.label",
        "BUTTON_COMPONENT_LABEL_REQUIRED",
    ),
    "a label of 81 characters": (
        {"components": [row(button(label="x" * 81))]},
        "components.0.components.0.label",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "a custom_id of 101 characters": (
        {"components": [row(button("x" * 101))]},
        "components.0.components.0.custom_id",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "more than 40 components, nested ones counted": (
        {"flags": V2, "components": [{"type": 17, "components": [text()] * 39}, text()]},
        "components",
        "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
    ),
    "content beside V2": (
        {"flags": V2, "content": "x", "components": [text()]},
        "content",
        "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
    ),
    "embeds beside V2": (
        {"flags": V2, "embeds": [{"title": "x"}], "components": [text()]},
        "embeds",
        "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
    ),
    "V2 components without the flag": (
        {"components": [text()]},
        "components.0.type",
        "COMPONENT_TYPE_REQUIRES_V2",
    ),
    "a container in a container": (
        {"flags": V2, "components": [{"type": 17, "components": [{"type": 17, "components": [text()]}]}]},
        "components.0.components.0.type",
        "UNION_TYPE_CHOICES",
    ),
    "texts of more than 4000 characters together": (
        {"flags": V2, "components": [text("x" * 2001), text("x" * 2000)]},
        "components",
        "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
    ),
    "an empty alt text": (
        {"flags": V2, "components": [gallery(description="")]},
        "components.0.items.0.description",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "an alt text of 1025 characters": (
        {"flags": V2, "components": [gallery(description="x" * 1025)]},
        "components.0.items.0.description",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "a gallery of eleven": (
        {"flags": V2, "components": [{"type": 12, "items": gallery()["items"] * 11}]},
        "components.0.items",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "a gallery item whose file is missing": (
        {"flags": V2, "components": [gallery()]},
        "components.0.items.0.media.url",
        "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
    ),
    "a picture from a file of this computer": (
        {"flags": V2, "components": [gallery(media={"url": "file:///etc/passwd"})]},
        "components.0.items.0.media.url",
        "URL_TYPE_INVALID_SCHEME",
    ),
    "an attachment that was not sent": (
        {"content": "x", "attachments": [{"id": 0, "filename": "a.png"}]},
        "attachments.0.id",
        "ATTACHMENT_NOT_FOUND",
    ),
    "content of 2001 characters": ({"content": "x" * 2001}, "content", "BASE_TYPE_MAX_LENGTH"),
    "a reply to nothing": (
        {"content": "x", "message_reference": {"message_id": "1"}},
        "message_reference",
        "MESSAGE_REFERENCE_UNKNOWN_MESSAGE",
    ),
}

COMMAND_RULES: dict[str, tuple[Any, str, str]] = {
    "capital letters in a name": (
        [command(name="Paint")],
        "0.name",
        "APPLICATION_COMMAND_INVALID_NAME",
    ),
    "a space in a name": ([command(name="paint it")], "0.name", "APPLICATION_COMMAND_INVALID_NAME"),
    "a missing description": ([{"name": "paint"}], "0.description", "BASE_TYPE_REQUIRED"),
    "an empty description of an option": (
        [command(options=[option("a", description="")])],
        "0.options.0.description",
        "BASE_TYPE_BAD_LENGTH",
    ),
    "a required option after an optional one": (
        [command(options=[option("a"), option("b", required=True)])],
        "0.options.1.required",
        "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
    ),
    "two commands of one name": ([command(), command()], "1.name", "APPLICATION_COMMANDS_DUPLICATE_NAME"),
    "two options of one name": (
        [command(options=[option("a"), option("a")])],
        "0.options.1.name",
        "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
    ),
    "choices beside autocomplete": (
        [command(options=[option("a", autocomplete=True, choices=[{"name": "x", "value": "x"}])])],
        "0.options.0.autocomplete",
        "APPLICATION_COMMAND_AUTOCOMPLETE_WITH_CHOICES",
    ),
    "26 choices": (
        [command(options=[option("a", choices=[{"name": f"{n}", "value": "x"} for n in range(26)])])],
        "0.options.0.choices",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "26 options": (
        [command(options=[option(f"a{n}") for n in range(26)])],
        "0.options",
        "BASE_TYPE_MAX_LENGTH",
    ),
    "a language nobody knows": (
        [command(name_localizations={"tlh": "paint"})],
        "0.name_localizations.tlh",
        "BASE_TYPE_CHOICES",
    ),
    "a translated name with capitals": (
        [command(name_localizations={"de": "Malen"})],
        "0.name_localizations.de",
        "APPLICATION_COMMAND_INVALID_NAME",
    ),
    "subcommands beside options": (
        [command(options=[option("a", type=1), option("b")])],
        "0.options",
        "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
    ),
}


@pytest.mark.parametrize("rule", MESSAGE_RULES)
async def test_a_message_is_refused_for(rule: str, playground: Playground) -> None:
    body, path, code = MESSAGE_RULES[rule]
    async with rest_client(playground) as rest:
        status, answer = await rest("POST", MESSAGES, body)

    assert (status, answer["code"], answer["message"]) == (400, 50035, "Invalid Form Body")
    assert codes(answer["errors"])[path] == code


@pytest.mark.parametrize("rule", COMMAND_RULES)
async def test_commands_are_refused_for(rule: str, playground: Playground) -> None:
    body, path, code = COMMAND_RULES[rule]
    async with rest_client(playground) as rest:
        status, answer = await rest("PUT", COMMANDS, body)

    assert (status, answer["code"]) == (400, 50035)
    assert codes(answer["errors"])[path] == code


async def test_a_hundred_commands_are_enough(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        fine, _ = await rest("PUT", COMMANDS, [command(name=f"c{n}") for n in range(100)])
        status, answer = await rest("PUT", COMMANDS, [command(name=f"c{n}") for n in range(101)])

    assert fine == 200
    assert (status, answer["code"]) == (400, 30032)


async def test_a_command_of_more_than_8000_characters_is_refused(playground: Playground) -> None:
    choices = [{"name": f"{n:03}" + "n" * 97, "value": "v" * 100} for n in range(25)]
    async with rest_client(playground) as rest:
        status, answer = await rest(
            "PUT", COMMANDS, [command(options=[option("a", choices=choices), option("b", choices=choices)])]
        )

    assert status == 400
    assert codes(answer["errors"]) == {"0": "APPLICATION_COMMAND_TOO_LARGE"}


async def test_an_empty_message_is_refused(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        assert (await rest("POST", MESSAGES, {"content": ""}))[1]["code"] == 50006


@pytest.mark.parametrize("rules", [Rules(attachment_size=1000, request_size=4000)])
async def test_files_have_a_limit_each_and_together(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        answers = [
            await rest("POST", MESSAGES, {}, [("files[0]", "a.bin", b"x" * 1000)]),
            await rest("POST", MESSAGES, {}, [("files[0]", "a.bin", b"x" * 1001)]),
            await rest("POST", MESSAGES, {}, [(f"files[{n}]", "a.bin", b"x" * 900) for n in range(5)]),
        ]

    assert [status for status, _ in answers] == [200, 413, 413]
    assert answers[1][1]["code"] == answers[2][1]["code"] == 40005


async def test_eleven_files_are_refused(playground: Playground) -> None:
    files = [(f"files[{n}]", "a.bin", b"x") for n in range(11)]
    async with rest_client(playground) as rest:
        status, answer = await rest("POST", MESSAGES, {}, files)

    assert status == 400
    assert codes(answer["errors"]) == {"attachments": "BASE_TYPE_MAX_LENGTH"}


async def test_a_message_of_somebody_else_is_not_edited(playground: Playground) -> None:
    async with at_the_page(playground) as mia, rest_client(playground) as rest:
        said = await mia.say("mine")

        edited = await rest("PATCH", f"{MESSAGES}/{said['message_id']}", {"content": "yours"})
        deleted = await rest("DELETE", f"{MESSAGES}/{said['message_id']}")

        assert (edited[0], edited[1]["code"]) == (403, 50005)
        assert (deleted[0], deleted[1]["code"]) == (403, 50013)
        assert (await mia.messages())[0]["content"] == "mine"


async def test_strangers_and_strange_places_are_refused(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        answers = {
            (await rest("GET", "/channels/1"))[1]["code"]: 10003,
            (await rest("GET", "/guilds/1"))[1]["code"]: 10004,
            (await rest("GET", f"/guilds/{people.GUILD_ID}/members/1"))[1]["code"]: 10007,
            (await rest("GET", f"{MESSAGES}/1"))[1]["code"]: 10008,
            (await rest("GET", f"{COMMANDS}/1"))[1]["code"]: 10063,
            (await rest("GET", f"/webhooks/{people.APPLICATION_ID}/nothing/messages/@original"))[1]["code"]: 10015,
            (await rest("POST", "/interactions/1/nothing/callback", {"type": 5}))[1]["code"]: 10062,
        }
        rest.headers["Authorization"] = "Bot wrong"
        status, answer = await rest("GET", f"/channels/{PAINT}")

    assert all(told == expected for told, expected in answers.items())
    assert (status, answer) == (401, {"message": "401: Unauthorized", "code": 0})
