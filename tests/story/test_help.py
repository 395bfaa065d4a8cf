"""/help: one screen, for its reader alone, in their language."""

from __future__ import annotations

from tests.story.studio import Studio, Visitor, words


async def test_help_explains_the_commands_and_what_steps_and_guidance_cost(studio: Studio, mia: Visitor) -> None:
    await mia.say("/help")

    await mia.is_told("Painting with words")
    screen = words((await mia.messages())[-1])
    for word in ("/imagine", "Reroll", "/queue", "what the model is made for", "truer to the words"):
        assert word in screen


async def test_a_chinese_reader_gets_help_in_chinese(studio: Studio, bao: Visitor) -> None:
    await bao.say("/帮助")

    await bao.is_told("用文字作画")
    await bao.is_told("模型最擅长的步数")
