"""Another program holds the ledger: a backup tool, a curious owner with a shell."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from playground.world.rules import Rules
from tests.story.studio import Studio, Visitor


class TestWithinDiscordsThreeSeconds:
    @pytest.fixture
    def rules(self) -> Rules:
        return Rules(answer_within=4)  # a busy machine may need one more

    async def test_a_ledger_that_is_locked_elsewhere_is_said_to_be_before_discord_gives_up(
        self, studio: Studio, mia: Visitor, bao: Visitor
    ) -> None:
        with closing(sqlite3.connect(studio.data / "ledger.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            await mia.say("/imagine prompt:a red star")
            await mia.is_told("I cannot write anything down just now.")
            await bao.say("/imagine prompt:红色星星")
            await bao.is_told("我暂时无法保存请求")

        await mia.say("/imagine prompt:a red star")
        await mia.sees_pictures()
