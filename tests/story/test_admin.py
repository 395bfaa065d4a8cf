"""What an admin may set, and what not even an admin may."""

from __future__ import annotations

from dataclasses import replace

from bot.jobs.errors import NeedsAdmin, NeedsOwner, NotYours, OverCeiling
from bot.requests.defaults import KEYS
from bot.ui import text
from tests.story.studio import SKETCHBOOK, Studio, Visitor, words
from tests.story.test_buttons import job_of
from tests.support import forged
from tests.support.fake_engine import CARD


async def test_members_are_not_offered_the_admin_commands(studio: Studio, mia: Visitor) -> None:
    assert "admin" in await mia.refused_by_the_page("/admin pause")


async def test_a_setting_of_the_server_holds_until_it_is_forgotten(
    studio: Studio, mia: Visitor, robin: Visitor
) -> None:
    await robin.say("/admin defaults set setting:shape value:portrait")
    await robin.is_told("Set for this server: shape = Portrait 2:3.")
    await mia.say("/imagine prompt:a red star")
    assert "2:3" in words(await mia.sees_pictures())

    await robin.say("/admin defaults reset setting:shape")
    await robin.is_told("Reset for this server: shape.")
    await mia.say("/imagine prompt:a red star")
    assert "1:1" in words(await mia.sees_pictures(more_than=1))


async def test_each_setting_is_explained_where_it_is_chosen_and_where_it_was_set(
    studio: Studio, robin: Visitor
) -> None:
    chosen = await robin.completions("/admin defaults set setting:")
    values = await robin.completions("/admin defaults set setting:steps value:")
    await robin.say("/admin defaults set setting:steps value:4")

    assert "steps: passes over each picture; fewer are faster and rougher" in chosen
    assert len(chosen) == len(KEYS)
    assert values == ["1 to 20; now 8"]
    await robin.is_told("-# steps: passes over each picture; fewer are faster and rougher")
    in_chinese = replace(robin, person=replace(robin.person, locale="zh-CN"))
    assert "步数：每张图画几遍，越少越快也越粗糙" in await in_chinese.completions("/管理 默认值 设置 项目:")
    await in_chinese.say("/管理 默认值 设置 项目:count 值:2")
    await robin.is_told("-# 张数：没有指定时一次画几张")


async def test_a_setting_of_a_channel_holds_there_alone(studio: Studio, mia: Visitor, robin: Visitor) -> None:
    await robin.say(f"/admin defaults set setting:steps value:4 channel:{SKETCHBOOK}")
    await robin.is_told(f"Set for <#{SKETCHBOOK}>: steps = 4.")

    await mia.say("/imagine prompt:here")
    assert "8 steps" in words(await mia.sees_pictures())
    mia.channel = SKETCHBOOK
    await mia.say("/imagine prompt:there")
    assert "4 steps" in words(await mia.sees_pictures())


async def test_nothing_can_be_set_above_the_owners_ceiling(studio: Studio, robin: Visitor) -> None:
    await robin.say("/admin defaults set setting:steps value:21")
    await robin.is_told("“steps” cannot be 21: the owner of this bot allows at most 20.")
    await robin.say("/admin defaults set setting:per_day value:501")
    await robin.is_told("“pictures a day” cannot be 501: the owner of this bot allows at most 500.")
    await robin.say("/admin defaults set setting:steps value:many")
    await robin.is_told("“many” does not fit “steps”. Allowed: 1-20.")

    await robin.say("/admin defaults set setting:shape value:oval")
    await robin.is_told("“oval” does not fit “shape”. Allowed: Square 1:1, Portrait 2:3")

    assert [type(refusal) for refusal in studio.refusals][:2] == [OverCeiling, OverCeiling]


async def test_a_limit_of_the_server_holds_for_its_members(studio: Studio, mia: Visitor, robin: Visitor) -> None:
    await robin.say("/admin defaults set setting:per_minute value:1")
    await robin.is_told("Set for this server: pictures a minute = 1.")

    await mia.say("/imagine prompt:one")
    await mia.sees_pictures()
    await mia.say("/imagine prompt:two")

    await mia.is_told("You may ask for one picture a minute. Try again after <t:")


async def test_the_settings_are_shown_with_where_they_come_from(studio: Studio, robin: Visitor) -> None:
    await robin.say("/admin defaults set setting:count value:2")
    await robin.is_told("Set for this server")
    await robin.say("/admin defaults show")

    lines = words(await robin.sees("### Settings")).splitlines()
    assert "- count: **2** · from the server" in lines
    assert "- steps: **8** · from the bot’s owner" in lines


