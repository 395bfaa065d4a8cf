"""What the owner reads on the console while the bot is online."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.startup.online import serve
from tests.support.patience import until
from tests.support.stage import ready, stage

WHY = "The engine cannot start: No module named 'torch'."


async def test_why_no_painter_can_start_is_said_once_on_the_console_and_one_that_starts_at_last_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ""

    def has_said(words: str) -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return words in said

    async with stage(tmp_path) as core:
        dispatcher = core.service.dispatcher
        serving = asyncio.create_task(serve(core.service, asyncio.create_task(asyncio.sleep(1e6)), None))
        await until(lambda: has_said("is online."))
        for attempt in range(3):  # each is a process of its own
            dispatcher.engine_events.loading(f"engine-{attempt}", "starter")
            await heard()
            dispatcher.engine_events.loading(f"engine-{attempt}", "starter", WHY)
            await heard()
            dispatcher.engine_events.not_loading(f"engine-{attempt}")
        await until(lambda: has_said(f"Painter does not load: {WHY}"))
        async with core.engine().running():
            await ready(core)
            await until(lambda: has_said("Painter ready: Fake Painter on cpu"))
        serving.cancel()

    assert said.count("Painter loading: starter") == said.count(WHY) == 1


async def heard() -> None:
    """What was told last; a few turns of the loop, for nothing need be said of it."""
    for _ in range(10):
        await asyncio.sleep(0)
