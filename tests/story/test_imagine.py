"""/imagine: from the words to the picture."""

from __future__ import annotations

import io

from PIL import Image

from bot.requests.defaults import OwnerSettings
from protocol.request import SEED_RANGE
from tests.story.studio import EPHEMERAL, Studio, Visitor, buttons, finished, gallery, words
from tests.story.test_attachments import picture
from tests.support import forged
from tests.support.fake_engine import CARD, Script

SLOW = Script(step_seconds=0.25)


async def test_a_prompt_becomes_a_picture_with_its_seed_and_buttons(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7")

    message = await mia.sees_pictures()
    assert "a red star" in words(message)
    for said in ("seed 7", "1:1 (256 × 256)", "8 steps"):
        assert said in words(message)
    assert list(buttons(message)) == ["Reroll", "Vary", "Upscale", "Edit", "More"]
    (picture,) = gallery(message)
    assert picture["description"] == "a red star"
    image = Image.open(io.BytesIO(await mia.download(picture["media"]["url"])))
    assert image.size == (256, 256)


async def test_four_pictures_come_in_one_message_with_buttons_for_each(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star count:4 seed:7")

    message = await mia.sees_pictures()
    assert [picture["description"] for picture in gallery(message)] == [
        f"Picture {n} of 4: a red star" for n in (1, 2, 3, 4)
    ]
    of_each = [f"{verb} {n}" for verb in ("Upscale", "Vary") for n in (1, 2, 3, 4)]
    assert list(buttons(message)) == [*of_each, "Reroll", "Edit", "More"]
    assert "seeds 7 to 10" in words(message)


async def test_while_it_is_painted_the_message_shows_steps_a_preview_and_cancel(
    empty_studio: Studio, mia: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=3)

    await mia.say("/imagine prompt:a red star")

    first = await mia.sees("a red star")
    assert list(buttons(first)) == ["Cancel"]
    painting = await mia.sees(lambda m: "▰" in words(m) and gallery(m))
    assert painting["id"] == first["id"]
    assert "/ 8" in words(painting)
    assert gallery(painting)[0]["description"] == "Preview: a red star"
    assert list(buttons(painting)) == ["Cancel"]
    empty_studio.go_on()
    assert (await mia.sees_pictures())["id"] == first["id"]


async def test_whoever_comes_second_is_told_their_place(empty_studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(SLOW, held_after=0)

    for prompt in ("one", "two", "three"):
        await mia.say(f"/imagine prompt:{prompt}")
        await mia.sees(prompt)
    await bao.say("/imagine prompt:四")

    await bao.sees(lambda m: "四" in words(m) and "等待中" in words(m))
    await mia.sees(lambda m: "three" in words(m) and "in the queue" in words(m))
    empty_studio.go_on()
    await mia.sees_pictures()
    await bao.sees(lambda m: "四" in words(m) and "预计 <t:" in words(m))


async def test_a_shape_is_understood_as_people_say_it(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a tree shape:Portrait")
    assert "2:3 (208 × 320)" in words(await mia.sees_pictures())

    await mia.say("/imagine prompt:a tree shape:16x9")
    assert "16:9 (336 × 192)" in words(await mia.sees_pictures(more_than=1))

    await bao.say("/画图 提示词:一棵树 画幅:横图")
    assert "3:2 (320 × 208)" in words(await bao.sees_pictures(more_than=2))


async def test_shapes_are_offered_while_typing(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    assert "Portrait 2:3" in await mia.completions("/imagine prompt:x shape:port")
    assert "方图 1:1" in await bao.completions("/imagine prompt:x shape:")


async def test_a_negative_prompt_turns_guidance_on_and_says_what_it_costs(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(SLOW)

    await mia.say("/imagine prompt:a red star negative:blue")

    await mia.sees("Guidance is on at 3: every step is painted twice, so this takes twice the time.")
    message = await mia.sees_pictures()
    assert "guidance 3 (twice the time)" in words(message)
    assert "without: blue" in words(message)


async def test_a_long_prompt_is_shown_in_part_and_whole_on_demand(studio: Studio, mia: Visitor) -> None:
    prompt = "a red star " * 150 + "END"

    await mia.say(f"/imagine prompt:{prompt}")
    message = await mia.sees_pictures()
    assert "END" not in words(message)
    await mia.click("Full prompt")

    whole = await mia.sees(lambda m: m["attachments"] and m["attachments"][0]["filename"] == "prompt.txt")
    assert (await mia.download(whole["attachments"][0]["url"])).decode() == prompt


async def test_words_of_a_prompt_cannot_turn_into_marks_or_mentions(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:**bold** <@1100000000000000012> @everyone # head \u202eturned")

    shown = words(await mia.sees_pictures())
    assert "\\*\\*bold\\*\\*" in shown
    assert "\\<@" in shown
    assert "@everyone" not in shown
    assert "\u202e" not in shown


async def test_a_chinese_reader_gets_a_chinese_message(studio: Studio, bao: Visitor) -> None:
    await bao.say("/画图 提示词:白色背景上的红色星星 张数:2 种子:7")

    message = await bao.sees_pictures()
    assert "种子 7 至 8" in words(message)
    of_each = ["放大 1", "放大 2", "变体 1", "变体 2"]
    assert list(buttons(message)) == [*of_each, "重画", "编辑", "更多"]


async def test_a_wish_that_cannot_be_painted_is_refused_in_one_sentence_for_the_asker_alone(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/imagine prompt:a star shape:heart")
    await mia.is_told("There is no shape “heart”. Choose one of: Square 1:1, Portrait 2:3,")
    await bao.say("/imagine prompt:星星 shape:心")
    await bao.is_told("没有“心”这种画幅，可选：方图 1:1、竖图 2:3、")

    await mia.say("/imagine prompt:a star negative:blue guidance:0")
    await mia.is_told("A negative prompt does nothing at guidance 0.")
    await bao.say("/imagine prompt:星星 negative:蓝 guidance:0")
    await bao.is_told("引导为 0 时反向提示词不起作用。")

    await mia.say("/imagine prompt:a star strength:0.5")
    await mia.is_told("Strength says how much of your image to repaint, so it needs an image.")
    forged.replace_options(studio.playground, steps=40)  # as an older list of Discord's lets them
    await mia.say("/imagine prompt:a star steps:4")
    await mia.is_told("40 steps are more than the 20 allowed here.")
    assert [refusal.code for refusal in studio.refusals] == [
        "unknown-shape", "unknown-shape", "negative-without-guidance", "negative-without-guidance",
        "strength-without-image", "steps-over-ceiling",
    ]  # fmt: skip
    assert not [m for m in await mia.messages() if finished(m)]


async def test_over_a_limit_one_is_told_when_to_try_again(empty_studio: Studio, mia: Visitor, bao: Visitor) -> None:
    empty_studio.owner = OwnerSettings(per_minute=2)
    await empty_studio.open_bot()
    await empty_studio.open_engine()

    await mia.say("/imagine prompt:one count:2")
    await mia.sees_pictures()
    await mia.say("/imagine prompt:two")

    await mia.is_told("You may ask for 2 pictures a minute. Try again after <t:")
    await bao.say("/imagine prompt:三 count:2")
    await bao.sees_pictures(more_than=1)
    await bao.say("/imagine prompt:四")
    await bao.is_told("每分钟最多画 2 张，请在 <t:")


async def test_before_any_model_is_known_the_painter_is_said_to_be_loading(
    empty_studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await empty_studio.open_bot()

    await mia.say("/imagine prompt:a red star")
    await mia.is_told("The painter is still loading. Try again in a minute.")
    await bao.say("/imagine prompt:红色星星")
    await bao.is_told("画师还在加载模型，请过一分钟再试。")


async def test_why_no_painter_can_start_is_told_to_whoever_asks_and_in_detail_to_the_owner(
    empty_studio: Studio, mia: Visitor, bao: Visitor, robin: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(script=Script(problem="There is no model folder /models/turbo."))
    await mia.sees_status("dnd")

    await mia.say("/imagine prompt:a red star")
    await mia.is_told("The painter cannot start, so nothing can be painted until the bot’s owner has seen to it.")
    await bao.say("/imagine prompt:红色星星")
    await bao.is_told("画师无法启动，要等机器人的主人处理好才能作画。")
    await robin.say("/imagine prompt:a red star")
    await robin.is_told("The painter cannot start. There is no model folder /models/turbo.")
    await robin.say("/queue")
    await robin.is_told("cannot start\n-# There is no model folder /models/turbo.")
    await mia.say("/queue")
    queue = await mia.sees(lambda m: "cannot start" in words(m) and "Queue" in words(m))
    assert "/models/turbo" not in words(queue)


async def test_beside_the_bots_name_stands_how_its_painter_does(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    await mia.sees_status("idle")
    empty_studio.service.dispatcher.engine_events.loading("engine-1", "starter", "There is no model folder starter.")
    await mia.sees_status("dnd")
    empty_studio.service.dispatcher.engine_events.not_loading("engine-1")
    await empty_studio.open_engine()
    await mia.sees_status("online")

    await empty_studio.close_engine()
    await mia.sees_status("idle")
    await empty_studio.playground.invalidate_sessions()  # a new one knows nothing of that

    await mia.sees_status("idle")


async def test_an_old_list_of_options_is_answered_in_a_sentence(empty_studio: Studio, mia: Visitor) -> None:
    plain = type(CARD)(**{name: getattr(CARD, name) for name in CARD.__struct_fields__} | {"features": ("text",)})
    await empty_studio.open_bot()
    await empty_studio.open_engine(card=plain)
    await mia.misses("negative")
    await empty_studio.bot.tree.sync()  # everything, as a client has it that was open before

    await mia.say("/imagine prompt:a star negative:blue")
    await mia.is_told("The model that is loaded cannot do this: guidance and negative prompts.")
    await mia.say("/imagine prompt:a star")
    assert list(buttons(await mia.sees_pictures())) == ["Reroll", "Edit", "More"]


async def test_the_largest_seed_is_a_seed(studio: Studio, mia: Visitor) -> None:
    await mia.say(f"/imagine prompt:a star count:2 seed:{SEED_RANGE - 1}")

    assert f"seeds {SEED_RANGE - 1} to 0" in words(await mia.sees_pictures())


async def test_a_failure_says_why_and_offers_another_try(empty_studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(Script(fail_at_step=2))

    await mia.say("/imagine prompt:a red star")
    message = await mia.sees("The painter ran out of memory. Try a smaller shape or fewer pictures.")
    assert list(buttons(message)) == ["Reroll", "Edit", "Delete"]
    await bao.say("/imagine prompt:红色星星")
    await bao.sees("画师内存不够了，请换小一点的画幅或少画几张。")


async def test_what_was_painted_is_shown_even_if_one_picture_failed(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(Script(fail_at_step=2, fail_pictures=(1,)))

    await mia.say("/imagine prompt:a red star count:3")

    message = await mia.sees_pictures()
    assert [picture["description"][:14] for picture in gallery(message)] == ["Picture 1 of 3", "Picture 3 of 3"]
    assert "One picture could not be painted." in words(message)
    assert "Vary 3" in buttons(message)
    assert "Vary 2" not in buttons(message)


async def test_a_refusal_hands_the_words_back_as_a_line_to_copy(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a *star*\nby the sea strength:0.5 quality:true region:left half")
    await mia.is_told("```\n/imagine prompt:a *star*\nby the sea strength:0.5 quality:true region:left half\n```")
    await bao.say("/画图 提示词:星星 重绘幅度:0.5 精修:是")
    await bao.is_told("```\n/画图 提示词:星星 重绘幅度:0.5 精修:是\n```")

    forged.replace_options(studio.playground, seed="seven")
    await mia.say("/imagine prompt:a star")
    await mia.is_told("Reload Discord and try again.\n```\n/imagine prompt:a star seed:seven\n```")


async def test_words_too_long_for_a_message_are_handed_back_as_a_file(studio: Studio, mia: Visitor) -> None:
    prompt = "a very long star " * 117

    await mia.say(f"/imagine prompt:{prompt}strength:0.5")

    message = await mia.sees("Strength says how much of your image")
    [file] = message["attachments"]
    assert (await mia.download(file["url"])).decode() == f"/imagine prompt:{prompt.strip()} strength:0.5"


async def test_a_form_that_is_refused_hands_its_words_back_too(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a star seed:7")
    await mia.sees_pictures()
    await mia.press_edit()

    await mia.submit(prompt="a green heart", shape="2:3", steps="99")

    await mia.is_told("```\n/imagine prompt:a green heart shape:2:3 seed:7 steps:99\n```")


class TestWordsOfMoreTokensThanTheModelReads:
    """The bot has no tokenizer; the painter is asked, where the words are long enough for that."""

    LONG = "a very long star " * 20  # 340 bytes; the model reads 256 tokens

    async def test_are_refused_to_their_person_alone_and_handed_back(
        self, empty_studio: Studio, mia: Visitor, bao: Visitor
    ) -> None:
        await empty_studio.open_bot()
        await empty_studio.open_engine(Script(tokens=300))

        await mia.say(f"/imagine prompt:{self.LONG}")
        await mia.is_told("Your words are too long for this model: 300 tokens, 256 is the most.")
        await mia.is_told(f"```\n/imagine prompt:{self.LONG.strip()}\n```")
        await bao.say(f"/画图 提示词:{self.LONG}")
        await bao.is_told("文字对这个模型来说太长了：300 个词元，最多 256 个。")

        assert [message for message in await mia.messages() if not message["flags"] & EPHEMERAL] == []
        assert await empty_studio.service.ledger.jobs.unposted() == []
        assert empty_studio.engine is not None
        assert empty_studio.engine.orders == []

    async def test_are_painted_where_the_painter_counts_fewer(self, studio: Studio, mia: Visitor) -> None:
        await mia.say(f"/imagine prompt:{self.LONG}")

        await mia.sees_pictures()
        assert studio.engine is not None
        assert [question.texts for question in studio.engine.questions] == [(self.LONG.strip(),)]

    async def test_are_accepted_where_the_painter_does_not_say(self, empty_studio: Studio, mia: Visitor) -> None:
        await empty_studio.open_bot()
        await empty_studio.open_engine(Script(tokens=None))

        await mia.say(f"/imagine prompt:{self.LONG}")

        await mia.sees_pictures()

    async def test_may_be_a_negative_prompt_or_those_of_a_style(self, studio: Studio, mia: Visitor) -> None:
        await mia.say(f"/imagine prompt:a star negative:{self.LONG}")
        await mia.sees_pictures()
        await mia.say(f"/imagine prompt:{'star ' * 44}style:Anime")
        await mia.sees_pictures(more_than=1)

        assert studio.engine is not None
        [negative], [styled] = [question.texts for question in studio.engine.questions]
        assert negative == self.LONG.strip()
        assert styled.startswith("star") or "star star" in styled
        assert len(styled) > 44 * 5

    async def test_in_pictures_of_ones_own_are_refused_before_any_is_fetched(
        self, empty_studio: Studio, mia: Visitor
    ) -> None:
        await empty_studio.open_bot()
        await empty_studio.open_engine(Script(tokens=300))

        await mia.say(f"/imagine prompt:{self.LONG} image:@cat.png", cat=picture())

        await mia.is_told("Your words are too long for this model: 300 tokens, 256 is the most.")
        assert await empty_studio.service.blobs.stored() == []


async def test_ordinary_words_are_asked_of_nobody(studio: Studio, mia: Visitor) -> None:
    await mia.say(f"/imagine prompt:{'a red star ' * 15} negative:blurred")

    await mia.sees_pictures()
    assert studio.engine is not None
    assert studio.engine.questions == []
