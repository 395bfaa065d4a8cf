"""Around the messages: language, theme, people, phone, keyboard, and a server that goes away."""

import ast
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import expect

import playground
from playground.server import open_playground
from tests.page.conftest import Studio, Visit, say
from tests.support.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"width": 390, "height": 844}
MIA, PAINT = "1100000000000000011", "1100000000000000021"


async def test_language_and_theme_are_remembered(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)

    await page.get_by_role("radio", name="简体中文").check(force=True)
    await page.get_by_role("radio", name="深色").check(force=True)
    await page.reload()

    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(page.get_by_role("heading", name="欢迎来到 #paint")).to_be_visible()
    await expect(page.locator("#channel-topic")).to_have_text("输入 /画图，说说你想看到什么")
    assert await page.locator("body").evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(32, 31, 30)"


async def test_a_chinese_browser_gets_chinese_words_and_chinese_completion(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url, locale="zh-CN")
    await expect(page).to_have_title("Zimagine 试画间")

    await page.keyboard.type("/画")
    await expect(page.get_by_role("option", name="/画")).to_be_visible()
    await page.keyboard.press("Enter")

    await expect(page.locator("#input")).to_have_value("/画 描述:")
    await expect(page.get_by_role("textbox", name="在 #paint 发消息").or_(page.get_by_role("combobox"))).to_be_focused()


async def test_everybody_has_a_language_until_one_is_chosen(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)

    await page.get_by_role("radio", name="Bao").check(force=True)
    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    await page.get_by_role("radio", name="Guest").check(force=True)
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_each_channel_keeps_its_draft_and_shows_what_is_new(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)

    await page.locator("#input").fill("half a thought")
    await page.get_by_role("button", name="sketchbook").click()
    await expect(page.locator("#input")).to_have_value("")
    await studio.bot.announce("news")
    await expect(page.get_by_role("button", name="paint new messages")).to_be_visible()
    await page.get_by_role("button", name="paint new messages").click()

    await expect(page.locator("#messages").get_by_text("news")).to_be_visible()
    await expect(page.locator("#input")).to_have_value("half a thought")
    await expect(page.get_by_role("button", name="paint new messages")).to_have_count(0)


async def test_on_a_phone_the_channels_are_a_drawer(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url, viewport=PHONE, has_touch=True)
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    await expect(page.get_by_role("button", name="sketchbook")).to_have_count(0)

    await page.get_by_role("button", name="Open the channel list").tap()
    await page.get_by_role("button", name="sketchbook").tap()

    await expect(page.locator("#channel-name")).to_have_text("sketchbook")
    await expect(page.get_by_role("button", name="quiet-corner")).to_have_count(0)
    await page.get_by_role("button", name="Open the channel list").tap()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Open the channel list")).to_be_focused()


async def test_the_first_stops_of_the_keyboard_skip_to_the_message_box(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)

    await page.locator(".skip").first.focus()
    await expect(page.locator(".skip").first).to_be_in_viewport()
    await page.keyboard.press("Enter")

    await expect(page.locator("#input")).to_be_focused()


async def test_the_page_comes_back_by_itself_when_the_playground_restarts(visit: Visit, tmp_path: Path) -> None:
    async with open_playground(data=tmp_path, port=free_port()) as first:
        page = await visit(first.url, lost_server=True)
        await expect(page.get_by_text("The painter is offline.")).to_be_visible()
        await say(page, "before")
        await expect(page.locator("#messages").get_by_text("before")).to_be_visible()
        await page.locator("#input").fill("unsent")
    await expect(page.get_by_text("The connection to the playground is lost.")).to_be_visible()

    async with open_playground(data=tmp_path, port=first.port) as second, aiohttp.ClientSession() as http:
        said = {"person": MIA, "channel": PAINT, "locale": "en-US", "text": "while you were away", "nonce": "1"}
        async with http.post(f"{second.url}/page/say", json=said) as answer:
            assert answer.status == 200

        await expect(page.locator("#messages").get_by_text("while you were away")).to_be_visible()
        await expect(page.locator("#messages").get_by_text("before")).to_have_count(1)
        await expect(page.get_by_text("The connection to the playground is lost.")).to_have_count(0)
        await expect(page.locator("#input")).to_have_value("unsent")


async def test_earlier_messages_load_while_scrolling_up(visit: Visit, tmp_path: Path) -> None:
    async with open_playground(data=tmp_path) as server, aiohttp.ClientSession() as http:
        for number in range(70):
            said = {"person": MIA, "channel": PAINT, "locale": "en-US", "text": f"line {number}", "nonce": ""}
            async with http.post(f"{server.url}/page/say", json=said) as answer:
                assert answer.status == 200
        page = await visit(server.url)
        await expect(page.locator("#messages").get_by_text("line 69")).to_be_in_viewport()

        await page.locator("[data-part=scroller]").evaluate("node => { node.scrollTop = 0 }")

        await expect(page.locator("li.message")).to_have_count(70)
        await expect(page.locator("#messages").get_by_text("line 20", exact=True)).to_be_in_viewport()
        await expect(page.get_by_role("heading", name="Welcome to #paint")).to_be_attached()  # no picture is there yet


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_text_has_enough_contrast(studio: Studio, visit: Visit, theme: str) -> None:
    page = await visit(studio.url, color_scheme=theme)
    studio.bot.go_on.set()
    low = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")

    assert await page.evaluate(low) == []
    await say(page, "/help")
    await say(page, "/paint prompt:a red star")
    await expect(page.get_by_role("button", name="Edit")).to_be_visible()
    await page.locator("#input").fill("/paint prompt:x shape:")
    await expect(page.get_by_role("option", name="square")).to_be_visible()
    assert await page.evaluate(low) == []
    await page.get_by_role("button", name="Edit").press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()

    assert await page.evaluate(low) == []


async def test_every_refusal_of_the_playground_is_known_in_chinese(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url, locale="zh-CN", lost_server=True)  # Chromium logs the 400 as an error
    translate = "async (sentence) => (await import('/refusals.js')).said(sentence)"

    sentences = list(refusals())
    english = [sentence for sentence in sentences if await page.evaluate(translate, sentence) == sentence]
    await say(page, "/画 形状:方形")

    assert len(sentences) > 30
    assert english == []
    await expect(page.locator(".composer-error")).to_have_text("/画 缺少选项“描述”。")


def refusals() -> Iterator[str]:
    """Every sentence that the playground raises as a GrammarError, with its parts filled in."""
    for path in Path(playground.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "GrammarError":
                yield from texts(node.args[0])


def texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may become; what is only known at run time becomes "/7"."""
    if isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "/7" for part in node.values)
    elif isinstance(node, ast.Constant):
        yield str(node.value)
