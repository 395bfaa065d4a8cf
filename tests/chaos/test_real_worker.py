"""The chaos with the real engine: supervisor, worker, the starter's weights; few kills, for it takes time to load."""

from __future__ import annotations

import pytest

from tests.chaos.run import Plan, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


async def test_what_the_real_engine_paints_is_posted_exactly_once_whoever_dies() -> None:
    verdict = await run(Plan(link="worker", kills=4, jobs=8, seed=5, between=(4.0, 8.0)))

    assert verdict.jobs >= 8
    assert sum(verdict.kills.values()) == 4
    assert verdict.lost == []
    assert verdict.duplicates == []
    assert set(verdict.failed) <= {"poison"}  # three engines may happen to die under one request
