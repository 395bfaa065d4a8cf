"""Subscriptions: ordered, coalesced, and complete in their endings."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from bot.jobs.events import (
    Accepted,
    Began,
    Ended,
    Events,
    JobEvent,
    Moved,
    Painted,
    QueuePosition,
    Stepped,
    Subscription,
)
from bot.jobs.job import Job
from bot.jobs.states import JobState
from protocol.request import ImageRequest
from tests.support.stage import ANNA

JOB = Job(
    id="a" * 16, origin="o", request=ImageRequest(prompt="x", shape="1:1", width=64, height=64, steps=4, seed=1),
    model_id="m", requester=ANNA, parent=None, priority=0, cost=1.0, state=JobState.RUNNING, attempt=1,
    failure=None, pictures=(), created=0.0, started=None, ended=None,
)  # fmt: skip


def step(number: int, job: str = JOB.id) -> Stepped:
    return Stepped(job_id=job, step=number, steps=8, preview=None)


async def drain(events: Subscription) -> list[JobEvent]:
    events.close()
    return [event async for event in events]


async def test_of_several_steps_only_the_newest_waits() -> None:
    news = Events()
    with news.subscribe() as events:
        for number in range(1, 9):
            news.publish(step(number))
        news.publish(step(3, "another"))

        assert await drain(events) == [step(8), step(3, "another")]


async def test_who_asks_for_one_kind_hears_no_other() -> None:
    news = Events()
    ended = Ended(job=dataclasses.replace(JOB, state=JobState.RENDERED))
    with news.subscribe(Ended, Began) as events:
        for event in (Accepted(job=JOB), Began(job=JOB), step(1), ended):
            news.publish(event)

        assert await drain(events) == [ended]


async def test_an_ending_replaces_everything_that_led_to_it() -> None:
    news = Events()
    ended = Ended(job=dataclasses.replace(JOB, state=JobState.RENDERED))
    with news.subscribe() as events:
        news.publish(Accepted(job=JOB))
        news.publish(Moved(job_id=JOB.id, position=QueuePosition(position=1, eta=None)))
        news.publish(Began(job=JOB))
        news.publish(Painted(job=JOB, k=0))
        news.publish(ended)

        assert await drain(events) == [ended]


async def test_a_reader_that_keeps_up_hears_everything_in_order() -> None:
    news = Events()
    heard = list[JobEvent]()
    with news.subscribe() as events:
        for event in (Accepted(job=JOB), Began(job=JOB), step(1), step(2), Ended(job=JOB)):
            news.publish(event)
            heard.append(await anext(events))

    assert [type(event).__name__ for event in heard] == ["Accepted", "Began", "Stepped", "Stepped", "Ended"]


async def test_a_thousand_endings_wait_for_a_reader_that_sleeps() -> None:
    news = Events()
    with news.subscribe() as events:
        for number in range(1000):
            news.publish(step(1, f"{number:016d}"))
            news.publish(Ended(job=dataclasses.replace(JOB, id=f"{number:016d}")))

        assert len(await drain(events)) == 1000


async def test_a_reader_that_waits_is_woken_and_one_that_left_is_forgotten() -> None:
    news = Events()
    with news.subscribe() as events:
        asyncio.get_running_loop().call_soon(news.publish, step(1))
        assert await anext(events) == step(1)
    news.publish(step(2))

    with pytest.raises(StopAsyncIteration):
        await anext(events)
