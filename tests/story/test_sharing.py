"""Several people at once: their pictures share the painter's steps, and a small one passes a large one."""

from __future__ import annotations

from tests.story.studio import Studio, Visitor, until
from tests.support.sharing_engine import SharingEngine


async def sharing(studio: Studio) -> SharingEngine:
    await studio.open_bot()
    await studio.open_engine(kind=SharingEngine)
    assert isinstance(studio.engine, SharingEngine)
    return studio.engine


async def begins_with(engine: SharingEngine, jobs: int) -> None:
    """The engine, held until now, has so many jobs before it takes a step."""
    await until(lambda: engine.known == jobs)
    engine.held_after = None


async def test_small_wishes_of_different_people_are_painted_together(
    empty_studio: Studio, mia: Visitor, bao: Visitor, robin: Visitor
) -> None:
    engine = await sharing(empty_studio)
    engine.held_after = 0

    await mia.say("/imagine prompt:a red star steps:20")
    await bao.say("/imagine prompt:蓝色的圆 steps:20")
    await robin.say("/imagine prompt:a green heart steps:20")
    await begins_with(engine, 3)
    await mia.sees_pictures(more_than=2)

    assert max(len(company) for company in engine.forwards) == 3
    assert len(engine.forwards) < 2 * 20  # one by one it would have been three times twenty


async def test_a_quick_wish_does_not_wait_for_a_long_one(empty_studio: Studio, mia: Visitor, bao: Visitor) -> None:
    engine = await sharing(empty_studio)
    engine.held_after = 0

    long = await mia.say("/imagine prompt:a red star steps:20")
    await mia.sees("a red star")
    quick = await bao.say("/imagine prompt:a blue circle steps:1")
    await begins_with(engine, 2)
    await mia.sees_pictures(more_than=1)

    jobs = [await empty_studio.service.ledger.jobs.of_origin(origin) for origin in (quick, long)]
    ended = [job.ended for job in jobs if job is not None and job.ended is not None]
    assert len(ended) == 2
    assert ended == sorted(ended)
