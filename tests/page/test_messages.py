"""What can be done with a message: buttons, forms, whispers, pictures in full view, deletion."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.page.conftest import Studio, Visit, say

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def finished(page: Page, studio: Studio, *, count: int = 1) -> None:
    """A finished painting in the channel."""
    studio.bot.go_on.set()
    await say(page, f"/paint prompt:a red star count:{count}")
    await expect(page.get_by_role("button", name="Edit")).to_be_visible()


async def test_a_pressed_button_waits_and_the_answer_appears(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    await finished(page, studio)

    await page.get_by_role("button", name="Again").click()

    await expect(page.locator("#messages").get_by_text("Painted again.")).to_be_visible()
    await expect(page.locator("#messages").get_by_text("Mia pressed a button")).to_be_visible()
    await expect(page.locator(".busy")).to_have_count(0)


async def test_a_button_that_nobody_answers_fails_below_its_message_and_works_again(
    studio: Studio, visit: Visit
) -> None:
    page = await visit(studio.url)
    await finished(page, studio)

    await page.get_by_role("button", name="Silent").click()
    await expect(page.get_by_role("button", name="Silent")).to_have_attribute("aria-busy", "true")

    await expect(page.locator("#messages .failure")).to_have_text("The application did not respond")
    await expect(page.locator(".busy")).to_have_count(0)
    await page.get_by_role("button", name="Count").click()
    await expect(page.locator("#messages").get_by_text("counted")).to_be_visible()
    await expect(page.locator("#messages .failure")).to_have_count(0)


async def test_a_form_is_filled_checked_and_sent_by_keyboard(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    await finished(page, studio)

    await page.get_by_role("button", name="Edit").press("Enter")
    dialog = page.get_by_role("dialog", name="Edit and paint again")
    await expect(dialog.get_by_label("Prompt")).to_be_focused()
    await expect(dialog.get_by_label("Prompt")).to_have_value("a red star")
    await dialog.get_by_label("Prompt").fill("no")
    await dialog.get_by_role("button", name="Submit").click()
    await expect(dialog.get_by_text("At least 3 characters, please.")).to_be_visible()
    await dialog.get_by_label("Prompt").fill("a green heart")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Wide")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    await expect(page.locator("#messages").get_by_text("Edited: a green heart")).to_be_visible()
    await expect(dialog).to_have_count(0)
    assert studio.bot.submitted == {"prompt": "a green heart", "shape": "wide", "hidden": True}


async def test_escape_leaves_a_form_without_sending_and_returns_to_its_button(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    await finished(page, studio)

    await page.get_by_role("button", name="Edit").press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Edit")).to_be_focused()
    assert studio.bot.submitted == {}


async def test_a_whisper_is_seen_by_one_person_only_and_can_be_dismissed(studio: Studio, visit: Visit) -> None:
    mia, bao = await visit(studio.url), await visit(studio.url)
    await bao.get_by_role("radio", name="Bao").check(force=True)
    await bao.get_by_role("radio", name="English").check(force=True)

    await say(mia, "/secret")
    await expect(mia.locator("#messages").get_by_text("The limit for today is reached.")).to_be_visible()
    await say(mia, "good morning")
    await expect(bao.locator("#messages").get_by_text("good morning")).to_be_visible()
    await expect(bao.locator("#messages").get_by_text("The limit for today")).to_have_count(0)
    await mia.get_by_role("button", name="Dismiss message").click()

    await expect(mia.locator("#messages").get_by_text("The limit for today")).to_have_count(0)


async def test_pictures_open_in_full_view_and_the_keyboard_walks_through_them(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    await finished(page, studio, count=3)

    await page.get_by_role("button", name="View picture: disc number 2").press("Enter")
    view = page.get_by_role("dialog")
    await expect(view.locator(".caption")).to_have_text("disc number 2")
    await page.keyboard.press("ArrowRight")
    await expect(view.locator(".caption")).to_have_text("disc number 3")
    await page.keyboard.press("ArrowRight")
    await expect(view.locator(".caption")).to_have_text("disc number 1")
    await page.keyboard.press("ArrowLeft")
    await expect(view.get_by_text("3 / 3")).to_be_visible()
    async with page.expect_download() as download:
        await view.get_by_role("link", name="Download").click()
    await page.keyboard.press("Escape")

    assert (await download.value).suggested_filename == "picture-3.png"
    await expect(view).to_have_count(0)
    await expect(page.get_by_role("button", name="View picture: disc number 2")).to_be_focused()


async def test_a_picture_that_stays_keeps_its_element_when_the_message_is_edited(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    await say(page, "/paint prompt:a red star")
    await expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    await page.locator(".gallery img").evaluate("node => { node.same = true }")

    studio.bot.go_on.set()
    await expect(page.get_by_role("button", name="Edit")).to_be_visible()

    # A browser shows an element's old picture until the new one is there; a new element would flash empty.
    await expect(page.locator(".gallery img")).to_have_attribute("src", re.compile("picture-1"))
    assert await page.locator(".gallery img").evaluate("node => node.same")


async def test_people_delete_their_own_messages_and_moderators_everybodys(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    await say(page, "mine")
    await studio.bot.announce("the bot's")
    await expect(page.locator("li.message")).to_have_count(2)
    await expect(page.get_by_role("button", name="Delete message")).to_have_count(1)

    await page.get_by_role("button", name="Delete message").press("Enter")
    await page.get_by_role("button", name="Press again to delete").press("Enter")
    await expect(page.locator("li.message")).to_have_count(1)
    await page.get_by_role("radio", name="Robin").check(force=True)
    await page.get_by_role("button", name="Delete message").press("Enter")
    await page.get_by_role("button", name="Press again to delete").press("Enter")

    await expect(page.locator("li.message")).to_have_count(0)


async def test_one_or_several_values_are_chosen_from_selects(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    await say(page, "/pick")

    await page.get_by_label("One colour").select_option("Green")
    await expect(page.locator("#messages").get_by_text("You chose green.")).to_be_visible()
    await page.locator("summary", has_text="Two colours").click()
    await page.get_by_label("Red").check()
    await page.get_by_role("button", name="Done").click()  # one is too few: nothing happens
    await page.get_by_label("Blue").check()
    await page.get_by_role("button", name="Done").click()

    await expect(page.locator("#messages").get_by_text("You chose blue and red.")).to_be_visible()


async def test_a_picture_behind_a_spoiler_shows_after_the_first_press(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    await say(page, "/pick")

    await page.get_by_role("button", name="Spoiler").click()
    await page.get_by_role("button", name="View picture: a surprise").click()

    await expect(page.locator(".lightbox .caption")).to_have_text("a surprise")
