"""Styles in the core: who may change them, what bounds them, what is kept."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.jobs.errors import (
    NeedsAdmin,
    Refusal,
    StyleNameUnfit,
    StyleTaken,
    StyleTooLong,
    StyleWithoutPrompt,
    TooManyStyles,
    UnknownStyle,
)
from bot.jobs.job import Requester
from bot.requests.styles import (
    MOST_NAME,
    MOST_OWN,
    MOST_TEMPLATE,
    PLACE,
    Bilingual,
    StyleBook,
    StyleTemplates,
    built_in,
)
from bot.storage.ledger import Ledger
from tests.support.clocks import ManualClock
from tests.support.stage import ADMIN, ANNA, MODERATOR, OWNER

ELSEWHERE = dataclasses.replace(ADMIN, guild=11)
IN_PRIVATE = dataclasses.replace(ANNA, guild=None)


@asynccontextmanager
async def opened(path: Path) -> AsyncGenerator[StyleBook, None]:
    async with Ledger.open(path / "ledger.db", wall=ManualClock()) as ledger:
        yield StyleBook(ledger.settings)


def style(name: str = "Neon", template: str = "{prompt} in neon light", **chinese: str) -> StyleTemplates:
    return StyleTemplates(
        name=Bilingual(en=name, zh=chinese.get("name_zh", "")),
        template=Bilingual(en=template, zh=chinese.get("template_zh", "")),
    )


def test_every_style_that_comes_along_is_whole_in_both_languages() -> None:
    names = [name.casefold() for one in built_in().values() for name in one.name.given()]

    assert len(built_in()) >= 8
    assert len(set(names)) == len(names) == 2 * len(built_in())
    for one in built_in().values():
        for template in (one.template.en, one.template.zh):
            assert template.count(PLACE) == 1
            assert len(template) <= MOST_TEMPLATE


@pytest.mark.parametrize("damage", ["", '"neon"', '{"name": {"en": "Neon"}}', '{"name": 7, "template": 8}'])
async def test_a_style_that_cannot_be_read_is_left_out_alone(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as book:
        for name in ("Neon", "Tin"):
            await book.add(style(name), by=ADMIN)
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        db.execute("UPDATE setting SET value = ? WHERE key LIKE '%neon'", (damage,))
    db.close()

    async with opened(tmp_path) as book:
        assert "tin" in book.offered(10)
        assert "neon" not in book.offered(10)
        await book.add(style("Neon"), by=ADMIN)

    async with opened(tmp_path) as book:
        assert {"tin", "neon"} <= book.offered(10).keys()
    assert "neon' of guild 10 is passed over" in caplog.text


async def test_a_servers_styles_outlive_the_process_and_are_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path) as styles:
        await styles.add(style(), by=ADMIN)
        await styles.remove("photo", by=ADMIN)

    async with opened(tmp_path) as styles:
        assert styles.resolve("NEON", prompt="a fox", by=ANNA).template == "{prompt} in neon light"
        assert "photo" not in styles.offered(ANNA.guild)
        for by in (ELSEWHERE, IN_PRIVATE):
            assert styles.offered(by.guild) == built_in()
            with pytest.raises(UnknownStyle):
                styles.resolve("neon", prompt="a fox", by=by)


async def test_the_name_is_the_readers_and_the_template_the_prompts(tmp_path: Path) -> None:
    async with opened(tmp_path) as styles:
        await styles.add(style(name_zh="霓虹", template_zh="霓虹灯下的{prompt}"), by=ADMIN)
        chinese = dataclasses.replace(ANNA, locale="zh-TW")

        assert styles.resolve("霓虹", prompt="a fox", by=ANNA).name == "Neon"
        assert styles.resolve("neon", prompt="a fox", by=chinese).name == "霓虹"
        assert styles.resolve("neon", prompt="狐狸", by=ANNA).around("狐狸") == "霓虹灯下的狐狸"
        assert styles.resolve("neon", prompt="a fox", by=chinese).around("a fox") == "a fox in neon light"


async def test_what_an_admin_does_not_say_stays(tmp_path: Path) -> None:
    async with opened(tmp_path) as styles:
        await styles.change("photo", StyleTemplates(name=Bilingual(), template=Bilingual(en="{prompt}!")), by=ADMIN)

        changed = styles.offered(ADMIN.guild)["photo"]
        assert changed.template == Bilingual(en="{prompt}!", zh=built_in()["photo"].template.zh)
        assert changed.name == built_in()["photo"].name
        assert list(styles.changed(ADMIN.guild)) == ["photo"]
        await styles.restore("照片", by=ADMIN)
        assert styles.offered(ADMIN.guild) == built_in()


@pytest.mark.parametrize("who", [ANNA, MODERATOR, OWNER, dataclasses.replace(ADMIN, guild=None)])
async def test_only_an_admin_of_the_server_changes_its_styles(tmp_path: Path, who: Requester) -> None:
    async with opened(tmp_path) as styles:
        for change in (
            styles.add(style(), by=who),
            styles.change("photo", style(), by=who),
            styles.remove("photo", by=who),
            styles.restore("photo", by=who),
        ):
            with pytest.raises(NeedsAdmin):
                await change
        assert styles.offered(who.guild) == built_in()


@pytest.mark.parametrize(
    ("wish", "refusal"),
    [
        (style(name=" "), StyleNameUnfit),
        (style(name="\u3164"), StyleNameUnfit),
        (style(name="x" * (MOST_NAME + 1)), StyleNameUnfit),
        (style(name="two\nlines"), StyleNameUnfit),
        (style(name_zh="霓\u202e虹"), StyleNameUnfit),
        (style(template=""), StyleWithoutPrompt),
        (style(template="neon"), StyleWithoutPrompt),
        (style(template="{prompt}{prompt}"), StyleWithoutPrompt),
        (style(template_zh="霓虹"), StyleWithoutPrompt),
        (style(template=PLACE + "x" * MOST_TEMPLATE), StyleTooLong),
        (style(name="ANIME"), StyleTaken),
        (style(name_zh="水墨"), StyleTaken),
        (style(name="render"), StyleTaken),
    ],
)
async def test_what_is_no_style_is_refused_and_changes_nothing(
    tmp_path: Path, wish: StyleTemplates, refusal: type[Refusal]
) -> None:
    async with opened(tmp_path) as styles:
        with pytest.raises(refusal):
            await styles.add(wish, by=ADMIN)

        assert styles.offered(ADMIN.guild) == built_in()


async def test_a_server_has_a_bounded_number_of_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path) as styles:
        for number in range(MOST_OWN):
            await styles.add(style(name=f"Neon {number}"), by=ADMIN)
        with pytest.raises(TooManyStyles):
            await styles.add(style(name="one more"), by=ADMIN)

        await styles.change("neon 3", style(name="Glow"), by=ADMIN)
        await styles.remove("glow", by=ADMIN)
        await styles.add(style(name="one more"), by=ADMIN)
