"""What can be done with a picture, by whom, and for how long."""

from __future__ import annotations

import asyncio

from tests.story.studio import Studio, Visitor, buttons, finished, gallery, words
from tests.support import forged


async def test_reroll_paints_the_same_words_from_a_new_seed_in_a_new_message(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7")
    old = await mia.sees_pictures()

    await mia.click("Reroll")

    new = await mia.sees_pictures(more_than=1)
    assert new["id"] != old["id"]
    assert "a red star" in words(new)
    assert "seed 7 " not in words(new)
    assert await mia.sees(lambda m: m["id"] == old["id"]) == old


async def test_vary_starts_from_the_picture_whose_number_was_pressed(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star count:4 seed:7")
    old = await mia.sees_pictures()

    await mia.click("Vary 2")

    new = await mia.sees_pictures(more_than=1)
    assert "variation" in words(new)
    assert "strength 0.6" in words(new)
    assert len(gallery(new)) == 4
    job = await studio.service.job(job_of(new))
    parent = await studio.service.job(job_of(old))
    assert job.request.source == parent.pictures[1].blob


async def test_upscale_doubles_the_picture_whose_number_was_pressed(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star count:2 seed:7")
    old = await mia.sees_pictures()

    await mia.click("Upscale 2")

    new = await mia.sees_pictures(more_than=1)
    assert "512 × 512" in words(new)
    assert len(gallery(new)) == 1
    job = await studio.service.job(job_of(new))
    parent = await studio.service.job(job_of(old))
    assert job.request.source == parent.pictures[1].blob
    assert "Upscale" not in buttons(new)  # the model ends here


async def test_edit_opens_a_form_filled_in_as_it_was_and_paints_what_was_changed(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7 negative:blue shape:2:3 steps:6")
    await mia.sees_pictures()

    form = await mia.press_edit()
    assert form == {"prompt": "a red star", "negative": "blue", "shape": "2:3", "seed": "7", "steps": "6"}
    await mia.submit(prompt="a green heart", negative="", shape="1:1", seed="9", steps="4")

    message = await mia.sees_pictures(more_than=1)
    for said in ("a green heart", "seed 9", "1:1 (256 × 256)", "4 steps"):
        assert said in words(message)
    assert "without" not in words(message)


async def test_a_form_is_checked_when_it_is_sent(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()

    await mia.press_edit()
    await mia.submit(seed="seven")
    await mia.is_told("“seed” must lie between 0 and 4294967295; you gave seven.")
    await bao.press_edit()
    await bao.submit(steps="0")
    await bao.is_told("“步数”要在 1 到 20 之间，你给的是 0。")
    job = job_of(await mia.sees_pictures())
    await forged.submit(studio.playground, bao.person, f"z1:edit:{job}:1", {"prompt": "星", "shape": "心"})
    await bao.is_told("没有“心”这种画幅")


async def test_an_empty_seed_in_the_form_draws_a_new_one(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7")
    await mia.sees_pictures()

    await mia.press_edit()
    await mia.submit(seed="")

    assert "seed 7 " not in words(await mia.sees_pictures(more_than=1))


async def test_the_author_deletes_their_picture(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()

    await mia.delete_picture()
    await mia.click("Delete for good")

    await mia.is_told("Deleted")
    await mia.sees_gone(message)


async def test_a_stranger_cannot_delete_a_picture_and_a_moderator_can(
    studio: Studio, mia: Visitor, bao: Visitor, robin: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()

    assert "删除" not in buttons(await bao.more(on=message))
    await forged.click(studio.playground, bao.person, f"z1:delete:{job_of(message)}:0")
    await bao.is_told("这是别人的画，只有作者或版主可以这样做。")
    assert await mia.sees_pictures() == message
    await robin.delete_picture(on=message)
    await robin.click("Delete for good")

    await mia.sees_gone(message)


async def test_delete_asks_first_and_the_question_works_after_a_restart(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()

    await mia.delete_picture()
    await mia.is_told("Delete this picture?")
    await studio.all_is_told()
    await studio.restart_bot()
    assert await mia.sees_pictures() == message
    await mia.click("Delete for good")

    await mia.sees_gone(message)


async def test_whoever_deletes_second_is_told_that_it_is_already_gone(
    studio: Studio, mia: Visitor, robin: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()

    for who in (mia, robin):
        await who.delete_picture(on=message)
        await who.is_told("Delete this picture?")
    for who in (mia, robin):
        await who.click("Delete for good")

    await mia.sees_gone(message)
    await robin.is_told("This picture is already deleted.")


async def test_anybody_may_reroll_a_picture_and_it_counts_as_theirs(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()

    await bao.click("Reroll")

    message = await bao.sees_pictures(more_than=1)
    assert f"<@{bao.person.id}>" in words(message)
    assert "重画" in buttons(message)  # a public message speaks the language of whoever asked


async def test_a_form_that_was_closed_opens_again_at_once(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7")
    await mia.sees_pictures()

    for _ in range(2):
        assert (await mia.press_edit())["prompt"] == "a red star"


async def test_a_double_click_makes_one_picture(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()

    await asyncio.gather(*(mia.click("Reroll", on=message) for _ in range(3)))
    await mia.sees_pictures(more_than=1)
    await asyncio.sleep(0.5)

    assert len([m for m in await mia.messages() if finished(m)]) == 2
    assert studio.refusals == []


async def test_cancel_takes_a_waiting_picture_back(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    await mia.say("/imagine prompt:the first")
    await mia.sees("the first")
    await mia.say("/imagine prompt:the second")
    waiting = await mia.sees("the second")

    await mia.click("Cancel", on=waiting)

    message = await mia.sees(lambda m: m["id"] == waiting["id"] and "Cancelled" in words(m))
    assert list(buttons(message)) == ["Reroll", "Edit", "Delete"]
    empty_studio.go_on()
    assert "the first" in words(await mia.sees_pictures())


async def test_cancel_stops_a_picture_that_is_being_painted(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    await mia.say("/imagine prompt:a red star")
    await mia.sees("▰")

    await mia.click("Cancel")

    await mia.sees("Cancelled")
    assert not [m for m in await mia.messages() if finished(m)]


async def test_somebody_elses_picture_cannot_be_cancelled_except_by_a_moderator(
    empty_studio: Studio, mia: Visitor, bao: Visitor, robin: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    await mia.say("/imagine prompt:a red star")
    await mia.sees("▰")

    await bao.click("Cancel")
    await bao.is_told("这是别人的画，只有作者或版主可以这样做。")
    await robin.click("Cancel")

    await mia.sees("Cancelled")


async def test_cancel_without_a_name_takes_back_everything_of_mine(
    empty_studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    await bao.say("/imagine prompt:三")
    await bao.sees("三")
    for prompt in ("one", "two"):
        await mia.say(f"/imagine prompt:{prompt}")
        await mia.sees(prompt)

    await mia.say("/cancel")

    await mia.is_told("Cancelled 2 requests.")
    empty_studio.go_on()
    assert "三" in words(await bao.sees_pictures())
    await mia.say("/cancel")
    await mia.is_told("You have nothing waiting or being painted.")
    await bao.say("/取消")
    await bao.is_told("你没有正在等待或正在画的请求。")


async def test_one_of_several_can_be_cancelled_by_its_words(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    for prompt in ("one", "two"):
        await mia.say(f"/imagine prompt:{prompt}")
        await mia.sees(prompt)

    assert await mia.completions("/cancel picture:tw") == ["two"]
    jobs = {job.request.prompt: job.id for job in await empty_studio.service.live_jobs(f"discord:{mia.person.id}")}
    await mia.say(f"/cancel picture:{jobs['two']}")

    await mia.is_told("Cancelled one request.")
    await mia.sees(lambda m: "two" in words(m) and "Cancelled" in words(m))
    empty_studio.go_on()
    assert "one" in words(await mia.sees_pictures())


async def test_words_that_are_typed_and_not_chosen_mean_the_one_request_that_they_fit(
    empty_studio: Studio, mia: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    for prompt in ("a red fox", "a red hen"):
        await mia.say(f"/imagine prompt:{prompt}")
        await mia.sees(prompt)

    await mia.say("/cancel picture:dog")
    await mia.is_told("Nothing that you have waiting or being painted says “dog”: choose one from the list.")
    await mia.say("/cancel picture:red")
    await mia.is_told("More than one of your requests says “red”: choose one from the list.")
    await mia.say("/cancel picture:Hen")

    await mia.is_told("Cancelled one request.")
    await mia.sees(lambda m: "a red hen" in words(m) and "Cancelled" in words(m))
    empty_studio.go_on()
    assert "a red fox" in words(await mia.sees_pictures())


async def test_the_queue_shows_mine_and_only_the_number_of_others(
    empty_studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    for who, prompt in ((bao, "秘密"), (mia, "a red star"), (mia, "a blue ring")):
        await who.say(f"/imagine prompt:{prompt}")
        await who.sees(prompt)

    await mia.say("/queue")

    answer = words(await mia.sees("### Queue"))
    assert "a red star" in answer
    assert "a blue ring" in answer
    assert "秘密" not in answer
    await bao.say("/队列")
    await bao.is_told("个请求在等待")


async def test_old_buttons_and_forms_work_after_the_bot_was_restarted(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7 count:2")
    old = await mia.sees_pictures()
    await mia.press_edit()

    await studio.restart_bot()
    await mia.submit(prompt="a green heart")
    edited = await mia.sees_pictures(more_than=1)
    for count, label in enumerate(("Reroll", "Vary 2", "Upscale 1"), start=2):
        await mia.click(label, on=old)
        await mia.sees_pictures(more_than=count)
    await mia.delete_picture(on=old)
    await mia.click("Delete for good")

    assert "a green heart" in words(edited)
    await mia.sees_gone(old)


def job_of(message: dict[str, object]) -> str:
    """The id that the buttons of a finished message carry."""
    return next(iter(buttons(message).values())).split(":")[2]
