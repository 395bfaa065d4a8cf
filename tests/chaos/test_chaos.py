"""Random deaths of engines, bot and broker, lost answers, deleted messages: the short form of `make chaos`."""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import STRICT, control
from tests.chaos.links import LINKS
from tests.chaos.run import Plan, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("link", sorted(LINKS))
async def test_every_accepted_picture_is_posted_exactly_once_whoever_dies(link: str) -> None:
    verdict = await run(Plan(link=link, kills=12, jobs=40, seed=3))

    assert verdict.jobs >= 40
    assert sum(verdict.kills.values()) == 12
    assert verdict.ambiguous > 0
    assert verdict.lost == []
    assert verdict.duplicates == []
    assert link not in STRICT or verdict.needless == []


async def test_without_idempotency_the_same_run_shows_duplicates() -> None:
    verdict = await run(control(seed=3))

    assert verdict.duplicates != []
