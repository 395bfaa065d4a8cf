"""Who acts, and what Discord says they may do at this moment."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord

from bot.client import ImageBot
from bot.requests.defaults import Defaults, OwnerSettings
from bot.storage.ledger import Ledger


def interaction(*, guild: int | None = 1, permissions: discord.Permissions | None = None, channel: Any = None) -> Any:
    return SimpleNamespace(
        user=SimpleNamespace(id=7), guild_id=guild, channel_id=2, channel=channel, locale=discord.Locale.chinese,
        permissions=permissions or discord.Permissions.none(),
    )  # fmt: skip


def requester(asked: Any, *, owners: frozenset[int] = frozenset()) -> Any:
    return ImageBot.requester(SimpleNamespace(_owners=owners), asked)  # type: ignore[arg-type]


def test_a_member_is_nothing_but_themselves() -> None:
    who = requester(interaction())

    assert (who.principal, who.guild, who.channel, who.locale) == ("discord:7", 1, 2, "zh-CN")
    assert not (who.moderator)
    assert not (who.admin)
    assert not (who.owner)


def test_moderators_admins_and_the_owner_are_known_by_discords_word() -> None:
    assert requester(interaction(permissions=discord.Permissions(manage_messages=True))).moderator
    assert requester(interaction(permissions=discord.Permissions(manage_guild=True))).admin
    assert requester(interaction(), owners=frozenset({7})).owner


def test_in_a_direct_message_nobody_is_a_moderator() -> None:
    who = requester(interaction(guild=None, permissions=discord.Permissions.all()))

    assert not (who.moderator)
    assert not (who.admin)


async def test_in_a_thread_the_settings_of_its_channel_hold(tmp_path: Path) -> None:
    thread = discord.Thread.__new__(discord.Thread)
    thread.parent_id = 20
    who = requester(interaction(channel=thread, permissions=discord.Permissions(manage_guild=True)))

    async with Ledger.open(tmp_path / "ledger.db") as ledger:
        defaults = Defaults(ledger.settings, owner=OwnerSettings(), card=lambda: None)
        in_channel = requester(interaction(permissions=discord.Permissions(manage_guild=True)))
        await defaults.set("channel", 2, "count", 3, by=in_channel)
        await defaults.set("guild", 1, "count", 2, by=in_channel)

    assert who.channel == 2
    assert defaults.of_pictures(in_channel).count == 3
    assert defaults.of_pictures(who).count == 2
