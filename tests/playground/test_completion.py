"""What the composer offers."""

from typing import Any

import pytest

from playground import Playground
from tests.playground.guest import ROBIN, Guest, at_the_page
from tests.playground.rest_client import COMMANDS, command, option, rest_client

SHAPE = option(
    "shape",
    name_localizations={"zh-CN": "形状"},
    choices=[
        {"name": "square", "value": "1:1", "name_localizations": {"zh-CN": "方形"}},
        {"name": "wide", "value": "16:9", "name_localizations": {"zh-CN": "宽"}},
    ],
)
PAINT = command(
    name="imagine",
    name_localizations={"zh-CN": "画"},
    description_localizations={"zh-CN": "画一幅画"},
    options=[
        option("prompt", required=True, name_localizations={"zh-CN": "提示词"}),
        SHAPE,
        option("seed", type=4),
        option("hd", type=5),
    ],
)
DEFAULTS = {
    "type": 2,
    "name": "defaults",
    "description": "Defaults",
    "options": [{"type": 1, "name": "show", "description": "Shows them", "options": []}],
}
ADMIN = command(name="admin", default_member_permissions=32, options=[DEFAULTS])


async def offered(guest: Guest, text: str, cursor: int | None = None, **more: Any) -> list[tuple[str, str]]:
    """(label, the text after choosing) of each item."""
    status, body = await guest.post("complete", text=text, cursor=len(text) if cursor is None else cursor, **more)
    assert status == 200
    return [(item["label"], text[: item["start"]] + item["insert"] + text[item["end"] :]) for item in body["items"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", []),
        ("/", [("/imagine", "/imagine ")]),
        ("/im", [("/imagine", "/imagine ")]),
        ("/x", []),
        (
            "/imagine ",
            [
                ("prompt", "/imagine prompt:"),
                ("shape", "/imagine shape:"),
                ("seed", "/imagine seed:"),
                ("hd", "/imagine hd:"),
            ],
        ),
        (
            "/imagine prompt:a red s",
            [("shape", "/imagine prompt:a red shape:"), ("seed", "/imagine prompt:a red seed:")],
        ),
        (
            "/imagine prompt:a shape:",
            [("square", "/imagine prompt:a shape:square"), ("wide", "/imagine prompt:a shape:wide")],
        ),
        ("/imagine shape:16", [("wide", "/imagine shape:wide")]),
        ("/imagine hd:t", [("true", "/imagine hd:true")]),
    ],
)
async def test_it_offers(playground: Playground, text: str, expected: list[tuple[str, str]]) -> None:
    async with rest_client(playground) as rest, at_the_page(playground) as mia:
        await rest("PUT", COMMANDS, [PAINT, ADMIN])

        assert await offered(mia, text) == expected


async def test_it_speaks_the_language_of_the_page(playground: Playground) -> None:
    async with rest_client(playground) as rest, at_the_page(playground) as bao:
        await rest("PUT", COMMANDS, [PAINT])
        bao.locale = "zh-CN"

        assert await offered(bao, "/") == [("/画", "/画 ")]
        assert await offered(bao, "/画 形") == [("形状", "/画 形状:")]
        assert await offered(bao, "/画 形状:") == [("方形", "/画 形状:方形"), ("宽", "/画 形状:宽")]


async def test_it_completes_at_the_cursor(playground: Playground) -> None:
    async with rest_client(playground) as rest, at_the_page(playground) as mia:
        await rest("PUT", COMMANDS, [PAINT])

        assert await offered(mia, "/imagine se prompt:x", 11) == [("seed", "/imagine seed: prompt:x")]


async def test_it_offers_admin_commands_to_those_who_may(playground: Playground) -> None:
    async with rest_client(playground) as rest, at_the_page(playground) as mia, at_the_page(playground, ROBIN) as robin:
        await rest("PUT", COMMANDS, [PAINT, ADMIN])

        assert await offered(mia, "/ad") == []
        assert await offered(robin, "/ad") == [("/admin defaults show", "/admin defaults show ")]
        assert await offered(robin, "/admin de") == [("/admin defaults show", "/admin defaults show ")]
        assert await mia.refused("/admin defaults show") == 'There is no command "/admin"; there are /imagine.'
