"""Going online: what Discord refuses or delays at the start is waited for, or done without."""

from __future__ import annotations

import logging

import aiohttp
import pytest

from bot import client, command_sync
from playground import Playground
from playground.wire.faults import Faults
from playground.world import people
from tests.story.studio import Studio, Visitor
from tests.support.openapi import WireContract
from tests.support.patience import until

LIST = "/applications/\\d+/commands$"
COMMANDS = f"/api/v10/applications/{people.APPLICATION_ID}/commands"
ENTRY_POINT = {"type": 4, "name": "launch", "handler": 2, "integration_types": [0], "contexts": [0]}


def refused(faults: Faults, *, status: int, code: int = 0, times: int = 1) -> None:
    faults.refuse(LIST, method="PUT", times=times, status=status, code=code, message="No")


@pytest.mark.parametrize(("status", "code"), [(400, 50240), (400, 50035), (403, 50001), (503, 0)])
async def test_a_list_of_commands_that_discord_refuses_is_sent_again_while_the_bot_works(
    empty_studio: Studio,
    playground: Playground,
    mia: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
    code: int,
) -> None:
    monkeypatch.setattr(command_sync, "FIRST_RETRY", 0.05)
    caplog.set_level(logging.INFO)
    refused(playground.faults, status=status, code=code, times=2)

    await empty_studio.open_bot()
    await empty_studio.open_engine()
    await until(lambda: "commands sent" in caplog.text)

    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()
    assert caplog.text.count("the list of commands cannot be sent or noted for now; the old one stays") == 1


async def test_a_list_of_commands_that_discord_delays_for_an_hour_keeps_nobody_waiting(
    empty_studio: Studio, playground: Playground, mia: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await empty_studio.open_bot()
    await empty_studio.service.ledger.facts.keep(f"commands:{people.APPLICATION_ID}", "an older tree")
    playground.faults.rate_limit(LIST, method="PUT", retry_after=3600)
    monkeypatch.setattr(client, "FIRST_LIST", 0.1)

    await empty_studio.restart_bot()
    await empty_studio.open_engine()

    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()


async def test_the_entry_point_of_an_activity_stays_in_the_list(
    empty_studio: Studio, playground: Playground, wire_contract: WireContract
) -> None:
    headers = {"Authorization": f"Bot {playground.token}"}
    async with aiohttp.ClientSession(playground.url, headers=headers) as discord:
        async with discord.post(COMMANDS, json=ENTRY_POINT) as made:
            entry_point = await made.json()

        await empty_studio.open_bot()

        async with discord.get(COMMANDS) as read:
            commands = await read.json()
    assert {"launch", "imagine"} < {command["name"] for command in commands}
    assert [command["id"] for command in commands if command["type"] == 4] == [entry_point["id"]]
    sync = ("PUT", "/applications/{application_id}/commands")
    await empty_studio.restart_bot()
    assert wire_contract.seen[sync] == 1


@pytest.mark.parametrize("path", ["/users/@me$", "/oauth2/applications/@me$", "/gateway/bot$"])
async def test_an_outage_at_the_start_is_waited_for_with_one_line(
    empty_studio: Studio, playground: Playground, mia: Visitor, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    playground.faults.refuse(path, status=503, times=2)
    playground.faults.reset(path)

    await empty_studio.open_bot()

    await empty_studio.open_engine()
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()
    assert caplog.text.count("Discord cannot be reached; trying again until it can") == 1
    assert caplog.text.count("Discord can be reached again") == 1
    assert "Traceback" not in caplog.text


async def test_commands_that_an_earlier_program_left_in_a_server_are_reported_with_the_way_to_remove_them(
    empty_studio: Studio, playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Authorization": f"Bot {playground.token}"}
    path = COMMANDS.replace("/commands", f"/guilds/{people.GUILD_ID}/commands")
    async with aiohttp.ClientSession(playground.url, headers=headers) as discord:
        left = [{"name": name, "description": "Old"} for name in ("imagine", "weather")]
        await discord.put(path, json=left)

    await empty_studio.open_bot()

    await until(lambda: f"python run_bot.py clear-commands {people.GUILD_ID}" in caplog.text)
    assert "see /imagine twice" in caplog.text
