"""Commands by keyboard: completion, choices, files, mistakes, and the answers as they change."""

from pathlib import Path

import discord
import pytest
from playwright.async_api import expect

from playground import open_playground
from tests.page.conftest import PATIENT, Studio, Visit, say
from tests.page.demo_bot import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_command_is_typed_completed_and_answered_without_the_mouse(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    studio.bot.go_on.set()

    await page.keyboard.type("/pai")
    await expect(page.get_by_role("option", name="/paint")).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.locator("#input")).to_have_value("/paint prompt:")
    await page.keyboard.type("a red star ")
    await page.keyboard.type("shape:wi")
    await expect(page.get_by_role("option", name="wide")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator("#input")).to_have_value("/paint prompt:a red star shape:wide")
    await page.keyboard.press("Enter")

    await expect(page.locator("#messages").get_by_text("a red star (wide)")).to_be_visible()
    await expect(page.locator("#messages").get_by_text("Mia used /paint")).to_be_visible()
    await expect(page.locator("#input")).to_have_value("")


async def test_a_key_that_comes_before_the_list_has_caught_up_takes_what_the_text_means(
    studio: Studio, visit: Visit
) -> None:
    page = await visit(studio.url)

    await page.keyboard.type("/")
    await expect(page.get_by_role("option", name="/paint")).to_be_visible()
    await page.keyboard.insert_text("pai")
    await page.keyboard.press("Tab")

    await expect(page.locator("#input")).to_have_value("/paint prompt:")


async def test_an_answer_changes_in_place_while_the_bot_edits_it(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)

    await say(page, "/paint prompt:a blue ring count:4")
    await expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    row = page.locator("li.message")
    identity = await row.get_attribute("id")
    studio.bot.go_on.set()

    await expect(page.locator(".gallery img")).to_have_count(4)
    await expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    await expect(row).to_have_count(1)
    assert await row.get_attribute("id") == identity


async def test_the_reader_stays_at_the_newest_message_until_they_scroll_up(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url, viewport={"width": 900, "height": 420})
    studio.bot.go_on.set()
    at_end = "node => node.scrollHeight - node.scrollTop - node.clientHeight < 3"
    scroller = page.locator("[data-part=scroller]")

    await say(page, "/paint prompt:one count:2")
    await expect(page.locator(".gallery img")).to_have_count(2)
    await page.wait_for_function(f"({at_end})(document.querySelector('[data-part=scroller]'))")
    await scroller.evaluate("node => { node.scrollTop = 0 }")
    await expect(page.get_by_role("button", name="Jump to the latest")).to_be_visible()
    await studio.bot.announce("news")

    await expect(page.locator("#messages").get_by_text("news", exact=True)).to_be_attached()
    assert not await scroller.evaluate(at_end)
    await page.get_by_role("button", name="Jump to the latest").click()
    assert await scroller.evaluate(at_end)


async def test_a_mistake_is_explained_above_the_composer_and_the_line_stays(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url, lost_server=True)  # Chromium logs the 400 as an error

    await say(page, "/paint shape:wide")

    await expect(page.locator(".composer-error")).to_contain_text("prompt")
    await expect(page.locator("#input")).to_have_value("/paint shape:wide")
    await expect(page.locator("li.message, li.waiting")).to_have_count(0)


async def test_a_picked_picture_goes_into_the_option_that_takes_files(
    studio: Studio, visit: Visit, tmp_path: Path
) -> None:
    page = await visit(studio.url)
    studio.bot.go_on.set()
    file = tmp_path / "my cat.png"
    file.write_bytes(picture(3).fp.read())

    await page.locator("#input").fill("/paint prompt:a cat")
    await page.locator("[data-part=picker]").set_input_files(file)
    await expect(page.locator(".chip")).to_contain_text("my-cat.png")
    await expect(page.locator("#input")).to_have_value("/paint prompt:a cat image:@my-cat.png")
    await page.keyboard.press("Enter")

    await expect(page.locator("#messages").get_by_text("a cat (square, from my-cat.png)")).to_be_visible()
    await expect(page.locator(".chip")).to_have_count(0)


