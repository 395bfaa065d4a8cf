"""Who is on stage. Every exchange between bot and playground is held against Discord's OpenAPI document."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from playground import Playground, open_playground
from playground.world import people
from playground.world.rules import Rules
from tests.story.studio import Studio, Visitor
from tests.support.openapi import WireContract, wire_contract

__all__ = ["wire_contract"]


@pytest.fixture
def rules() -> Rules:
    """Discord's, but for the three seconds in which a bot must answer: a busy machine may need more."""
    return Rules(answer_within=30)


@pytest.fixture
async def playground(tmp_path: Path, wire_contract: WireContract, rules: Rules) -> AsyncIterator[Playground]:
    async with open_playground(data=tmp_path / "playground", on_exchange=wire_contract, rules=rules) as playground:
        yield playground


@pytest.fixture
async def empty_studio(playground: Playground, tmp_path: Path) -> AsyncIterator[Studio]:
    """Nobody at work yet: the test says how."""
    data = tmp_path / "data"
    data.mkdir()
    studio = Studio(playground, data)
    yield studio
    await studio.close_engine()
    await studio.close_bot()


@pytest.fixture
async def studio(empty_studio: Studio) -> Studio:
    """The bot online, an engine ready."""
    await empty_studio.open_bot()
    await empty_studio.open_engine()
    return empty_studio


@pytest.fixture
async def mia(empty_studio: Studio) -> AsyncIterator[Visitor]:
    """A member who reads English."""
    async with empty_studio.visitor(people.PEOPLE[0]) as visitor:
        yield visitor


@pytest.fixture
async def bao(empty_studio: Studio) -> AsyncIterator[Visitor]:
    """A member who reads Chinese."""
    async with empty_studio.visitor(people.PEOPLE[1]) as visitor:
        yield visitor


@pytest.fixture
async def noor(empty_studio: Studio) -> AsyncIterator[Visitor]:
    """Admin of the server; neither a moderator nor the bot's owner."""
    async with empty_studio.visitor(people.PEOPLE[4]) as visitor:
        yield visitor


@pytest.fixture
async def robin(empty_studio: Studio) -> AsyncIterator[Visitor]:
    """Moderator, admin and the bot's owner."""
    async with empty_studio.visitor(people.PEOPLE[2]) as visitor:
        yield visitor
