"""What is still there after the playground was stopped and started again."""

import time
from pathlib import Path

from playground import Rules, open_playground
from tests.playground.guest import MIA, at_the_page, becomes, content_is
from tests.playground.rest_client import MESSAGES, rest_client
from tests.playground.small_bot import SmallBot, connected
from tests.support.openapi import WireContract
from tests.support.ports import free_port


async def test_messages_files_token_and_commands_survive_a_restart(tmp_path: Path, wire_contract: WireContract) -> None:
    async with open_playground(data=tmp_path, on_exchange=wire_contract) as first, connected(SmallBot(), first):
        token = first.token
        async with at_the_page(first) as mia:
            await mia.say("/imagine prompt:a star seed:3")
            before = await mia.sees(lambda message: message["attachments"])

    async with open_playground(data=tmp_path) as second, at_the_page(second) as mia:
        after = (await mia.messages())[0]
        async with mia.session.get(f"{second.url}/page/state", params={"person": MIA}) as reply:
            state = await reply.json()
        async with mia.session.get(after["attachments"][0]["url"]) as reply:
            assert reply.status == 200

    assert second.token == token
    assert after["id"] == before["id"]
    assert after["attachments"][0]["url"].startswith(second.url)
    assert "imagine" in {command["name"] for command in state["commands"]}


async def test_files_that_nothing_shows_any_more_go_with_a_restart(tmp_path: Path) -> None:
    async with open_playground(data=tmp_path) as first, rest_client(first) as rest:
        _, message = await rest("POST", MESSAGES, {}, [("files[0]", "old.png", b"old")])
        path = f"{MESSAGES}/{message['id']}"
        _, message = await rest("PATCH", path, {"attachments": [{"id": 0}]}, [("files[0]", "new.png", b"new")])

    later = Rules(wall=lambda: time.time() + 3600)
    async with open_playground(data=tmp_path, rules=later):
        left = [file.name for file in (tmp_path / "attachments").rglob("*.png")]

    assert left == ["new.png"]


async def test_an_old_button_works_after_bot_and_playground_were_restarted(
    tmp_path: Path, wire_contract: WireContract
) -> None:
    async with (
        open_playground(data=tmp_path, on_exchange=wire_contract) as first,
        connected(SmallBot(), first),
        at_the_page(first) as mia,
    ):
        await mia.say("/imagine prompt:x seed:12")
        await mia.sees(lambda message: message["components"])

    async with (
        open_playground(data=tmp_path, on_exchange=wire_contract) as second,
        connected(SmallBot(), second),
        at_the_page(second) as mia,
    ):
        await mia.say("click:Again")
        await mia.sees(content_is("again 12 for Mia"))


async def test_a_bot_comes_back_and_its_tokens_still_work_when_the_playground_restarts(
    tmp_path: Path, wire_contract: WireContract
) -> None:
    bot, port = SmallBot(), free_port()
    async with open_playground(data=tmp_path, port=port, on_exchange=wire_contract) as first:
        running = connected(bot, first)
        await running.__aenter__()
        async with at_the_page(first) as mia:
            await mia.say("/imagine prompt:x")
            await mia.sees(lambda message: message["components"])

    async with open_playground(data=tmp_path, port=port, on_exchange=wire_contract) as second:
        await becomes(lambda: second.online)
        await bot.seen[0].followup.send("still here")
        async with at_the_page(second) as mia:
            await mia.sees(content_is("still here"))
        await running.__aexit__(None, None, None)
