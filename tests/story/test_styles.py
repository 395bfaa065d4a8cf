"""Styles: a template around one's words, from the bot or from the server's admins."""

from __future__ import annotations

import msgspec

from bot.requests.styles import built_in
from tests.story.studio import Studio, Visitor, words
from tests.support.fake_engine import CARD


def painted(studio: Studio) -> str:
    """The words that the engine was given last."""
    assert studio.engine is not None
    return studio.engine.orders[-1].request.painted_prompt


async def test_a_style_frames_ones_words_and_the_message_shows_both_apart(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/imagine prompt:a red fox style:Ink painting seed:7")
    message = words(await mia.sees_pictures())

    assert message.startswith("a red fox\n")
    assert "style Ink painting" in message
    assert painted(studio) == built_in()["ink"].template.en.replace("{prompt}", "a red fox")

    await bao.say("/画图 提示词:一只红狐狸 风格:水墨")
    message = words(await bao.sees_pictures(more_than=1))
    assert "风格：水墨" in message
    assert painted(studio) == built_in()["ink"].template.zh.replace("{prompt}", "一只红狐狸")


async def test_the_template_follows_the_language_of_the_words_not_of_their_reader(studio: Studio, bao: Visitor) -> None:
    await bao.say("/画图 提示词:a red fox 风格:水墨")

    assert "风格：水墨" in words(await bao.sees_pictures())
    assert painted(studio) == built_in()["ink"].template.en.replace("{prompt}", "a red fox")


async def test_styles_are_offered_by_name_in_the_readers_language(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    assert "Oil painting" in await mia.completions("/imagine prompt:x style:oil")
    assert "水墨" in await bao.completions("/画图 提示词:x 风格:水")
    assert "水墨" in await bao.completions("/画图 提示词:x 风格:ink")


async def test_reroll_edit_and_a_restart_keep_the_style(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red fox style:Anime")
    await mia.sees_pictures()
    template = built_in()["anime"].template.en

    await studio.restart_bot()
    await mia.click("Reroll")
    assert "style Anime" in words(await mia.sees_pictures(more_than=1))
    await mia.press_edit()
    await mia.submit(prompt="a blue fox")

    assert "style Anime" in words(await mia.sees_pictures(more_than=2))
    assert painted(studio) == template.replace("{prompt}", "a blue fox")


async def test_a_style_that_is_not_there_is_refused_in_one_sentence(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a star style:cubism")
    await mia.is_told("There is no style “cubism”.")
    await bao.say("/画图 提示词:星星 风格:立体主义")
    await bao.is_told("没有“立体主义”这种风格")


async def test_a_model_that_reads_no_styles_offers_none(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(card=msgspec.structs.replace(CARD, features=("text",)))

    await mia.misses("style")


async def test_an_admin_adds_changes_and_removes_a_style_and_old_pictures_keep_theirs(
    studio: Studio, robin: Visitor, mia: Visitor
) -> None:
    await robin.say("/admin styles add name:Neon template:{prompt} in neon light")
    await robin.is_told("Added the style Neon.")
    await mia.say("/imagine prompt:a fox style:neon")
    await mia.sees_pictures()
    assert painted(studio) == "a fox in neon light"

    await robin.say("/admin styles change style:Neon template:{prompt} at night chinese_name:霓虹")
    await robin.is_told("Changed the style Neon for this server.")
    await mia.click("Reroll")
    await mia.sees_pictures(more_than=1)
    assert painted(studio) == "a fox in neon light"
    await studio.restart_bot()
    await mia.say("/imagine prompt:a fox style:霓虹")
    await mia.sees_pictures(more_than=2)
    assert painted(studio) == "a fox at night"

    await robin.say("/admin styles remove style:Neon")
    await robin.is_told("Removed the style Neon from this server.")
    await mia.say("/imagine prompt:a fox style:Neon")
    await mia.is_told("There is no style “Neon”.")


async def test_an_admin_takes_away_a_style_of_the_bot_and_brings_it_back(
    studio: Studio, robin: Visitor, mia: Visitor
) -> None:
    await robin.say("/admin styles remove style:Photo")
    await robin.is_told("Removed the style Photo")
    assert "Photo" not in await mia.completions("/imagine prompt:x style:")

    assert await robin.completions("/admin styles restore style:") == ["Photo"]
    await robin.say("/admin styles restore style:Photo")
    await robin.is_told("The style Photo is back as it came with the bot.")
    assert "Photo" in await mia.completions("/imagine prompt:x style:")


async def test_the_list_shows_every_style_in_the_readers_language(studio: Studio, robin: Visitor) -> None:
    await robin.say("/admin styles list")

    listed = words(await robin.sees("### Styles"))
    for style in built_in().values():
        assert f"**{style.name.en}**" in listed


async def test_what_is_no_style_is_refused_in_one_sentence_and_changes_nothing(
    studio: Studio, robin: Visitor, mia: Visitor
) -> None:
    for wish, told in (
        ("add name:Neon template:neon light", "A template needs {prompt} exactly once"),
        ("add name:Neon template:{prompt} and {prompt}", "yours has it 2 times"),
        ("add name:Photo template:{prompt}!", "There is already a style “Photo”."),
        ("change style:Cubism template:{prompt}!", "There is no style “Cubism”."),
        ("change style:Photo name:Anime", "There is already a style “Anime”."),
        ("change style:Photo", "Nothing would change: give another name or template."),
        ("restore style:Photo", "There is no style “Photo”."),
    ):
        await robin.say(f"/admin styles {wish}")
        await robin.is_told(told)

    assert studio.service.styles.offered(int(studio.bot.guilds[0].id)) == dict(built_in())
