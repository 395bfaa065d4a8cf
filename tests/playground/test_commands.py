"""Registered commands: replaced as a whole, one by one, for all guilds or for one."""

import pytest

from playground import Playground
from playground.world import people
from tests.playground.guest import MIA, at_the_page
from tests.playground.rest_client import COMMANDS, codes, command, option, rest_client

GUILD_COMMANDS = f"/applications/{people.APPLICATION_ID}/guilds/{people.GUILD_ID}/commands"


@pytest.mark.parametrize("base", [COMMANDS, GUILD_COMMANDS])
async def test_a_command_is_made_read_edited_and_deleted(playground: Playground, base: str) -> None:
    async with rest_client(playground) as rest:
        created, one = await rest("POST", base, command())
        repeated, same = await rest("POST", base, command(description="Paints again"))
        _, read = await rest("GET", f"{base}/{one['id']}")
        _, edited = await rest("PATCH", f"{base}/{one['id']}", {"name": "draw", "options": [option("what")]})
        _, listed = await rest("GET", base)
        deleted, _ = await rest("DELETE", f"{base}/{one['id']}")
        _, rest_of_them = await rest("GET", base)

    assert (created, repeated, deleted) == (201, 200, 204)
    assert one["id"] == same["id"] == edited["id"]
    assert read["description"] == "Paints again"
    assert [(each["name"], each["options"][0]["name"]) for each in listed] == [("draw", "what")]
    assert rest_of_them == []


async def test_a_command_keeps_its_id_when_all_are_replaced(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        _, before = await rest("PUT", COMMANDS, [command(), command(name="old")])
        _, after = await rest("PUT", COMMANDS, [command(description="Other"), command(name="new")])

    assert after[0]["id"] == before[0]["id"]
    assert after[0]["version"] != before[0]["version"]
    assert after[1]["id"] != before[1]["id"]


async def test_a_refused_replacement_leaves_the_commands_as_they_were(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        await rest("PUT", COMMANDS, [command()])
        await rest("PUT", COMMANDS, [command(name="Bad Name")])
        _, commands = await rest("GET", COMMANDS)

    assert [one["name"] for one in commands] == ["paint"]


async def test_translations_are_shown_when_asked_for(playground: Playground) -> None:
    translated = command(name_localizations={"zh-CN": "画"}, options=[option("a", name_localizations={"zh-CN": "甲"})])
    async with rest_client(playground) as rest:
        await rest("PUT", COMMANDS, [translated])
        _, short = await rest("GET", COMMANDS)
        _, full = await rest("GET", f"{COMMANDS}?with_localizations=true")

    assert "name_localizations" not in short[0]
    assert full[0]["name_localizations"] == {"zh-CN": "画"}
    assert full[0]["options"][0]["name_localizations"] == {"zh-CN": "甲"}


async def test_a_command_of_the_guild_hides_a_global_one(playground: Playground) -> None:
    async with rest_client(playground) as rest, at_the_page(playground) as mia:
        await rest("PUT", COMMANDS, [command(), command(name="other")])
        await rest("PUT", GUILD_COMMANDS, [command(description="Here")])

        async with mia.session.get(f"{mia.url}/page/state", params={"person": MIA}) as reply:
            commands = (await reply.json())["commands"]

    assert [(one["name"], one["description"]) for one in commands] == [("paint", "Here"), ("other", "Paints")]


async def test_context_menus_have_names_with_spaces_and_no_description(playground: Playground) -> None:
    async with rest_client(playground) as rest, at_the_page(playground) as mia:
        fine, _ = await rest("PUT", COMMANDS, [{"type": 3, "name": "Paint This"}])
        status, answer = await rest("PUT", COMMANDS, [{"type": 3, "name": "Paint This", "description": "x"}])
        sentence = await mia.refused("/paint this")

    assert fine == 200
    assert status == 400
    assert codes(answer["errors"]) == {"0.description": "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION"}
    assert sentence == 'There is no command "/paint".'


async def test_commands_of_others_are_out_of_reach(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        application = await rest("GET", "/applications/1/commands")
        guild = await rest("GET", f"/applications/{people.APPLICATION_ID}/guilds/1/commands")

    assert (application[0], application[1]["code"]) == (403, 50001)
    assert (guild[0], guild[1]["code"]) == (403, 50001)
