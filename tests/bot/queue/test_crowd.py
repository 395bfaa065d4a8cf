"""What a crowd costs: counted, so that it holds on any machine. `make bench` measures it in time."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.jobs.errors import InFlightReached, Paused, QueueFull, Refusal
from bot.jobs.interaction_token import InteractionToken
from bot.jobs.job import Requester
from bot.jobs.states import JobState
from bot.queue import fair_queue
from bot.queue.live_jobs import LiveJobs
from bot.requests.defaults import OwnerSettings
from bot.requests.draft import RequestDraft
from bot.storage.jobs import VirtualTimes
from bot.storage.ledger import Ledger
from engine.worker.scheduling.forward_time import ForwardTime
from tests.support.rehearsal import Arrival, Rehearsal, job_of
from tests.support.stage import ANNA, BEN, MODERATOR, ROOMY, Stage, ready, stage, until

CROWD = 200
TOKEN = InteractionToken(token="token", application=7, at=1000.0)


class Ledgered:
    """What is handed over to the ledger's thread, by the name of what hands it over, and how often that commits."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pieces: list[str] = []
        self.commits = 0
        self._ledger = ledger
        hand_over = ledger.database._hand_over

        def noted(work: Callable[[sqlite3.Connection], Any], *, writes: bool) -> asyncio.Future[Any]:
            self.pieces.append(work.__qualname__.split(".<locals>")[0])
            return hand_over(work, writes=writes)

        monkeypatch.setattr(ledger.database, "_hand_over", noted)

    async def count_commits(self) -> None:
        def hear(statement: str) -> None:
            self.commits += statement == "COMMIT"

        await self._ledger.database.read(lambda db: db.set_trace_callback(hear))
        self.pieces.clear()


@asynccontextmanager
async def full_house(data: Path, owner: OwnerSettings = ROOMY) -> AsyncIterator[Stage]:
    """Its engine has all the jobs that it takes, two of Ben's, and paints none to the end."""
    async with stage(data, owner=owner) as core:
        engine = core.engine()
        engine.held_after = 0
        async with engine.running():
            await ready(core)
            for _ in range(2):
                await core.ask(BEN)
            states = [JobState.RUNNING, JobState.OFFERED]
            await until(lambda: [job.state for job in core.service.live.handed_out()] == states)
            yield core


async def test_accepting_a_request_is_one_visit_to_the_ledger_and_stores_its_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with full_house(tmp_path) as core:
        request = core.service.composer.complete(RequestDraft(prompt="a star"), ANNA)
        seen = Ledgered(core.service.ledger, monkeypatch)
        await seen.count_commits()

        job = await core.service.submit(request, by=ANNA, origin="one", token=TOKEN)

        assert (seen.pieces, seen.commits) == (["JobStore.accept"], 1)
        assert await core.service.ledger.messages.token_of(job.id) == TOKEN


async def test_a_crowd_is_committed_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with full_house(tmp_path) as core:
        request = core.service.composer.complete(RequestDraft(prompt="a star"), ANNA)
        seen = Ledgered(core.service.ledger, monkeypatch)
        await seen.count_commits()

        asked = (core.service.submit(request, by=ANNA, origin=str(n), token=TOKEN) for n in range(CROWD))
        jobs = await asyncio.gather(*asked)

        assert len({job.id for job in jobs}) == CROWD
        assert seen.commits <= CROWD / 10


async def test_a_crowd_has_its_places_told_without_a_replay_of_the_queue_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replays = 0
    turns = fair_queue.turns

    def counted(*given: Any, **more: Any) -> Any:
        nonlocal replays
        replays += 1
        return turns(*given, **more)

    monkeypatch.setattr(fair_queue, "turns", counted)
    async with full_house(tmp_path) as core:
        places = list[int]()
        for _ in range(CROWD):
            job = await core.ask(ANNA)
            position = core.service.position(job.id)
            assert position is not None
            places.append(position.position)

        assert places == list(range(1, CROWD + 1))
        assert replays <= 10


