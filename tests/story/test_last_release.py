"""What an owner has from the last release is taken over: its ledger, its pictures, its messages and their buttons.

`last_release/` was written by the release itself: a server with a style and a default of its own, one message with
two pictures from an attachment, and one job that waits for an engine.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from playground import Playground, open_playground
from playground.world.rules import Rules
from tests.story.studio import Studio, Visitor, gallery, words
from tests.support.clocks import ManualClock
from tests.support.openapi import WireContract

KEPT = Path(__file__).parent / "last_release"
LATER = 1_795_803_600.0  # three minutes after its last job, Unix seconds


@pytest.fixture
async def playground(tmp_path: Path, wire_contract: WireContract, rules: Rules) -> AsyncIterator[Playground]:
    folder = tmp_path / "playground"
    shutil.copytree(KEPT / "attachments", folder / "attachments")
    restore("playground", folder)
    async with open_playground(data=folder, on_exchange=wire_contract, rules=rules) as playground:
        yield playground


@pytest.fixture
async def studio(empty_studio: Studio) -> Studio:
    shutil.copytree(KEPT / "blobs", empty_studio.data / "blobs")
    restore("ledger", empty_studio.data)
    empty_studio.clock = ManualClock(LATER)
    await empty_studio.open_bot()
    await empty_studio.open_engine()
    return empty_studio


def restore(name: str, folder: Path) -> None:
    with closing(sqlite3.connect(folder / f"{name}.db")) as db:
        db.executescript((KEPT / f"{name}.sql").read_text("utf-8"))


async def test_a_job_that_waited_is_painted_in_its_own_message(studio: Studio, mia: Visitor) -> None:
    waiting = await mia.sees("a lighthouse that waits")

    done = await mia.sees_pictures(more_than=1)

    assert done["id"] == waiting["id"]
    assert "seed 8" in words(done)
    assert len(gallery(done)) == 1


async def test_buttons_styles_and_defaults_of_its_messages_go_on(studio: Studio, mia: Visitor, noor: Visitor) -> None:
    await studio.all_is_told()
    await mia.click("Reroll", on=await mia.sees("a red fox"))

    message = words(await mia.sees_pictures(more_than=2))

    assert "from an image" in message
    assert "style Moonlit" in message
    await mia.say("/imagine prompt:a blue fox style:Moonlit")
    assert "6 steps" in words(await mia.sees_pictures(more_than=3))
    await noor.say("/admin styles list")
    await noor.is_told("Moonlit")


async def test_its_pictures_can_be_deleted(studio: Studio, mia: Visitor) -> None:
    old = await mia.sees("a red fox")
    await mia.click("Delete", on=old)
    await mia.click("Delete for good")

    await mia.sees_gone(old)
