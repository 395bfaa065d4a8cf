"""The host's clock is wrong; Discord's is not, and every answer says what it shows."""

from __future__ import annotations

import time

import pytest

from bot.rest.discord_time import DiscordTime
from playground.world.rules import Rules
from tests.story.studio import Studio, Visitor, is_from_the_bot

COMMAND_ANSWER = 20  # a type of messages


@pytest.mark.parametrize("fast", [1200.0, -1200.0])
class TestAHostThatIsTwentyMinutesOff:
    @pytest.fixture
    def rules(self, fast: float) -> Rules:
        return Rules(answer_within=30, wall=lambda: time.time() - fast)

    async def test_answers_in_place_and_counts_by_discords_clock(
        self, empty_studio: Studio, mia: Visitor, rules: Rules, fast: float
    ) -> None:
        empty_studio.clock = DiscordTime()
        await empty_studio.open_bot()
        await empty_studio.open_engine()

        await mia.say("/imagine prompt:a red star")

        message = await mia.sees_pictures()
        assert message["type"] == COMMAND_ANSWER
        assert len([m for m in await mia.messages() if is_from_the_bot(m)]) == 1
        assert abs(empty_studio.service.wall() - rules.wall()) < 10