async def test_a_dropped_picture_becomes_a_chip_and_can_be_removed(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    carried = await page.evaluate_handle(
        """() => {
            const carried = new DataTransfer();
            carried.items.add(new File([new Uint8Array([137, 80])], 'cat.png', { type: 'image/png' }));
            return carried;
        }"""
    )

    await page.locator("#input").fill("/paint prompt:a cat")
    await page.dispatch_event("#chat", "drop", {"dataTransfer": carried})
    await expect(page.locator("#input")).to_have_value("/paint prompt:a cat image:@cat.png")
    await page.get_by_role("button", name="Remove cat.png").click()

    await expect(page.locator(".chip")).to_have_count(0)
    await expect(page.locator("#input")).to_have_value("/paint prompt:a cat")


async def test_a_pasted_picture_waits_for_the_command_that_takes_it(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    studio.bot.go_on.set()

    await page.evaluate(
        """() => {
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([new Uint8Array([137, 80])], 'image.png', { type: 'image/png' }));
            const paste = new ClipboardEvent('paste', { clipboardData, bubbles: true });
            document.querySelector('#input').dispatchEvent(paste);
        }"""
    )
    await expect(page.locator(".chip-name")).to_have_text("image.png")
    await say(page, "/paint prompt:a cat")

    await expect(page.locator("#messages").get_by_text("a cat (square, from image.png)")).to_be_visible()


async def test_shift_enter_breaks_the_line_and_arrow_up_recalls_what_was_sent(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)

    await page.keyboard.type("first")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("second")
    await page.keyboard.press("Enter")
    await expect(page.locator("li.message .text")).to_have_text("first\nsecond")
    await expect(page.locator("#input")).to_have_value("")
    await page.keyboard.press("ArrowUp")

    await expect(page.locator("#input")).to_have_value("first\nsecond")


async def test_enter_while_an_input_method_is_composing_sends_nothing(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)

    await page.locator("#input").fill("红色")
    await page.locator("#input").dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})

    await expect(page.locator("#input")).to_have_value("红色")
    await expect(page.locator("li.message")).to_have_count(0)


async def test_an_example_of_the_welcome_card_can_be_sent_or_changed_first(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)

    await page.get_by_role("button", name="Change it first: /help").click()
    await expect(page.locator("#input")).to_have_value("/help")
    await page.get_by_role("button", name="Send /help").click()

    await expect(page.locator("#messages").get_by_text("How to paint")).to_be_visible()
    await expect(page.get_by_text("Only you can see this")).to_be_visible()
    await expect(page.locator(".welcome")).to_be_visible()


async def test_a_picture_of_the_gallery_is_painted_again_at_a_press(tmp_path: Path, visit: Visit) -> None:
    async with open_playground(data=tmp_path, rules=PATIENT, model="zimagine-starter-2") as playground:
        page = await visit(playground.url, locale="zh-CN", lost_server=True)  # no bot is there to take the command
        pictures = page.locator(".welcome .best img")
        await expect(pictures).to_have_count(8)
        assert await page.evaluate(
            "[...document.querySelectorAll('.best img')].every((one) => one.naturalWidth === 256)"
        )

        async with page.expect_request("**/page/say") as sent:
            await page.get_by_role("button", name="西瓜").click()

        assert "prompt:西瓜 seed:7" in (await sent.value).post_data_json["text"]


async def test_the_welcome_stays_until_a_picture_is_there_and_says_how_the_painter_does(
    studio: Studio, visit: Visit
) -> None:
    page = await visit(studio.url)
    welcome, bot_line = page.locator(".welcome"), page.locator(".bot-line")
    await expect(welcome.get_by_role("status")).to_have_count(0)

    await studio.bot.change_presence(status=discord.Status.idle)
    await expect(welcome.get_by_role("status")).to_contain_text("The painter is loading its model.")
    await expect(bot_line).to_contain_text("loading")
    await studio.bot.change_presence(status=discord.Status.dnd)
    await expect(welcome.get_by_role("status")).to_contain_text("The painter cannot start.")
    await studio.bot.change_presence(status=discord.Status.online)
    await expect(welcome.get_by_role("status")).to_have_count(0)
    await say(page, "/secret")
    await expect(page.locator("li.message")).to_have_count(1)
    await expect(welcome).to_be_visible()

    await say(page, "/paint prompt:a disc")
    await expect(page.locator("li.message")).to_have_count(2)
    studio.bot.go_on.set()

    await expect(welcome).to_have_count(0)
    await expect(page.get_by_text("This is the beginning of #paint.")).to_be_visible()


async def test_a_command_that_nobody_answers_says_so_and_can_be_dismissed(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)

    await say(page, "/silent")
    await expect(page.get_by_text("The application did not respond")).to_be_visible()
    await page.get_by_role("button", name="Dismiss message").click()

    await expect(page.get_by_text("The application did not respond")).to_have_count(0)


async def test_a_plain_message_is_told_that_the_bot_hears_commands_only_and_which_it_would_have_been(
    studio: Studio, visit: Visit
) -> None:
    page = await visit(studio.url)
    studio.bot.go_on.set()
    hint = page.locator(".composer-hint")

    await say(page, "Prompt: a red star")
    await expect(page.locator("li.message .text")).to_have_text("Prompt: a red star")
    await expect(hint).to_contain_text("The painter hears commands only.")
    await hint.get_by_role("button", name="Paint it: /paint prompt:a red star").click()

    await expect(page.locator("#messages").get_by_text("a red star (square)")).to_be_visible()
    await expect(hint).to_be_hidden()


@pytest.mark.parametrize("slash", ["／", "、"])
async def test_the_slash_of_a_keyboard_for_chinese_begins_a_command(studio: Studio, visit: Visit, slash: str) -> None:
    page = await visit(studio.url, locale="zh-CN")
    studio.bot.go_on.set()

    await page.locator("#input").click()
    await page.keyboard.insert_text(f"{slash}画")
    await expect(page.get_by_role("option", name="/画")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.insert_text(" 红色星星")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")

    await expect(page.locator("#messages").get_by_text("红色星星 (square)")).to_be_visible()