async def test_a_paused_server_accepts_nothing_until_it_is_resumed(
    studio: Studio, mia: Visitor, bao: Visitor, robin: Visitor
) -> None:
    await robin.say("/admin pause")
    await robin.is_told("Painting is paused on this server.")
    await robin.say("/queue")
    await robin.is_told("Painting is paused.")
    await mia.say("/imagine prompt:a red star")
    await mia.is_told("Painting is paused here. An admin will resume it.")
    await bao.say("/imagine prompt:红色星星")
    await bao.is_told("这里暂停作画了，等管理员恢复。")

    await robin.say("/admin resume")
    await robin.is_told("Painting is resumed on this server.")
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()


async def test_what_waits_says_that_a_pause_holds_it_and_is_painted_after_it(
    empty_studio: Studio, mia: Visitor, robin: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine()
    await empty_studio.close_engine()
    await mia.say("/imagine prompt:a red star")
    waiting = await mia.sees("**Waiting**")

    await robin.say("/admin pause")
    await mia.sees(lambda m: m["id"] == waiting["id"] and "Painting is paused" in words(m))
    await robin.say("/admin resume")
    await empty_studio.open_engine()

    await mia.sees_pictures()


async def test_the_owner_can_pause_everything(studio: Studio, mia: Visitor, robin: Visitor) -> None:
    await robin.say("/admin pause everywhere:true")
    await robin.is_told("Painting is paused everywhere.")
    await robin.say("/admin status")
    await robin.sees(lambda m: "### Status" in words(m) and "paused everywhere" in words(m))
    await mia.say("/imagine prompt:a red star")
    await mia.is_told("Painting is paused here.")

    await robin.say("/admin resume everywhere:true")
    await robin.is_told("Painting is resumed everywhere.")


async def test_the_status_names_the_painter_and_its_pace(studio: Studio, mia: Visitor, robin: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()

    await robin.say("/admin status")

    await robin.is_told("Fake Painter on cpu (float32), ready")
    await robin.is_told("weights: fake")  # how the engine keeps them, in its own words
    await robin.is_told("s a picture")


async def test_an_admin_who_is_not_the_owner_rules_the_server_and_nothing_beyond_it(
    studio: Studio, mia: Visitor, noor: Visitor
) -> None:
    await noor.say("/admin defaults set setting:steps value:4")
    await noor.is_told("Set for this server: steps = 4.")
    for beyond in ("pause everywhere:true", "engines"):
        await noor.say(f"/admin {beyond}")
    await noor.is_told("Only the owner of this bot may do that.")
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()
    await forged.click(studio.playground, noor.person, f"z1:delete:{job_of(message)}:0")
    await noor.is_told("This is somebody else’s picture: only its author or a moderator may do that.")

    assert "4 steps" in words(message)
    assert [type(refusal) for refusal in studio.refusals] == [NeedsOwner, NeedsOwner, NotYours]


async def test_authority_is_checked_when_a_command_arrives_not_when_it_was_shown(
    studio: Studio, robin: Visitor
) -> None:
    """Server admins can hand /admin to anybody in Discord's own settings; the bot still asks for the permission."""
    asked = studio.bot.requester
    studio.bot.requester = lambda i: type(asked(i))(principal="discord:1", guild=1, channel=1)  # type: ignore[method-assign]

    for command in ("defaults set setting:steps value:4", "defaults reset setting:steps", "defaults show", "status",
                    "pause", "resume"):  # fmt: skip
        await robin.say(f"/admin {command}")
    await robin.say("/admin pause everywhere:true")
    await robin.say("/admin engines")
    await robin.is_told("Only the owner of this bot may do that.")

    assert [type(refusal) for refusal in studio.refusals] == [NeedsAdmin] * 6 + [NeedsOwner] * 2


async def test_the_owner_sees_every_engine_and_what_it_can_do(studio: Studio, mia: Visitor, robin: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()

    await robin.say("/admin engines")

    await robin.is_told("### Engines")
    await robin.is_told("Fake Painter on cpu (float32), ready")
    await robin.is_told("GiB")
    await robin.is_told("s a picture")
    await robin.is_told(text.abilities("en-US", CARD.features))
