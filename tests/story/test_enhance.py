"""Enhance and quality: the model writes one's words out, and a second pass paints fine detail."""

from __future__ import annotations

import msgspec

from tests.story.studio import Studio, Visitor, buttons, words
from tests.support.fake_engine import CARD, Script, written_out

SLOW = Script(step_seconds=0.1)


async def test_a_short_wish_is_written_out_before_ones_eyes_and_ones_own_words_stay(
    empty_studio: Studio, mia: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(SLOW)
    assert empty_studio.engine is not None
    empty_studio.engine.held_words = 4
    full = written_out("a red fox")

    await mia.say("/imagine prompt:a red fox enhance:true")

    writing = await mia.sees("Writing the prompt")
    assert words(writing).startswith("a red fox\n")
    partly = words(await mia.sees("written out: a red fox, seen"))
    assert full not in partly
    empty_studio.engine.held_words = None
    message = await mia.sees_pictures()
    assert words(message).startswith("a red fox\n")
    assert f"written out: {full}" in words(message)
    assert message["id"] == writing["id"]


async def test_a_chinese_reader_sees_the_text_grow_in_chinese_surroundings(empty_studio: Studio, bao: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(SLOW)
    assert empty_studio.engine is not None
    empty_studio.engine.held_words = 4

    await bao.say("/画图 提示词:红狐狸 扩写:true")

    await bao.sees("正在扩写提示词")
    empty_studio.engine.held_words = None
    assert f"扩写：{written_out('红狐狸')}" in words(await bao.sees_pictures())


async def test_reroll_vary_and_upscale_use_the_text_again_also_after_a_restart(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red fox enhance:true")
    await mia.sees_pictures()
    await studio.restart_bot()

    for number, button in enumerate(("Reroll", "Vary", "Upscale"), start=1):
        await mia.click(button)
        message = await mia.sees_pictures(more_than=number)
        assert f"written out: {written_out('a red fox')}" in words(message), button

    assert studio.engine is not None
    assert len(studio.engine.written) == 1
    assert {order.request.painted_prompt for order in studio.engine.orders[1:]} == {written_out("a red fox")}


async def test_other_words_are_written_out_anew_and_the_same_words_are_not(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red fox enhance:true")
    await mia.sees_pictures()
    assert studio.engine is not None

    await mia.press_edit()
    await mia.submit(steps="6")
    assert written_out("a red fox") in words(await mia.sees_pictures(more_than=1))
    assert len(studio.engine.written) == 1
    await mia.press_edit()
    await mia.submit(prompt="a blue fox")

    assert written_out("a blue fox") in words(await mia.sees_pictures(more_than=2))
    assert len(studio.engine.written) == 2


async def test_cancel_works_while_the_prompt_is_written(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(Script(step_seconds=0.5))

    await mia.say("/imagine prompt:a red fox enhance:true")
    await mia.sees("Writing the prompt")
    await mia.click("Cancel")

    message = await mia.sees("Cancelled")
    assert list(buttons(message)) == ["Reroll", "Edit", "Delete"]


async def test_quality_says_what_it_costs_before_and_after(empty_studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(SLOW, held_after=2)

    await mia.say("/imagine prompt:a red fox quality:true")
    await mia.sees(
        "Quality: the model writes the prompt out first, then 2 more steps for fine detail, about 25 % more time."
    )
    await mia.sees(" / 10")
    empty_studio.go_on()
    assert "fine detail (+25 % time)" in words(await mia.sees_pictures())

    await bao.say("/画图 提示词:红狐狸 精修:true 扩写:false")
    await bao.sees("精修：多画 2 步补细节，时间约增加 25%。")
    message = words(await bao.sees_pictures(more_than=1))
    assert "精修（时间 +25%）" in message
    assert "扩写" not in message


async def test_quality_without_a_model_that_writes_is_the_second_pass_alone(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    features = tuple(feature for feature in CARD.features if feature != "enhance")
    await empty_studio.open_engine(card=msgspec.structs.replace(CARD, features=features))

    await mia.say("/imagine prompt:a red fox quality:true")
    assert "written out" not in words(await mia.sees_pictures())

    await mia.misses("enhance")


async def test_quality_counts_in_the_cost_of_a_request(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red fox quality:true enhance:false")
    await mia.sees_pictures()

    assert studio.engine is not None
    job = await studio.service.job(studio.engine.orders[0].job)
    assert job.cost == 256 * 256 * 10 / 1e6
