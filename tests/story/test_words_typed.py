"""Options typed into the prompt, and sizes that no list has."""

from __future__ import annotations

from tests.story.studio import Studio, Visitor, words


async def test_flags_in_the_prompt_do_what_the_options_do(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star --ar 2:3 --seed 41 —steps 4 --no fog --n 2")
    message = words(await mia.sees_pictures())

    assert message.splitlines()[0] == "a red star"
    assert "seeds 41" in message
    assert "2:3 (208 × 320)" in message
    assert "4 steps" in message
    assert "fog" in message


async def test_flags_in_chinese(studio: Studio, bao: Visitor) -> None:
    await bao.say("/画图 提示词:一颗红星——种子４１，在天上 －－比例 3：2")
    message = words(await bao.sees_pictures())

    assert message.splitlines()[0] == "一颗红星，在天上"
    assert "种子 41" in message
    assert "3:2 (320 × 208)" in message


async def test_a_flag_that_nobody_knows_is_said_with_the_words_to_correct(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star --v 6")
    await mia.is_told("I do not know `--v`.")
    await mia.is_told("/imagine prompt:a red star --v 6")
    await bao.say("/画图 提示词:红星 --stylize 200")
    await bao.is_told("我不认识 `--stylize`。")

    assert studio.engine is not None
    assert studio.engine.orders == []


async def test_a_flag_against_an_option_is_one_sentence(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a red star --seed 5 seed:6")
    await mia.is_told("`--seed` in the prompt and the option seed say different things. Keep one of them.")
    await bao.say("/画图 提示词:红星 --种子 5 种子:6")
    await bao.is_told("提示词里的 `--seed` 和选项“种子”说的不一样，请只留一个。")


async def test_a_flag_typed_into_the_form_of_edit_wins_over_what_stood_there(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7")
    await mia.sees_pictures()

    await mia.press_edit()
    await mia.submit(prompt="a blue star --seed 9 --ar 3:2")
    message = words(await mia.sees_pictures(more_than=1))

    assert message.splitlines()[0] == "a blue star"
    assert "seed 9" in message
    assert "3:2 (320 × 208)" in message


async def test_a_free_size_is_painted_said_and_kept_by_reroll(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star shape:300x199")
    first = await mia.sees_pictures()
    await mia.click("Reroll")
    again = await mia.sees_pictures(more_than=1)

    for message in (first, again):
        assert "304 × 192, the nearest that the model paints to 300 × 199" in words(message)
    assert studio.engine is not None
    assert {(order.request.width, order.request.height) for order in studio.engine.orders} == {(304, 192)}


async def test_a_size_that_the_model_does_not_paint_well_is_refused_in_both_languages(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star shape:4000x4000")
    await mia.is_told("This model does not paint 4000 × 4000 well.")
    await bao.say("/画图 提示词:红星 画幅:64x64")
    await bao.is_told("这个模型画不好 64 × 64。")
