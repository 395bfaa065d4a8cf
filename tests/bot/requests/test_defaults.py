"""Settings of owner, guild, channel and person: who may change them, who wins, what bounds them."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.jobs.errors import BadSetting, NeedsAdmin, NeedsOwner, NotAllowed, OverCeiling, SizeUnfit
from bot.jobs.job import Requester
from bot.requests.defaults import Defaults, OwnerSettings, Value
from bot.storage.ledger import Ledger
from protocol.card import Z_IMAGE, ModelCard
from tests.support.clocks import ManualClock
from tests.support.fake_engine import CARD
from tests.support.stage import ADMIN, ANNA, MODERATOR, OWNER

GUILD, CHANNEL = 10, 100


@asynccontextmanager
async def opened(
    path: Path, owner: OwnerSettings | None = None, card: ModelCard = CARD
) -> AsyncGenerator[Defaults, None]:
    async with Ledger.open(path / "ledger.db", wall=ManualClock()) as ledger:
        yield Defaults(ledger.settings, owner=owner or OwnerSettings(), card=lambda: card)


async def test_the_narrower_scope_wins(tmp_path: Path) -> None:
    async with opened(tmp_path) as defaults:
        assert defaults.of_pictures(ANNA).shape == "1:1"

        await defaults.set("guild", GUILD, "shape", "2:3", by=ADMIN)
        assert defaults.of_pictures(ANNA).shape == "2:3"
        await defaults.set("channel", CHANNEL, "shape", "3:2", by=ADMIN)
        assert defaults.of_pictures(ANNA).shape == "3:2"
        await defaults.set("user", ANNA.principal, "shape", "16:9", by=ANNA)
        assert defaults.of_pictures(ANNA).shape == "16:9"

        elsewhere = dataclasses.replace(ADMIN, guild=11, channel=101)
        assert defaults.of_pictures(elsewhere).shape == "1:1"


async def test_a_setting_says_who_made_it_and_outlives_the_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as defaults:
        assert await defaults.set("guild", GUILD, "steps", "12", by=ADMIN) == 12

    async with opened(tmp_path) as defaults:
        shown = defaults.show(GUILD, CHANNEL)["steps"]
        assert (shown.value, shown.scope, shown.by) == (12, "guild", ADMIN.principal)
        assert defaults.of_pictures(ANNA).steps == 12


@pytest.mark.parametrize("damage", ["", "nonsense", '"twelve"', "[12]", "null", '{"of": "a newer version"}'])
async def test_a_setting_that_cannot_be_read_is_as_if_it_were_not_set_and_said_once(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as defaults:
        await defaults.set("guild", GUILD, "steps", 12, by=ADMIN)
        await defaults.set("guild", GUILD, "per_minute", 3, by=ADMIN)
        await defaults.set("guild", GUILD, "count", 2, by=ADMIN)
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        db.execute("UPDATE setting SET value = ? WHERE key IN ('steps', 'per_minute')", (damage,))
    db.close()

    async with opened(tmp_path) as defaults:
        assert [defaults.of_pictures(ANNA).steps for _ in range(3)] == [8, 8, 8]
        assert defaults.limits(ANNA).per_minute == OwnerSettings().per_minute
        assert defaults.of_pictures(ANNA).count == 2
        assert await defaults.set("guild", GUILD, "steps", 9, by=ADMIN) == 9
        assert defaults.of_pictures(ANNA).steps == 9

    assert caplog.text.count("The setting 'steps' of guild 10 is passed over") == 1


async def test_a_setting_of_a_place_that_nobody_knows_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as defaults:
        await defaults.set("guild", GUILD, "steps", 12, by=ADMIN)
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        columns = "INSERT INTO setting (scope, scope_id, key, value, by, at) VALUES "
        db.execute(columns + "('guild', 'here', 'paused', 'true', 'x', 0)")
    db.close()

    async with opened(tmp_path) as defaults:
        assert defaults.paused() == frozenset()
        assert defaults.of_pictures(ANNA).steps == 12

    assert "of guild here is passed over" in caplog.text


async def test_steps_without_a_setting_are_the_models(tmp_path: Path) -> None:
    async with opened(tmp_path) as defaults:
        shown = defaults.show(GUILD, CHANNEL)["steps"]

        assert (shown.value, shown.scope, shown.by) == (8, "owner", None)


async def test_reset_brings_the_wider_scope_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as defaults:
        await defaults.set("guild", GUILD, "count", 2, by=ADMIN)
        await defaults.set("channel", CHANNEL, "count", 4, by=ADMIN)
        await defaults.set("channel", CHANNEL, "steps", 9, by=ADMIN)

        assert await defaults.reset("channel", CHANNEL, None, by=ADMIN) == 2
        assert await defaults.reset("channel", CHANNEL, "count", by=ADMIN) == 0

        assert defaults.of_pictures(ANNA).count == 2


@pytest.mark.parametrize("who", [ANNA, MODERATOR, OWNER, dataclasses.replace(ADMIN, guild=11)])
async def test_only_an_admin_of_the_guild_changes_its_settings(tmp_path: Path, who: Requester) -> None:
    async with opened(tmp_path) as defaults:
        with pytest.raises(NeedsAdmin):
            await defaults.set("guild", GUILD, "count", 2, by=who)

        assert defaults.of_pictures(ANNA).count == 1


async def test_the_owners_scope_is_the_owners(tmp_path: Path) -> None:
    async with opened(tmp_path) as defaults:
        with pytest.raises(NeedsOwner):
            await defaults.set("owner", None, "count", 2, by=ADMIN)
        with pytest.raises(NotAllowed):
            await defaults.set("user", "discord:999", "count", 2, by=ANNA)

        await defaults.set("owner", None, "count", 2, by=OWNER)
        assert defaults.of_pictures(ANNA).count == 2


async def test_nothing_passes_the_owners_ceiling(tmp_path: Path) -> None:
    async with opened(tmp_path) as defaults:
        for key, value in (("steps", 21), ("per_minute", 21), ("per_day", 501), ("in_flight", 6)):
            with pytest.raises(OverCeiling) as refusal:
                await defaults.set("guild", GUILD, key, value, by=ADMIN)
            assert refusal.value.arguments["ceiling"] == value - 1


async def test_a_ceiling_that_was_lowered_holds_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as defaults:
        await defaults.set("guild", GUILD, "steps", 20, by=ADMIN)
        await defaults.set("guild", GUILD, "per_minute", 20, by=ADMIN)

    async with opened(tmp_path, OwnerSettings(most_steps=10, per_minute=3)) as defaults:
        assert defaults.of_pictures(ANNA).steps == 10
        assert defaults.limits(ANNA).per_minute == 3


async def test_the_ceiling_follows_the_model_where_the_owner_sets_none(tmp_path: Path) -> None:
    async with opened(tmp_path, card=Z_IMAGE) as defaults:
        assert defaults.most_steps == 60
        assert await defaults.set("guild", GUILD, "steps", 50, by=ADMIN) == 50
        assert defaults.show(GUILD, CHANNEL)["guidance"].value == 4.0

    async with opened(tmp_path, OwnerSettings(most_steps=30), card=Z_IMAGE) as defaults:
        assert defaults.most_steps == 30


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("colour", "red"), ("paused", True), ("steps", 0), ("steps", "many"), ("count", 5), ("count", ""),
        ("guidance", 0), ("guidance", "NaN"), ("guidance", 31), ("shape", "heart"), ("shape", "square"), ("per_day", 0),
    ],
)  # fmt: skip
async def test_a_value_that_means_nothing_is_refused(tmp_path: Path, key: str, value: Value) -> None:
    async with opened(tmp_path) as defaults:
        with pytest.raises(BadSetting):
            await defaults.set("guild", GUILD, key, value, by=ADMIN)


async def test_a_default_size_may_be_any_that_the_model_paints(tmp_path: Path) -> None:
    async with opened(tmp_path) as defaults:
        await defaults.set("guild", GUILD, "shape", "304x192", by=ADMIN)
        with pytest.raises(SizeUnfit):
            await defaults.set("guild", GUILD, "shape", "7:1", by=ADMIN)

        assert defaults.of_pictures(ANNA).shape == "304x192"


async def test_a_person_cannot_raise_their_own_limits(tmp_path: Path) -> None:
    async with opened(tmp_path) as defaults:
        with pytest.raises(BadSetting):
            await defaults.set("user", ANNA.principal, "per_day", 400, by=ANNA)


async def test_every_change_is_kept_for_the_record(tmp_path: Path) -> None:
    async with Ledger.open(tmp_path / "ledger.db", wall=ManualClock()) as ledger:
        defaults = Defaults(ledger.settings, owner=OwnerSettings(), card=lambda: CARD)
        await defaults.set("guild", GUILD, "count", 2, by=ADMIN)
        await defaults.set("guild", GUILD, "count", 3, by=ADMIN)
        await defaults.reset("guild", GUILD, "count", by=ADMIN)

        kept = await ledger.database.read(
            lambda db: db.execute("SELECT value, by FROM setting_event ORDER BY seq").fetchall()
        )

    assert [tuple(row) for row in kept] == [("2", ADMIN.principal), ("3", ADMIN.principal), (None, ADMIN.principal)]
