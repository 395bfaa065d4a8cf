"""The rows under a picture and the panel behind More: what is there, what it does, and that what is old goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from bot.requests.defaults import OwnerSettings
from playground.world.rules import Rules
from protocol.request import Kind, Region
from tests.story.studio import (
    EPHEMERAL,
    Message,
    Studio,
    Visitor,
    buttons,
    finished,
    gallery,
    parts,
    rows,
    words,
)
from tests.story.test_buttons import job_of
from tests.support import forged
from tests.support.fake_engine import CARD
from tests.support.patience import until

DANGER = 4  # the style of a red button
OFFERED = [
    ["Zoom out 1.5×", "Zoom out 2×"],
    ["Pan left", "Pan right", "Pan up", "Pan down"],
    ["Vary subtle", "Vary strong"],
    ["Upscale creative"],
    ["Paint a part", "Fine detail", "Write out words"],
    ["Original file", "Command", "Parameters", "Delete"],
]
OFFERED_IN_CHINESE = [
    ["拉远 1.5 倍", "拉远 2 倍"],
    ["向左延伸", "向右延伸", "向上延伸", "向下延伸"],
    ["轻微变体", "明显变体"],
    ["创意放大"],
    ["重画一部分", "精修", "扩写"],
    ["原图文件", "复制命令", "参数", "删除"],
]


def thumbnails(message: Message) -> list[str]:
    return [part["accessory"]["media"]["url"] for part in parts(message) if part["type"] == 9]


def job_in(message: Message) -> str:
    return buttons(message).get("Reroll", buttons(message).get("重画", "")).split(":")[2]


async def test_one_picture_has_one_row_and_no_numbers(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    english = await mia.sees_pictures()
    await bao.say("/画图 提示词:红色的星星")
    chinese = await bao.sees_pictures(more_than=1)

    assert rows(english) == [["Reroll", "Vary", "Upscale", "Edit", "More"]]
    assert rows(chinese) == [["重画", "变体", "放大", "编辑", "更多"]]


@pytest.mark.parametrize("count", [2, 4])
async def test_several_pictures_have_a_row_for_each_verb_and_one_for_all(
    studio: Studio, mia: Visitor, bao: Visitor, count: int
) -> None:
    numbers = range(1, count + 1)
    await mia.say(f"/imagine prompt:a red star count:{count}")
    english = await mia.sees_pictures()
    await bao.say(f"/画图 提示词:红色的星星 张数:{count}")
    chinese = await bao.sees_pictures(more_than=1)

    assert rows(english) == [
        [f"Upscale {n}" for n in numbers], [f"Vary {n}" for n in numbers], ["Reroll", "Edit", "More"]
    ]  # fmt: skip
    assert rows(chinese) == [[f"放大 {n}" for n in numbers], [f"变体 {n}" for n in numbers], ["重画", "编辑", "更多"]]


async def test_more_of_one_picture_shows_it_and_all_that_the_model_can_do(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star")
    [picture] = gallery(await mia.sees_pictures())
    english = await mia.more()
    await bao.say("/画图 提示词:红色的星星")
    await bao.sees_pictures(more_than=1)
    chinese = await bao.more()

    assert rows(english) == OFFERED
    assert rows(chinese) == OFFERED_IN_CHINESE
    assert thumbnails(english) == [picture["media"]["url"]]
    assert english["flags"] & EPHEMERAL


async def test_more_of_several_asks_which_and_shows_each(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a red star count:3 seed:7")
    message = await mia.sees_pictures()
    addresses = [picture["media"]["url"] for picture in gallery(message)]
    await mia.click("More", on=message)
    english = await mia.sees("Which picture?")
    await bao.click("More", on=message)
    chinese = await bao.sees("要哪一张？")

    assert rows(english) == [["Picture 1", "Picture 2", "Picture 3"]]
    assert rows(chinese) == [["第 1 张", "第 2 张", "第 3 张"]]
    assert [picture["media"]["url"] for picture in gallery(english)] == addresses
    await mia.click("Picture 2", on=english)
    panel = await mia.sees("More of picture 2")
    assert panel["id"] == english["id"]  # the question became the panel
    assert thumbnails(panel) == [addresses[1]]
    assert "seed 8" in words(panel)


async def test_what_is_left_where_one_of_several_failed_keeps_its_own_number_behind_the_names(
    studio: Studio, mia: Visitor
) -> None:
    assert studio.engine is not None
    studio.engine.script = replace(studio.engine.script, fail_at_step=2, fail_pictures=(0,))

    await mia.say("/imagine prompt:a red star count:2 seed:7")

    message = await mia.sees_pictures()
    assert rows(message) == [["Reroll", "Vary", "Upscale", "Edit", "More"]]
    assert buttons(message)["Vary"].endswith(":1")


@pytest.mark.parametrize(("steps", "has_it"), [(2, True), (8, False), (12, False)])
async def test_finish_is_offered_under_fewer_steps_than_the_model_is_made_for(
    studio: Studio, mia: Visitor, bao: Visitor, steps: int, has_it: bool
) -> None:
    await mia.say(f"/imagine prompt:a red star steps:{steps}")
    english = await mia.sees_pictures()
    await bao.say(f"/画图 提示词:红色的星星 步数:{steps}")
    chinese = await bao.sees_pictures(more_than=1)

    assert ("Finish" in buttons(english)) is has_it
    assert ("补完" in buttons(chinese)) is has_it
    assert ("Finish" in buttons(await mia.more(on=english))) is has_it


async def test_finish_paints_the_same_seed_in_all_steps(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star steps:2 seed:7 shape:2:3")
    first = await studio.service.job(job_in(await mia.sees_pictures()))

    await mia.click("Finish")

    message = await mia.sees_pictures(more_than=1)
    request = (await studio.service.job(job_in(message))).request
    assert request == msgspec.structs.replace(first.request, steps=8)
    assert "Finish" not in buttons(message)
    assert "variation" not in words(message)


async def test_of_several_all_are_finished_or_the_one_that_was_chosen(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star steps:2 seed:7 count:3")
    message = await mia.sees_pictures()

    await mia.click("Finish all", on=message)
    of_all = (await studio.service.job(job_in(await mia.sees_pictures(more_than=1)))).request
    await mia.click("Finish", on=await mia.more(2, on=message))
    of_one = (await studio.service.job(job_in(await mia.sees_pictures(more_than=2)))).request

    assert (of_all.seed, of_all.count, of_all.steps) == (7, 3, 8)
    assert (of_one.seed, of_one.count, of_one.steps) == (8, 1, 8)


async def test_all_steps_are_as_many_as_the_owner_allows(empty_studio: Studio, mia: Visitor) -> None:
    empty_studio.owner = OwnerSettings(most_steps=6)
    await empty_studio.open_bot()
    await empty_studio.open_engine()

    await mia.say("/imagine prompt:a red star steps:2")
    await mia.sees_pictures()
    await mia.click("Finish")

    message = await mia.sees_pictures(more_than=1)
    assert "6 steps" in words(message)
    assert "Finish" not in buttons(message)


async def test_what_another_model_painted_is_not_finished(empty_studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine()
    await mia.say("/imagine prompt:a red star steps:2")
    old = await mia.sees_pictures()
    await empty_studio.close_engine()
    await empty_studio.open_engine(card=msgspec.structs.replace(CARD, id="another"))

    await mia.click("Finish", on=old)
    await mia.is_told("There is nothing to finish")
    await bao.click("Finish", on=old)
    await bao.is_told("没有可补完的")


async def test_a_part_of_a_picture_is_painted_anew(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7 count:2 shape:2:3")
    message = await mia.sees_pictures()
    old = await studio.service.job(job_in(message))
    await mia.more(2, on=message)

    form = await mia.press_edit("Paint a part")
    assert form == {"region": "", "prompt": "a red star"}
    await mia.submit(region="left", prompt="a blue moon")

    new = await mia.sees_pictures(more_than=1)
    request = (await studio.service.job(job_in(new))).request
    assert (request.kind, request.region, request.prompt) == (Kind.INPAINT, Region.LEFT, "a blue moon")
    assert (request.source, request.strength) == (old.pictures[1].blob, 1.0)
    assert (request.width, request.height, request.count) == (208, 320, 2)
    assert "left half" in words(new)
    await bao.more(1, on=message)
    await bao.press_edit("重画一部分")
    await bao.submit(region="centre", prompt="蓝色的月亮")
    assert "中间" in words(await bao.sees_pictures(more_than=2))


async def test_fine_detail_and_written_out_words_are_of_the_same_picture_alone(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star seed:7 count:2")
    message = await mia.sees_pictures()

    panel = await mia.more(2, on=message)
    await mia.click("Fine detail", on=panel)
    finer = await mia.sees_pictures(more_than=1)
    await mia.click("Write out words", on=panel)
    fuller = await mia.sees_pictures(more_than=2)
    await bao.click("精修", on=await bao.more(1, on=message))
    chinese = await bao.sees_pictures(more_than=3)

    requests = [(await studio.service.job(job_in(one))).request for one in (finer, fuller, chinese)]
    assert [(one.seed, one.count, one.quality, one.enhance) for one in requests] == [
        (8, 1, True, False), (8, 1, False, True), (7, 1, True, False)
    ]  # fmt: skip
    assert "variation" not in words(finer)
    assert "written out:" in words(fuller)
    assert "Fine detail" not in buttons(await mia.more(on=finer))
    assert "Write out words" not in buttons(await mia.more(on=fuller))


async def test_the_original_is_the_png_as_it_was_painted(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a red star count:2")
    message = await mia.sees_pictures()

    await mia.click("Original file", on=await mia.more(2, on=message))

    told = await mia.sees("The PNG as it was painted")
    [file] = told["attachments"]
    assert told["flags"] & EPHEMERAL
    assert await mia.download(file["url"]) == await studio.service.picture(job_in(message), 1)
    await bao.click("原图文件", on=await bao.more(1, on=message))
    await bao.is_told("画好时的 PNG 原图")


class TestAnOriginalThatDiscordDoesNotTake:
    @pytest.fixture
    def rules(self) -> Rules:
        return Rules(answer_within=30, attachment_size=700)

    async def test_is_said_to_be_too_heavy(self, studio: Studio, mia: Visitor, bao: Visitor) -> None:
        await mia.say("/imagine prompt:a red star")
        message = await mia.sees_pictures()

        await mia.click("Original file", on=await mia.more(on=message))
        await mia.is_told("The original has")
        await bao.click("原图文件", on=await bao.more(on=message))
        await bao.is_told("而 Discord 在这里最多接受")


@pytest.mark.parametrize(
    "options",
    ["", "negative:blue shape:2:3 steps:6", "variety:0.5 style:anime", "quality:true guidance:4.5"],
)
async def test_the_command_paints_the_same_picture_again(studio: Studio, mia: Visitor, options: str) -> None:
    await mia.say(f"/imagine prompt:a red star seed:7 count:2 {options}")
    message = await mia.sees_pictures()
    old = (await studio.service.job(job_in(message))).request

    await mia.click("Command", on=await mia.more(2, on=message))
    told = words(await mia.sees("Paste this to paint it again"))
    await mia.say(told.split("```")[1].strip())

    new = (await studio.service.job(job_in(await mia.sees_pictures(more_than=1)))).request
    assert msgspec.structs.replace(new, enhanced="") == msgspec.structs.replace(old, seed=8, count=1, enhanced="")


async def test_the_command_is_in_its_readers_language(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7 quality:true")
    message = await mia.sees_pictures()

    await bao.click("复制命令", on=await bao.more(on=message))
    told = words(await bao.sees("粘贴这行命令"))
    assert "/画图 提示词:a red star 画幅:1:1 种子:7 步数:8 扩写:是 精修:是" in told
    await bao.say(told.split("```")[1].strip())

    old = (await studio.service.job(job_in(message))).request
    assert (await studio.service.job(job_in(await bao.sees_pictures(more_than=1)))).request.seed == old.seed


async def test_the_command_of_a_picture_that_was_made_larger_is_that_of_its_words(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7 count:2")
    await mia.sees_pictures()
    await mia.click("Upscale 2")
    large = await mia.sees_pictures(more_than=1)

    await mia.click("Command", on=await mia.more(on=large))
    assert "/imagine prompt:a red star shape:1:1 seed:8 steps:8\n" in words(await mia.sees("Paste this"))
    await mia.click("Vary 2")
    varied = await mia.sees_pictures(more_than=2)
    await mia.click("Command", on=await mia.more(on=varied))

    await mia.is_told("cannot name the picture that this one started from")


async def test_the_parameters_are_all_of_them(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7 count:2 negative:blue variety:0.5 style:anime")
    message = await mia.sees_pictures()
    job = job_in(message)

    await mia.click("Parameters", on=await mia.more(2, on=message))
    english = words(await mia.sees("Parameters of picture 2"))
    await bao.click("参数", on=await bao.more(2, on=message))
    chinese = words(await bao.sees("第 2 张的参数"))

    for said in ("a red star", "- seed 8", "- 1:1 (256 × 256)", "- 8 steps", "- guidance 3", "- variety 0.5",
                 "- style ", "- without: blue", f"- model {CARD.id}", job):  # fmt: skip
        assert said in english
    for said in ("- 种子 8", "- 8 步", "- 多样性 0.5", "- 不要：blue", f"- 模型 {CARD.id}", job):
        assert said in chinese


async def test_delete_is_red_asks_first_and_is_shown_to_those_who_may(
    studio: Studio, mia: Visitor, bao: Visitor, robin: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()
    panels = [await who.more(on=message) for who in (mia, bao, robin)]

    assert ["Delete" in buttons(panel) or "删除" in buttons(panel) for panel in panels] == [True, False, True]
    assert [part["style"] for part in parts(panels[0]) if part.get("label") == "Delete"] == [DANGER]
    await mia.click("Delete", on=panels[0])
    question = await mia.sees("Delete this picture?")
    assert question["id"] == panels[0]["id"]  # what is asked stands where Delete was
    assert await mia.sees_pictures() == message


class TestWordsThatDiscordRefuses:
    HOST = "harmful.example"

    @pytest.fixture
    def rules(self) -> Rules:
        return Rules(answer_within=30, harmful_links=(self.HOST,))

    async def test_are_handed_over_as_a_file_and_left_out_of_the_parameters(self, studio: Studio, mia: Visitor) -> None:
        await mia.say(f"/imagine prompt:a sign that says https://{self.HOST}/x seed:7")
        message = await mia.sees_pictures()
        panel = await mia.more(on=message)

        await mia.click("Command", on=panel)
        [file] = (await mia.sees("Paste this"))["attachments"]
        await mia.click("Parameters", on=panel)

        assert self.HOST in (await mia.download(file["url"])).decode()
        told = words(await mia.sees("### Parameters"))
        assert "- seed 7" in told
        assert self.HOST not in told


OLD_MAKES_A_PICTURE = [
    "reroll", "vary", "upscale", "zoom15", "zoom2", "pan-left", "pan-right", "pan-top", "pan-bottom", "vary-subtle",
    "vary-strong", "upscale-creative",
]  # fmt: skip


@pytest.mark.parametrize("verb", OLD_MAKES_A_PICTURE)
async def test_a_button_of_before_that_made_a_picture_still_makes_it(studio: Studio, mia: Visitor, verb: str) -> None:
    await mia.say("/imagine prompt:a red star count:2 seed:7")
    old = await mia.sees_pictures()

    await forged.click(studio.playground, mia.person, f"z1:{verb}:{job_of(old)}:1")

    new = await mia.sees_pictures(more_than=1)
    parent = (await studio.service.job(job_of(new))).parent
    assert parent == (job_of(old), None if verb == "reroll" else 1)


@pytest.mark.parametrize(
    ("verb", "english", "chinese"),
    [
        ("more", "More of picture 2", "第 2 张的更多操作"),
        ("delete", "Delete this picture?", "要删除这幅画吗？"),
        ("prompt", "Full prompt", "完整提示词"),
        ("cancel", "Too late", "晚了一步"),
    ],
)
async def test_a_button_of_before_that_said_something_still_says_it(
    studio: Studio, mia: Visitor, robin: Visitor, verb: str, english: str, chinese: str
) -> None:
    await mia.say("/imagine prompt:a red star count:2 seed:7")
    custom_id = f"z1:{verb}:{job_of(await mia.sees_pictures())}:1"

    await forged.click(studio.playground, mia.person, custom_id)
    await mia.is_told(english)
    await forged.click(studio.playground, mia.person, custom_id, locale="zh-CN")

    await mia.is_told(chinese)


async def test_a_button_of_before_that_deletes_still_does(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()

    await forged.click(studio.playground, mia.person, f"z1:remove:{job_of(message)}:0")

    await mia.sees_gone(message)


async def test_the_new_buttons_work_after_a_restart_and_know_nothing_from_elsewhere(
    studio: Studio, mia: Visitor, robin: Visitor
) -> None:
    await mia.say("/imagine prompt:a secret star steps:2 count:2")
    message = await mia.sees_pictures()
    await studio.all_is_told()
    await studio.restart_bot()

    for verb in ("which", "finish", "finish-all", "region", "original", "command", "parameters", "quality", "enhance"):
        custom_id = f"z1:{verb}:{job_of(message)}:0"
        await forged.click(studio.playground, robin.person, custom_id, **forged.ELSEWHERE)
    await mia.click("Finish all", on=message)

    await mia.sees_pictures(more_than=1)
    await until(lambda: len(studio.refusals) == 9)
    assert "secret" not in json.dumps([m for m in await robin.messages() if m["flags"] & EPHEMERAL])
    assert len([m for m in await mia.messages() if finished(m)]) == 2
