"""How the bot behaves as a guest of Discord: what it asks for, how often it speaks, what it says when it stumbles."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace

import discord
import msgspec
import pytest

from bot.client import Turnstile
from bot.command_sync import NEEDS
from bot.delivery.edit_limits import EditLimits
from bot.requests.defaults import OwnerSettings
from bot.storage.database import LedgerFull
from playground import Playground
from playground.world import people
from protocol.card import StepRange
from tests.story.studio import BRISK, Message, Studio, Visitor, is_from_the_bot, words
from tests.support.fake_engine import CARD, Script
from tests.support.openapi import WireContract
from tests.support.patience import until

SYNC = ("PUT", "/applications/{application_id}/commands")
EDIT = ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}")


async def test_it_asks_for_nothing_but_guilds_and_pings_nobody(studio: Studio) -> None:
    assert studio.bot.intents == discord.Intents(guilds=True)
    assert studio.bot.allowed_mentions is not None
    assert studio.bot.allowed_mentions.to_dict() == {"parse": []}


async def test_commands_and_clicks_go_through_the_turnstile(studio: Studio, mia: Visitor) -> None:
    class Counted(Turnstile):
        entered = 0

        async def enter(self) -> None:
            self.entered += 1
            await super().enter()

    studio.bot.turnstile = turnstile = Counted()

    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()
    assert turnstile.entered == 1
    await mia.click("Reroll", on=message)
    await mia.sees_pictures(more_than=1)
    assert turnstile.entered == 2


async def test_commands_are_sent_once_and_again_only_when_they_have_changed(
    empty_studio: Studio, wire_contract: WireContract
) -> None:
    key = f"commands:{people.APPLICATION_ID}"
    await empty_studio.open_bot()
    everything = await empty_studio.service.ledger.facts.get(key)
    assert wire_contract.seen[SYNC] == 1

    await empty_studio.open_engine()  # a model that cannot do everything
    async with asyncio.timeout(30):
        while await empty_studio.service.ledger.facts.get(key) == everything:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await empty_studio.restart_bot()
    assert wire_contract.seen[SYNC] == 2

    await empty_studio.service.ledger.facts.keep(key, "an older tree")
    await empty_studio.restart_bot()
    assert wire_contract.seen[SYNC] == 3


async def test_options_that_would_do_nothing_with_the_model_are_not_listed(
    empty_studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await empty_studio.open_bot()
    assert set(NEEDS) < set(await mia.completions("/imagine prompt:x "))

    await empty_studio.open_engine(card=msgspec.structs.replace(CARD, features=("text", "image")))
    await mia.misses("lora")

    assert await mia.completions("/imagine prompt:x ") == ["shape", "seed", "count", "steps", "image", "strength"]
    assert await bao.completions("/画图 提示词:x ") == ["画幅", "种子", "张数", "步数", "原图", "重绘幅度"]


async def test_discord_lets_nobody_ask_for_more_than_the_owner_and_the_model_allow(
    empty_studio: Studio, mia: Visitor
) -> None:
    empty_studio.owner = OwnerSettings(most_steps=12, per_minute=3)
    await empty_studio.open_bot()
    steps = "/imagine prompt:x steps:"

    assert await mia.refused_by_the_page(f"{steps}13") == 'The option "steps" must be 12 or less.'
    assert await mia.refused_by_the_page("/imagine prompt:x count:4") == 'The option "count" must be 3 or less.'
    few = msgspec.structs.replace(CARD, steps=StepRange(default=8, min=4, max=9), features=("text", "image"))
    await empty_studio.open_engine(card=few)
    await mia.misses("lora")
    assert await mia.refused_by_the_page(f"{steps}10") == 'The option "steps" must be 9 or less.'
    assert await mia.refused_by_the_page(f"{steps}3") == 'The option "steps" must be 4 or more.'


async def test_a_command_for_servers_alone_is_sent_as_one(empty_studio: Studio, playground: Playground) -> None:
    await empty_studio.open_bot()

    sent = {command["name"]: command["contexts"] for command in playground._state.commands()}

    assert sent.pop("admin") == [0]
    assert set(map(tuple, sent.values())) == {(0, 1)}


async def test_a_disk_that_is_full_when_the_list_is_noted_ends_nothing(
    empty_studio: Studio, mia: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await empty_studio.open_bot()
    keep = empty_studio.service.ledger.facts.keep

    async def keep_without_room(key: str, value: str) -> None:
        if key.startswith("commands:"):
            raise LedgerFull("database or disk is full")
        await keep(key, value)

    monkeypatch.setattr(empty_studio.service.ledger.facts, "keep", keep_without_room)
    await empty_studio.open_engine()
    await mia.misses("lora")

    await empty_studio.restart_bot()

    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()


async def test_a_session_that_ends_is_begun_anew_at_the_endpoint_and_not_at_discord(
    studio: Studio, playground: Playground, mia: Visitor
) -> None:
    await playground.invalidate_sessions()  # the next may begin 5 seconds after this one
    await until(lambda: not playground.online)
    await until(lambda: playground.online, patience=30)

    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()


async def test_commands_have_chinese_names(studio: Studio, bao: Visitor) -> None:
    assert {"画图", "队列", "取消", "帮助"} <= {name.lstrip("/").split()[0] for name in await bao.completions("/")}


async def test_one_message_is_edited_no_faster_than_its_pace(
    empty_studio: Studio, mia: Visitor, wire_contract: WireContract
) -> None:
    empty_studio.edit_limits = replace(BRISK, gap=0.5, first=0.25)
    await empty_studio.open_bot()
    await empty_studio.open_engine(Script(step_seconds=0.1))  # twenty steps in two seconds

    await mia.say("/imagine prompt:a red star steps:20")
    await mia.sees_pictures()

    assert 2 <= wire_contract.seen[EDIT] <= 6


async def test_a_busy_channel_drops_steps_and_never_an_ending(
    empty_studio: Studio, mia: Visitor, wire_contract: WireContract
) -> None:
    empty_studio.edit_limits = replace(BRISK, per_minute=6, kept_free=4)
    await empty_studio.open_bot()
    await empty_studio.open_engine(Script(step_seconds=0.05))

    for prompt in ("one", "two", "three"):
        await mia.say(f"/imagine prompt:{prompt}")
    await mia.sees_pictures(more_than=2)

    assert wire_contract.seen[EDIT] <= 6


async def test_a_countdown_that_runs_out_is_replaced_while_the_picture_is_late(
    empty_studio: Studio, mia: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.delivery.live_message._LEAST_ESTIMATE", 0.2)
    await empty_studio.open_bot()
    await empty_studio.open_engine(Script(step_seconds=0.15))
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()
    await empty_studio.close_engine()
    await empty_studio.open_engine(Script(hang_at_step=2))

    await mia.say("/imagine prompt:a blue ring")
    first = due(await mia.sees(lambda m: "a blue ring" in words(m) and due(m)))

    await mia.sees(lambda m: "a blue ring" in words(m) and due(m) > first)


def due(message: Message) -> int:
    """The moment that it counts down to, in Unix seconds; 0 for none."""
    found = re.search(r"<t:(\d+):T>", words(message))
    return int(found[1]) if found else 0


def test_the_usual_pace_is_that_of_the_design() -> None:
    assert EditLimits() == EditLimits(gap=2.0, first=1.0, per_minute=25, kept_free=5, retry=1.0)


async def test_a_bug_is_logged_once_and_said_in_one_line_with_the_same_id(
    studio: Studio, mia: Visitor, bao: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(studio.service, "reroll", broken)
    monkeypatch.setattr(studio.service, "imagine", broken)
    with caplog.at_level(logging.ERROR, logger="bot.client"):
        await mia.click("Reroll")
        await mia.is_told("Something went wrong on my side. It is noted as ")
        await bao.say("/imagine prompt:红色星星")
        await bao.is_told("我这边出了点问题，已记录，编号 ")

    logged = [record for record in caplog.records if record.name == "bot.client"]
    assert len(logged) == 2
    said = words(await mia.sees("noted as")).removesuffix(".").split()[-1]
    assert said in logged[0].getMessage()
    assert "secret" not in words(await mia.sees("noted as"))


async def test_a_gateway_that_breaks_is_resumed_and_nothing_is_asked_twice(
    studio: Studio, playground: Playground, mia: Visitor
) -> None:
    await mia.say("/imagine prompt:one")
    await mia.sees_pictures()

    await playground.drop_gateway()
    async with asyncio.timeout(30):
        while not playground.online:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await mia.say("/imagine prompt:two")

    await mia.sees_pictures(more_than=1)
    assert len([m for m in await mia.messages() if is_from_the_bot(m)]) == 2
