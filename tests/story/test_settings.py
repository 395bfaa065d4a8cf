"""A person's own settings: they fill the gaps of what that person asks for, wherever that is."""

from __future__ import annotations

from tests.story.studio import Studio, Visitor, words


async def test_a_persons_own_settings_win_over_the_servers_and_are_nobody_elses(
    studio: Studio, robin: Visitor, mia: Visitor, bao: Visitor
) -> None:
    await robin.say("/admin defaults set setting:shape value:16:9")
    await robin.is_told("Set for this server")
    await mia.say("/settings set setting:shape value:portrait")
    await mia.is_told("Set for you, everywhere: shape = Portrait 2:3.")

    await mia.say("/imagine prompt:a red star")
    hers = words(await mia.sees_pictures())
    await bao.say("/画图 提示词:红色的星星")
    his = words(await bao.sees_pictures(more_than=1))

    assert "2:3 (208 × 320)" in hers
    assert "16:9 (336 × 192)" in his


async def test_they_are_shown_with_where_each_comes_from_and_forgotten(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/settings set setting:count value:2")
    await mia.is_told("Set for you, everywhere: count = 2.")
    await mia.say("/settings show")
    await mia.is_told("count: **2** · your own")
    await mia.say("/settings reset setting:count")
    await mia.is_told("Forgotten: your count.")
    await mia.say("/settings reset")
    await mia.is_told("You have not set that.")

    await bao.say("/我的设置 修改 项目:shape 值:竖图")
    await bao.is_told("已为你设置，在哪里都有效：画幅 = 竖图 2:3。")
    await bao.say("/我的设置 重置")
    await bao.is_told("已清除你的全部设置。")


async def test_a_value_that_means_nothing_changes_nothing(studio: Studio, mia: Visitor) -> None:
    await mia.say("/settings set setting:steps value:many")
    await mia.is_told("“many” does not fit “steps”.")
    await mia.say("/settings set setting:count value:9")
    await mia.is_told("Allowed: 1-4.")

    await mia.say("/settings show")
    await mia.is_told("count: **1** · from the bot’s owner")


async def test_forget_me_forgets_them_too(studio: Studio, mia: Visitor) -> None:
    await mia.say("/settings set setting:count value:2")
    await mia.is_told("count = 2.")
    await mia.say("/forget me")
    await mia.is_told("Your settings are forgotten. Nothing else was stored of you.")

    await mia.say("/settings show")
    await mia.is_told("count: **1** · from the bot’s owner")