async def test_what_memory_can_refuse_is_refused_while_the_ledger_is_busy(tmp_path: Path) -> None:
    owner = replace(ROOMY, in_flight=2, queue=3)
    async with full_house(tmp_path, owner) as core:
        request = core.service.composer.complete(RequestDraft(prompt="a star"), ANNA)
        await core.ask(ANNA)
        await core.ask(ANNA)

        async def refusal(by: Requester) -> Refusal:
            with pytest.raises(Refusal) as refused:
                await core.service.submit(request, by=by, origin="another")
            return refused.value

        busy = threading.Event()
        working = asyncio.create_task(core.service.ledger.database.read(lambda db: busy.wait(30)))
        full = await refusal(MODERATOR)
        core.service.dispatcher.pause(frozenset({None}))
        paused = await refusal(MODERATOR)
        assert not working.done()
        busy.set()
        await working

        assert isinstance(full, QueueFull)
        assert isinstance(paused, Paused)


async def test_who_has_enough_in_flight_is_told_so_while_the_ledger_is_busy(tmp_path: Path) -> None:
    async with full_house(tmp_path, replace(ROOMY, in_flight=2)) as core:
        request = core.service.composer.complete(RequestDraft(prompt="a star"), BEN)
        busy = threading.Event()
        working = asyncio.create_task(core.service.ledger.database.read(lambda db: busy.wait(30)))

        with pytest.raises(InFlightReached):
            await core.service.submit(request, by=BEN, origin="third")

        assert not working.done()
        busy.set()
        await working


async def test_the_same_origin_is_the_same_job_though_another_would_be_refused(tmp_path: Path) -> None:
    async with full_house(tmp_path) as core:
        job = await core.ask(ANNA, origin="one")
        core.service.dispatcher.pause(frozenset({None}))

        again = await core.ask(ANNA, origin="one")

        assert again.id == job.id
        with pytest.raises(Paused):
            await core.ask(ANNA, origin="two")


people = st.sampled_from("abc")
acts = st.lists(st.tuples(st.sampled_from(["ask", "serve", "pass", "cancel", "requeue", "pause"]), people), max_size=40)


@given(acts=acts)
def test_the_queue_keeps_its_line_as_a_replay_would_draw_it_up(acts: list[tuple[str, str]]) -> None:
    live, asked = LiveJobs(VirtualTimes(virtual=0.0, finishes={}, weights={})), 0
    for act, who in acts:
        jobs = list(live.jobs.values())
        if act == "ask":
            asked += 1
            live.add(job_of(asked, Arrival(who=who, steps=4 + asked % 3)))
        elif act in ("serve", "pass") and live.line.turns:
            turn = live.line.turns[0 if act == "serve" else -1]
            live.served(turn)
            live.update(replace(live.jobs[turn.ticket.job], state=JobState.OFFERED))
        elif act == "cancel" and jobs:
            live.update(replace(jobs[len(jobs) // 2], state=JobState.CANCELLED))
        elif act == "requeue":
            for job in jobs:
                if job.state is JobState.OFFERED:
                    live.update(replace(job, state=JobState.QUEUED))
        elif act == "pause":
            live.paused = frozenset() if live.paused else frozenset({None})
        kept = [turn.ticket.job for turn in live.line.turns]
        live.paused = live.paused  # which has the line drawn up anew
        assert kept == [turn.ticket.job for turn in live.line.turns]
        waiting = [job for job in live.jobs.values() if job.state is not JobState.RUNNING]
        assert live.waiting == len(waiting)
        assert live.in_flight(who) == sum(job.requester.principal == who for job in live.jobs.values())


@pytest.mark.parametrize("engines", [0, 1, 2])
def test_one_place_and_time_are_those_that_all_are_told(engines: int) -> None:
    arrivals = [Arrival(who="abcd"[n % 4], at=n / 10, steps=4 + n % 5) for n in range(30)]
    show = Rehearsal(arrivals, [ForwardTime(points=((0, 0.01), (4096, 0.5)))] * engines)
    for second in range(1, 12):
        show.run(until=second / 2)
        told = show.positions()
        for job, position in told.items():
            one = show.position(job)
            assert one is not None
            assert replace(one, eta=None) == replace(position, eta=None)
            assert (one.eta is None) is (position.eta is None)
            assert one.eta is None or one.eta == pytest.approx(position.eta)
