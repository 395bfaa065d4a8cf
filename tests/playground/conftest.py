"""A playground and a bot in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from playground import Playground, open_playground
from playground.world.rules import Rules
from tests.playground.small_bot import SmallBot, connected
from tests.support.openapi import WireContract, wire_contract

__all__ = ["wire_contract"]


@pytest.fixture
def rules() -> Rules:
    """Discord's, but for the three seconds in which a bot must answer: a busy machine may need more."""
    return Rules(answer_within=30)


@pytest.fixture
async def playground(tmp_path: Path, wire_contract: WireContract, rules: Rules) -> AsyncIterator[Playground]:
    """Every exchange with it is held against Discord's document."""
    async with open_playground(data=tmp_path / "playground", on_exchange=wire_contract, rules=rules) as playground:
        yield playground


@pytest.fixture
async def bot(playground: Playground) -> AsyncIterator[SmallBot]:
    bot = SmallBot()
    async with connected(bot, playground):
        yield bot
