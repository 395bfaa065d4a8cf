"""The real bot's message of four pictures, and how much of a window it takes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page

from playground.server import open_playground
from playground.world import people
from tests.page.conftest import DESKTOP, PATIENT, Visit
from tests.story.studio import Studio

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZES = """() => {
  const message = [...document.querySelectorAll('li.message')].at(-1);
  const box = (node) => node.getBoundingClientRect();
  const seen = document.querySelector('.top'), below = document.querySelector('.below');
  return {
    top: box(message.querySelector('.used')).top - box(seen).bottom, // without the day above the first of it
    bottom: box(below).top - box(message).bottom,
    rows: [...message.querySelectorAll('.row')].map((row) => box(row).height),
    pictures: box(message.querySelector('.gallery')).height,
    button: box(message.querySelector('.row .button')).height,
  };
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def bot(tmp_path: Path) -> AsyncIterator[Studio]:
    """With four pictures of Mia's in the first channel."""
    (tmp_path / "data").mkdir()
    async with open_playground(data=tmp_path / "playground", rules=PATIENT) as playground:
        studio = Studio(playground, tmp_path / "data")
        await studio.open_bot()
        await studio.open_engine()
        async with studio.visitor(people.PEOPLE[0]) as mia:
            await mia.say("/imagine prompt:a red star count:4 seed:7")
            await mia.sees_pictures()
        yield studio
        await studio.close_engine()
        await studio.close_bot()


async def at_the_end(page: Page) -> dict[str, float]:
    """The sizes of the last message, once its pictures are there and the page has come to rest at its end."""
    await page.wait_for_function(
        "[...document.querySelectorAll('.gallery img')].filter((i) => i.complete).length === 4"
    )
    await page.wait_for_timeout(300)
    return await page.evaluate(SIZES)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_fits_a_laptops_window_with_each_row_on_one_line(bot: Studio, visit: Visit, theme: str) -> None:
    page = await visit(bot.playground.url, viewport=DESKTOP, color_scheme=theme)

    sizes = await at_the_end(page)

    assert sizes["top"] >= 0
    assert sizes["bottom"] >= 0
    assert sizes["rows"] == [sizes["button"]] * 3


async def test_has_buttons_lower_than_its_pictures_on_a_phone(bot: Studio, visit: Visit) -> None:
    page = await visit(bot.playground.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)

    sizes = await at_the_end(page)

    assert sum(sizes["rows"]) < sizes["pictures"]
