"""Two programs with one token: each interaction belongs to whoever answers first, and the owner is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.jobs.few_lines import FewLines
from bot.jobs.states import JobState
from bot.rest import answers
from playground import Playground
from tests.story.studio import Studio, Visitor, finished, is_from_the_bot
from tests.story.test_attachments import picture


@pytest.mark.parametrize("wish", ["/imagine prompt:a red star", "/imagine prompt:a red star image:@cat.png"])
async def test_what_another_program_has_answered_is_painted_and_posted_once(
    studio: Studio,
    playground: Playground,
    tmp_path: Path,
    mia: Visitor,
    wish: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answers._twins, "filters", [FewLines(seconds=1e9)])
    monkeypatch.setattr(answers, "_answered", _Forgetful())  # two processes, which know nothing of each other
    (tmp_path / "twin").mkdir()
    twin = Studio(playground, tmp_path / "twin")
    await twin.open_bot()
    await twin.open_engine()

    for number in range(1, 4):
        await mia.say(wish, **({"cat": picture()} if "cat" in wish else {}))
        await mia.sees_pictures(more_than=number - 1)
    await studio.all_is_told()
    await twin.all_is_told()
    painted = [await _painted(one) for one in (studio, twin)]
    await twin.close_engine()
    await twin.close_bot()

    messages = await mia.messages()
    assert len([m for m in messages if finished(m)]) == len([m for m in messages if m["author"]["id"] != mia.person.id])
    assert sum(painted) == 3
    assert caplog.text.count("another program runs with this bot's token") == 1


async def test_a_click_is_answered_by_the_program_that_knows_the_picture(
    studio: Studio, playground: Playground, tmp_path: Path, mia: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_answered", _Forgetful())
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()
    await studio.all_is_told()
    (tmp_path / "twin").mkdir()
    twin = Studio(playground, tmp_path / "twin")
    await twin.open_bot()

    try:
        for number in range(1, 4):
            await mia.click("Reroll")
            await mia.sees_pictures(more_than=number)
    finally:
        await twin.close_bot()

    assert len([m for m in await mia.messages() if is_from_the_bot(m)]) == 4


class _Forgetful(dict[int, None]):
    def __setitem__(self, key: int, value: None) -> None:
        pass


async def _painted(studio: Studio) -> int:
    sql = "SELECT count(*) FROM job WHERE state = ?"
    return await studio.service.ledger.database.read(lambda db: db.execute(sql, (JobState.POSTED.value,)).fetchone()[0])
