"""A real Chromium in front of a real playground with a real discord.py bot behind it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from playground.server import open_playground
from playground.world.rules import Rules
from tests.page.demo_bot import DemoBot, running
from tests.support.needs import need_program

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 30_000  # ms before a missing thing on the page fails the test
PATIENT = Rules(answer_within=30)  # a busy machine may need more than Discord allows
DESKTOP = {"width": 1280, "height": 800}

expect.set_options(timeout=PATIENCE)

Visit = Callable[..., Awaitable[Page]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Studio:
    """Where the page is, and the bot that answers."""

    url: str
    bot: DemoBot


async def say(page: Page, line: str) -> None:
    """Puts a line into the composer and sends it."""
    await page.locator("#input").click()
    await page.keyboard.insert_text(line)
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = need_program("chromium", "chromium-browser", package="chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    async with (
        open_playground(data=tmp_path, rules=PATIENT) as playground,
        running(playground.url, playground.token) as bot,
    ):
        yield Studio(url=playground.url, bot=bot)


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """Opens the page in a fresh profile. At the end the page must have logged no error and called nobody else."""
    wrong: list[str] = []
    async with AsyncExitStack() as stack:

        async def open_page(url: str, *, lost_server: bool = False, **options: Any) -> Page:
            options = {"viewport": DESKTOP, "locale": "en-US", "reduced_motion": "reduce"} | options
            context = await browser.new_context(**options)
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.set_default_timeout(PATIENCE)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on(
                "request", lambda request: None if request.url.startswith((url, "blob:")) else wrong.append(request.url)
            )
            if not lost_server:
                page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
            await page.goto(url)
            await page.wait_for_selector("html[data-ready]", state="attached")
            return page

        yield open_page
    assert wrong == []
