"""Text, file names and links of strangers stay text."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.page.conftest import Studio, Visit, say
from tests.page.demo_bot import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

ATTACK = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'
MARKDOWN = {
    "**a** *b* _c_ __d__ ~~e~~ `f`": "<strong>a</strong> <em>b</em> <em>c</em> <u>d</u> <s>e</s> ",
    "***both***": "<strong><em>both</em></strong>",
    r"\*not\* snake_case_name": "*not* snake_case_name",
    "[here](https://example.com/a)": ">here</a>",
    "see https://example.com/a, then": 'href="https://example.com/a"',
}
HARMLESS = [
    "[x](javascript:alert(1))",
    "[x](data:text/html,hi)",
    "<javascript:alert(1)>",
    ATTACK,
    "`<b>`",
    "```html\n<b>x</b>\n```",
    "# <i>x</i>",
    "**" * 2000,
    "[" * 1500 + "](https://",
    "> " * 500,
    "- " * 700,
]


async def test_what_strangers_write_is_shown_as_text_wherever_it_stands(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)

    await say(page, ATTACK)
    await say(page, f"/echo text:{ATTACK}")
    await expect(page.locator("#messages .embed")).to_be_visible()
    await page.get_by_role("button", name="View picture").click()

    await expect(page.locator("#messages .text").first).to_have_text(ATTACK)
    await expect(page.locator(".lightbox .caption")).to_have_text(ATTACK)
    await expect(page.locator(".lightbox img")).to_have_attribute("alt", ATTACK)
    assert await page.evaluate("window.broken") is None
    assert await page.locator("img[src='x'], #messages script").count() == 0


async def test_a_hostile_file_name_is_only_a_name(studio: Studio, visit: Visit, tmp_path: Path) -> None:
    page = await visit(studio.url)
    file = tmp_path / "<img src=x onerror=alert(1)>.png"
    file.write_bytes(picture(1).fp.read())

    await page.locator("[data-part=picker]").set_input_files(file)
    await expect(page.locator(".chip-name")).to_have_text("<img-src=x-onerror=alert(1)>.png")
    await page.locator("#input").press("Enter")

    await expect(page.locator("#messages .gallery img")).to_have_count(1)
    assert await page.locator("img[src='x']").count() == 0


async def test_an_answer_that_claims_a_strangers_name_shows_it_as_text(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)

    html = await page.evaluate(
        """async (name) => {
            const { messageItem } = await import('/message.js');
            const view = { people: [], channels: [], names: () => null, attachments: [], pictures: [],
                           revealed: new Set(), busy: new Set(), open: new Set() };
            const user = { id: '1', username: name, global_name: name };
            return messageItem({ id: '9', author: user, content: '', timestamp: new Date().toISOString(),
                                 interaction_metadata: { user, name } }, view).outerHTML;
        }""",
        ATTACK,
    )

    assert "<img src=x" not in html
    assert "<script" not in html


async def test_markdown_marks_what_it_should_and_nothing_else(studio: Studio, visit: Visit) -> None:
    page = await visit(studio.url)
    render = """async (text) => {
        const { markdown } = await import('/markdown.js');
        const holder = document.createElement('div');
        holder.append(markdown(text));
        return holder.innerHTML;
    }"""

    for text, wanted in MARKDOWN.items():
        assert wanted in await page.evaluate(render, text)
    for text in HARMLESS:
        html = await page.evaluate(render, text)
        for forbidden in ('javascript:alert(1)"', "<script", "<img", "<b>", "<i>", 'href="data:'):
            assert forbidden not in html
