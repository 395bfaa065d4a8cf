"""The ledger on real files: nothing half done, nothing lost, nothing twice."""

from __future__ import annotations

import dataclasses
import sqlite3
import stat
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import pytest

from bot.jobs.errors import LimitReached, Paused, PerDayReached, PerMinuteReached, UnreadableJob
from bot.jobs.interaction_token import InteractionToken
from bot.jobs.job import Failure, Job, Picture, Requester
from bot.jobs.limits import Limits
from bot.jobs.states import LIVE, TRANSITIONS, JobState
from bot.storage import database
from bot.storage.database import LedgerFull, LedgerUnusable
from bot.storage.jobs import Charge
from bot.storage.ledger import Ledger
from bot.storage.rows import Draft
from protocol.request import ImageRequest
from tests.support.clocks import ManualClock, counted_ids
from tests.support.stage import ANNA, BEN

ROOMY = Limits(per_minute=1000, per_day=1000, in_flight=1000, queue=1000)
REQUEST = ImageRequest(
    prompt="红色的星星 \N{GLOWING STAR}", shape="1:1", width=256, height=256, steps=8, seed=2**32 - 1
)


class Office:
    """Accepts jobs into one ledger at a time that tests turn."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()
        self.ids = counted_ids()

    def open(self) -> AbstractAsyncContextManager[Ledger]:
        return Ledger.open(self.path, wall=self.clock)

    def draft(self, *, origin: str, count: int = 1, by: Requester = ANNA) -> Draft:
        name = self.ids()
        return Draft(
            id=name,
            origin=origin or name,
            request=msgspec.structs.replace(REQUEST, count=count),
            model_id="fake-1",
            requester=by,
            parent=None,
            cost=1.0,
            created=self.clock(),
        )

    async def accept(
        self, ledger: Ledger, *, count: int = 1, limits: Limits = ROOMY, origin: str = "", by: Requester = ANNA
    ) -> Job:
        draft = self.draft(origin=origin, count=count, by=by)
        job, _ = await ledger.jobs.accept(draft, limits=limits, closed=lambda: None, queue_moves_at=0)
        return job


def picture(job: Job, k: int = 0) -> Picture:
    return Picture(k=k, seed=job.request.seed_of(k), width=256, height=256, blob="a" * 64, size=10, seconds=0.5)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "ledger.db")


async def running(ledger: Ledger, job: Job) -> None:
    assert await ledger.jobs.offer(job.id, engine="e1", charge=None) is not None
    assert await ledger.jobs.start(job.id) is not None


async def test_a_job_reads_back_as_it_was_accepted_also_by_a_second_ledger(office: Office) -> None:
    who = dataclasses.replace(ANNA, locale="zh-CN", moderator=True, owner=True)
    async with office.open() as ledger:
        accepted = await office.accept(ledger, count=3, by=who)

    async with office.open() as ledger:
        again = await ledger.jobs.get(accepted.id)

    assert again == accepted
    assert again is not None
    assert again.requester == who
    assert again.request.seed_of(1) == 0


async def test_the_same_origin_is_the_same_job_even_when_closed_meanwhile(office: Office) -> None:
    async with office.open() as ledger:
        first = await office.accept(ledger, origin="interaction-1")

        second = await office.accept(ledger, origin="interaction-1")
        draft = office.draft(origin="interaction-1")
        third, is_new = await ledger.jobs.accept(draft, limits=ROOMY, closed=Paused, queue_moves_at=0)

        assert first == second == third
        assert not is_new


async def test_a_refused_request_leaves_no_row(office: Office) -> None:
    async with office.open() as ledger:
        draft = office.draft(origin="x")
        with pytest.raises(Paused):
            await ledger.jobs.accept(draft, limits=ROOMY, closed=Paused, queue_moves_at=0)

        assert await ledger.jobs.get(draft.id) is None
        assert await ledger.jobs.live() == []


async def test_every_table_is_strict_and_the_file_survives_power_cuts(office: Office) -> None:
    async with office.open() as ledger:
        strict = await ledger.database.read(
            lambda db: db.execute("SELECT min(strict), count(*) FROM pragma_table_list WHERE schema = 'main'"
                                  " AND name NOT LIKE 'sqlite_%'").fetchone()
        )  # fmt: skip
        modes = await ledger.database.read(
            lambda db: [
                db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        )

        assert strict[0] == 1
        assert strict[1] >= 7
        assert modes == ["wal", 2, 1]


async def test_a_full_disk_refuses_new_jobs_and_keeps_the_old_ones(office: Office) -> None:
    async with office.open() as ledger:
        kept = [await office.accept(ledger) for _ in range(5)]
        pages = await ledger.database.read(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
        await ledger.database.read(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())

        refusal = None
        while refusal is None:
            try:
                kept.append(await office.accept(ledger))
            except LedgerFull as error:
                refusal = error

        await ledger.database.read(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchone())
        kept.append(await office.accept(ledger))
        assert [left.job.id for left in await ledger.jobs.live()] == [job.id for job in kept]
        assert await ledger.database.read(lambda db: db.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"


async def test_a_ledger_of_a_newer_version_is_refused_with_one_sentence(office: Office) -> None:
    async with office.open() as ledger:
        await ledger.database.write(lambda db: db.execute("PRAGMA user_version = 999"))

    with pytest.raises(LedgerUnusable, match="newer version") as refusal:
        async with office.open():
            pass

    assert "\n" not in str(refusal.value)


async def test_a_file_that_is_no_ledger_is_refused_with_one_sentence(office: Office) -> None:
    office.path.write_text("not a database, but long enough to look like one" * 100)

    with pytest.raises(LedgerUnusable, match="cannot be used"):
        async with office.open():
            pass


async def test_a_ledger_that_cannot_be_opened_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(LedgerUnusable, match="cannot be opened"):
        async with Ledger.open(tmp_path / "file" / "ledger.db"):
            pass


async def test_only_its_owner_reads_the_ledger(office: Office) -> None:
    async with office.open() as ledger:
        await office.accept(ledger)

        modes = {stat.S_IMODE(file.stat().st_mode) for file in office.path.parent.glob("ledger.db*")}

    assert modes == {0o600}


@pytest.mark.parametrize(
    "change",
    [
        "spec_version = 99",
        """spec = '{"prompt": 7}'""",
        "spec = 'nonsense'",
        "error = 'worker-error', error_arguments = 'nonsense'",
    ],
    ids=["newer", "misshapen", "torn", "torn error"],
)
async def test_a_row_that_cannot_be_read_is_passed_over_alone(
    office: Office, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with office.open() as ledger:
        strange = await office.accept(ledger)
        good = await office.accept(ledger)
        await ledger.database.write(lambda db: db.execute(f"UPDATE job SET {change} WHERE id = ?", (strange.id,)))

    async with office.open() as ledger:
        live = [left.job for left in await ledger.jobs.live()]
        unposted = await ledger.jobs.unposted()
        with pytest.raises(UnreadableJob):
            await ledger.jobs.get(strange.id)

    assert (live, unposted) == ([good], [good])
    assert strange.id in caplog.text


async def test_a_migration_keeps_a_backup_of_what_was(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async with office.open() as ledger:
        job = await office.accept(ledger)
    steps = database.migrations()
    newer = [*steps, (len(steps) + 1, "ALTER TABLE job ADD COLUMN note TEXT;")]
    monkeypatch.setattr(database, "migrations", lambda: newer)

    async with office.open() as ledger:
        columns = await ledger.database.read(lambda db: [row["name"] for row in db.execute("PRAGMA table_info(job)")])
        migrated = await ledger.jobs.get(job.id)

    with sqlite3.connect(office.path.with_name(f"ledger.schema{len(steps)}.backup.db")) as backup:
        [old] = backup.execute("SELECT id FROM job").fetchone()
    backup.close()
    assert "note" in columns
    assert migrated == job
    assert old == job.id


async def test_a_migration_that_breaks_halfway_changes_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async with office.open() as ledger:
        job = await office.accept(ledger)
    steps = database.migrations()
    with monkeypatch.context() as patch:
        patch.setattr(database, "migrations", lambda: [*steps, (99, "CREATE TABLE extra (a); NONSENSE;")])
        with pytest.raises(LedgerUnusable):
            async with office.open():
                pass

    async with office.open() as ledger:
        assert await ledger.jobs.get(job.id) == job
        tables = await ledger.database.read(lambda db: [row["name"] for row in db.execute("PRAGMA table_list")])
        assert "extra" not in tables


async def test_late_and_repeated_events_change_nothing(office: Office) -> None:
    async with office.open() as ledger:
        job = await office.accept(ledger)
        await running(ledger, job)
        rendered = await ledger.jobs.painted(job.id, picture(job))

        assert rendered is not None
        assert rendered.state is JobState.RENDERED
        assert await ledger.jobs.painted(job.id, picture(job)) is None
        assert await ledger.jobs.start(job.id) is None
        assert await ledger.jobs.cancel(job.id) is None
        assert await ledger.jobs.requeue(job.id, count_attempt=True, most_attempts=3) is None
        assert await ledger.jobs.gave_up(job.id, 0, Failure(code="late", arguments={})) is None
        assert await ledger.jobs.get(job.id) == rendered


async def test_what_is_said_first_of_a_picture_counts_while_others_of_its_job_are_awaited(office: Office) -> None:
    async with office.open() as ledger:
        job = await office.accept(ledger, count=3)
        await running(ledger, job)
        first = picture(job, 0)
        await ledger.jobs.painted(job.id, first)
        await ledger.jobs.gave_up(job.id, 1, Failure(code="out-of-memory", arguments={}))

        assert await ledger.jobs.painted(job.id, dataclasses.replace(first, blob="b" * 64)) is None
        assert await ledger.jobs.gave_up(job.id, 0, Failure(code="out-of-memory", arguments={})) is None
        assert await ledger.jobs.painted(job.id, picture(job, 1)) is None

        now = await ledger.jobs.get(job.id)
        assert now is not None
        assert (now.state, now.pictures) == (JobState.RUNNING, (first,))


def test_no_state_that_has_ended_leads_back_to_life_but_where_nobody_has_seen_what_was_lost() -> None:
    for state, targets in TRANSITIONS.items():
        if state not in LIVE:
            assert targets & LIVE == ({JobState.QUEUED} if state is JobState.RENDERED else set())


async def test_a_mixed_ending_is_rendered_with_those_that_came(office: Office) -> None:
    async with office.open() as ledger:
        job = await office.accept(ledger, count=3)
        await running(ledger, job)

        await ledger.jobs.gave_up(job.id, 0, Failure(code="out-of-memory", arguments={"mib": 7}))
        await ledger.jobs.painted(job.id, picture(job, 2))
        ended = await ledger.jobs.painted(job.id, picture(job, 1))

        assert ended is not None
        assert ended.state is JobState.RENDERED
        assert [image.k for image in ended.pictures] == [1, 2]
        assert ended.failure == Failure(code="out-of-memory", arguments={"mib": 7})


async def test_a_job_without_any_picture_fails_with_the_first_reason(office: Office) -> None:
    async with office.open() as ledger:
        job = await office.accept(ledger, count=2)
        await running(ledger, job)

        assert (await ledger.jobs.gave_up(job.id, 1, Failure(code="second", arguments={}))) is not None
        ended = await ledger.jobs.gave_up(job.id, 0, Failure(code="first", arguments={}))

        assert ended is not None
        assert ended.state is JobState.FAILED
        assert ended.failure == Failure(code="first", arguments={})


async def test_attempts_count_only_when_asked_and_the_third_death_is_poison(office: Office) -> None:
    async with office.open() as ledger:
        job = await office.accept(ledger)
        attempts = list[int]()
        for count in (False, True, True):
            await running(ledger, job)
            waits = await ledger.jobs.requeue(job.id, count_attempt=count, most_attempts=3)
            assert waits is not None
            attempts.append(waits.attempt)
        await running(ledger, job)

        failed = await ledger.jobs.requeue(job.id, count_attempt=True, most_attempts=3)

        assert attempts == [1, 2, 3]
        assert failed is not None
        assert failed.state is JobState.FAILED
        assert failed.failure == Failure(code="poison", arguments={"attempts": 3})


async def test_a_cancelled_job_gives_back_the_day_but_not_the_minute(office: Office) -> None:
    limits = Limits(per_minute=2, per_day=3, in_flight=9, queue=9)
    async with office.open() as ledger:
        job = await office.accept(ledger, count=2, limits=limits)
        await ledger.jobs.cancel(job.id)

        with pytest.raises(PerMinuteReached):
            await office.accept(ledger, limits=limits)
        office.clock.advance(61)
        await office.accept(ledger, count=2, limits=limits)
        office.clock.advance(61)
        await office.accept(ledger, count=1, limits=limits)
        office.clock.advance(61)
        with pytest.raises(PerDayReached):
            await office.accept(ledger, limits=limits)


async def test_a_failed_job_gives_everything_back_once(office: Office) -> None:
    limits = Limits(per_minute=2, per_day=2, in_flight=9, queue=9)
    async with office.open() as ledger:
        job = await office.accept(ledger, count=2, limits=limits)
        await ledger.jobs.fail(job.id, Failure(code="poison", arguments={}))
        await ledger.jobs.fail(job.id, Failure(code="poison", arguments={}))

        await office.accept(ledger, count=2, limits=limits)

        with pytest.raises(PerDayReached):
            await office.accept(ledger, limits=limits)


@pytest.mark.parametrize(("per_minute", "per_day", "then"), [(9, 2, PerDayReached), (2, 9, PerMinuteReached)])
async def test_a_failed_picture_among_others_is_given_back(
    office: Office, per_minute: int, per_day: int, then: type[LimitReached]
) -> None:
    limits = Limits(per_minute=per_minute, per_day=per_day, in_flight=9, queue=9)
    async with office.open() as ledger:
        job = await office.accept(ledger, count=2, limits=limits)
        await running(ledger, job)
        await ledger.jobs.gave_up(job.id, 0, Failure(code="out-of-memory", arguments={}))
        await ledger.jobs.painted(job.id, picture(job, 1))

        await office.accept(ledger, count=1, limits=limits)

        with pytest.raises(then):
            await office.accept(ledger, limits=limits)


async def test_what_others_ask_for_and_whose_pictures_fail_is_nobody_elses_business(office: Office) -> None:
    limits = Limits(per_minute=2, per_day=2, in_flight=1, queue=9)
    async with office.open() as ledger:
        job = await office.accept(ledger, count=2, limits=limits, by=BEN)
        await running(ledger, job)
        for k in range(2):
            await ledger.jobs.gave_up(job.id, k, Failure(code="out-of-memory", arguments={}))
        await office.accept(ledger, count=2, limits=limits, by=BEN)

        mine = await office.accept(ledger, count=2, limits=limits)
        await ledger.jobs.cancel(mine.id)

        with pytest.raises(PerMinuteReached):
            await office.accept(ledger, limits=limits)


async def test_an_accepted_request_is_no_longer_a_promise(office: Office) -> None:
    async with office.open() as ledger:
        for origin in ("kept", "other"):
            await ledger.pending.keep(origin, principal=ANNA.principal, payload={"token": "t"}, at=office.clock())

        await office.accept(ledger, origin="kept")

        assert not await ledger.pending.has("kept")
        assert await ledger.pending.has("other")


@pytest.mark.parametrize("damage", ["[]", "7"])
async def test_a_kept_request_that_cannot_be_read_is_passed_over_alone(
    office: Office, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with office.open() as ledger:
        for origin in ("torn", "good"):
            await ledger.pending.keep(origin, principal=ANNA.principal, payload={"token": "t"}, at=office.clock())
        await ledger.database.write(
            lambda db: db.execute("UPDATE pending SET payload = ? WHERE origin = 'torn'", (damage,))
        )

        taken_up = await ledger.pending.take_up()

    assert [one.origin for one in taken_up] == ["good"]
    assert "The kept request torn is passed over" in caplog.text


async def test_fairness_outlives_the_process(office: Office) -> None:
    async with office.open() as ledger:
        job = await office.accept(ledger)
        charge = Charge(principal=ANNA.principal, virtual=12.5, finish=40.25)
        await ledger.jobs.offer(job.id, engine="e1", charge=charge)

    async with office.open() as ledger:
        times = await ledger.jobs.virtual_times()
        [left] = await ledger.jobs.live()

    assert times.virtual == 12.5
    assert times.finishes == {ANNA.principal: 40.25}
    assert (left.engine, left.charged) == ("e1", True)


async def test_delivery_is_owed_until_it_said_how_the_job_ended(office: Office) -> None:
    async with office.open() as ledger:
        waiting, rendered, cancelled = [await office.accept(ledger) for _ in range(3)]
        await running(ledger, rendered)
        await ledger.jobs.painted(rendered.id, picture(rendered))
        await ledger.jobs.cancel(cancelled.id)
        assert [job.id for job in await ledger.jobs.unposted()] == [waiting.id, rendered.id, cancelled.id]

        assert await ledger.jobs.mark_posted(rendered.id)
        assert await ledger.jobs.mark_posted(cancelled.id)
        assert not await ledger.jobs.mark_posted(waiting.id)
        assert not await ledger.jobs.mark_posted(cancelled.id)

    async with office.open() as ledger:
        assert [job.id for job in await ledger.jobs.unposted()] == [waiting.id]
        posted = await ledger.jobs.get(rendered.id)
        assert posted is not None
        assert posted.state is JobState.POSTED


async def test_an_undeliverable_job_keeps_its_pictures(office: Office) -> None:
    async with office.open() as ledger:
        job = await office.accept(ledger)
        await running(ledger, job)
        await ledger.jobs.painted(job.id, picture(job))

        assert await ledger.jobs.mark_undeliverable(job.id)

        kept = await ledger.jobs.get(job.id)
        assert kept is not None
        assert kept.state is JobState.UNDELIVERABLE
        assert len(kept.pictures) == 1


async def test_messages_and_tokens_are_remembered_and_forgotten(office: Office) -> None:
    async with office.open() as ledger:
        token = InteractionToken(token="token", application=42, at=1000.0)
        draft = dataclasses.replace(office.draft(origin=""), token=token)
        job, _ = await ledger.jobs.accept(draft, limits=ROOMY, closed=lambda: None, queue_moves_at=0)
        assert await ledger.messages.of(job.id) is None
        await ledger.messages.bind(job.id, 100, 1)
        await ledger.messages.bind(job.id, 100, 2**63 - 1)

    async with office.open() as ledger:
        assert await ledger.messages.of(job.id) == (100, 2**63 - 1)
        assert await ledger.messages.token_of(job.id) == token
        assert await ledger.messages.drop_tokens(1000.0) == 0
        assert await ledger.messages.drop_tokens(1000.1) == 1
        await ledger.messages.delete(job.id)
        assert await ledger.messages.of(job.id) is None
        assert await ledger.messages.is_gone(job.id)


async def test_a_message_deleted_before_it_was_known_stays_deleted(office: Office) -> None:
    async with office.open() as ledger:
        job = await office.accept(ledger)

        await ledger.messages.delete(job.id)
        await ledger.messages.bind(job.id, 100, 7)

        assert await ledger.messages.is_gone(job.id)


async def test_what_happened_to_a_job_is_kept_in_order(office: Office) -> None:
    async with office.open() as ledger:
        job = await office.accept(ledger)
        await running(ledger, job)
        await ledger.jobs.requeue(job.id, count_attempt=True, most_attempts=3)
        await ledger.jobs.cancel(job.id)

        assert await ledger.jobs.events(job.id) == ["accepted", "offered", "running", "queued", "cancelled"]
