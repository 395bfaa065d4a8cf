"""The door to jobs: idempotent, just, and closed when it is closed."""

from __future__ import annotations

import asyncio
import dataclasses
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.jobs.errors import (
    DiskFull,
    InFlightReached,
    NeedsAdmin,
    NeedsOwner,
    NothingToCancel,
    NotYours,
    PainterLoading,
    Paused,
    PerMinuteReached,
    PictureGone,
    QueueFull,
    StepsOverCeiling,
    TooLarge,
    TooLate,
    UnknownJob,
)
from bot.jobs.job import Job, Requester
from bot.jobs.states import JobState
from bot.requests.defaults import OwnerSettings
from bot.requests.draft import RequestDraft
from bot.service.service import open_service
from bot.storage.blobs import UNSTORED
from protocol.request import Kind
from tests.support.fake_engine import CARD, Script
from tests.support.stage import ADMIN, ANNA, BEN, MODERATOR, OWNER, ROOMY, Stage, ready, stage, until


async def painted(core: Stage, count: int = 1, seed: int | None = None) -> Job:
    [job] = await core.ended(await core.ask(count=count, seed=seed))
    return job


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()


async def test_before_any_engine_was_there_the_painter_is_loading(tmp_path: Path) -> None:
    async with open_service(tmp_path, owner=ROOMY) as service:
        with pytest.raises(PainterLoading):
            service.composer.complete(RequestDraft(prompt="x"), ANNA)


@pytest.mark.parametrize("damage", ["", "7", '{"id": "of a newer version"}'])
async def test_what_was_kept_of_models_and_cannot_be_read_keeps_nothing_from_starting(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_service(tmp_path, owner=ROOMY) as service:
        await service.ledger.facts.keep("model-card", damage)
        await service.ledger.settings.put("owner", None, "model", damage, by="x")

    async with open_service(tmp_path, owner=ROOMY) as service:
        assert service.card is None
        assert service.models.first("auto") == "auto"

    assert "What was kept of the last model cannot be read" in caplog.text
    assert "The setting 'model' of owner is passed over" in caplog.text


async def test_fifty_requests_at_once_get_exactly_the_allowance(tmp_path: Path) -> None:
    owner = OwnerSettings(per_minute=7, in_flight=50)
    async with stage(tmp_path, owner=owner) as core:
        core.service.engines.expect(CARD)

        results = await asyncio.gather(*(core.ask(origin=f"i{n}") for n in range(50)), return_exceptions=True)

        kinds = Counter(type(result).__name__ for result in results)
        assert kinds == {"Job": 7, "PerMinuteReached": 43}
        assert len(await core.service.live_jobs(ANNA.principal)) == 7
        with pytest.raises(PerMinuteReached) as refusal:
            await core.ask()
        assert float(refusal.value.arguments["retry"]) > 0


async def test_the_same_interaction_fifty_times_at_once_is_one_job(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        core.service.engines.expect(CARD)

        jobs = await asyncio.gather(*(core.ask(origin="same") for _ in range(50)))

        assert len({job.id for job in jobs}) == 1
        assert len((await core.service.queue()).waiting) == 1


async def test_in_flight_and_queue_bounds_hold_across_people(tmp_path: Path) -> None:
    async with stage(tmp_path, owner=OwnerSettings(in_flight=2, queue=3)) as core:
        core.service.engines.expect(CARD)
        await core.ask(ANNA)
        await core.ask(dataclasses.replace(ANNA, guild=11))

        with pytest.raises(InFlightReached):
            await core.ask(dataclasses.replace(ANNA, guild=12))
        await core.ask(BEN)
        with pytest.raises(QueueFull):
            await core.ask(MODERATOR)


async def test_with_little_room_on_the_disk_new_wishes_are_refused_and_old_ones_painted(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)
        accepted = await core.ask()

        core.service.defaults.owner = dataclasses.replace(ROOMY, least_free=2**60)
        with pytest.raises(DiskFull):
            await core.ask()
        with pytest.raises(DiskFull):
            await ask_with(core, png(64, 64))

        assert [job.state for job in await core.ended(accepted)] == [JobState.RENDERED]


async def test_a_ledger_without_room_refuses_in_a_sentence(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        core.service.engines.expect(CARD)
        ledger = core.service.ledger
        pages = await ledger.database.read(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
        await ledger.database.read(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())

        async def ask_for_ever() -> None:
            while True:
                await core.ask()

        with pytest.raises(DiskFull):
            await ask_for_ever()

        assert await core.service.ledger.jobs.unposted() != []


async def test_a_refusal_costs_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, owner=OwnerSettings(per_minute=2, in_flight=9)) as core:
        core.service.engines.expect(CARD)
        for _ in range(5):
            with pytest.raises(StepsOverCeiling):
                await core.ask(steps=21)

        await core.ask(count=2)


async def test_reroll_vary_upscale_and_edit_make_new_jobs_from_an_old_one(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)
        old = await painted(core, count=2, seed=7)

        again = await core.service.reroll(old.id, by=BEN, origin="r")
        varied = await core.service.vary(old.id, 1, by=BEN, origin="v")
        larger = await core.service.upscale(old.id, 1, by=BEN, origin="u")
        edited = await core.service.edit(old.id, RequestDraft(prompt="a moon", steps=4), by=BEN, origin="e")
        ended = await core.ended(again, varied, larger, edited)

        assert [job.state for job in ended] == [JobState.RENDERED] * 4
        assert again.request.seed != 7
        assert (varied.request.kind, varied.request.source) == (Kind.IMAGE, old.pictures[1].blob)
        assert varied.request.strength == 0.6
        assert (larger.request.width, larger.request.count, larger.request.seed) == (512, 1, 8)
        assert (edited.request.prompt, edited.request.steps, edited.request.count) == ("a moon", 4, 2)
        assert [job.parent for job in (again, varied, larger, edited)] == [
            (old.id, None), (old.id, 1), (old.id, 1), (old.id, None),
        ]  # fmt: skip
        assert (larger.requester.principal, old.requester.principal) == (BEN.principal, ANNA.principal)


async def test_an_upscale_beyond_the_model_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)
        old = await painted(core)
        [larger] = await core.ended(await core.service.upscale(old.id, 0, by=ANNA, origin="u"))

        with pytest.raises(TooLarge):
            await core.service.upscale(larger.id, 0, by=ANNA, origin="uu")
        varied = await core.service.vary(larger.id, 0, by=ANNA, origin="v")

        assert (varied.request.width, varied.request.kind) == (256, Kind.IMAGE)


async def ask_with(core: Stage, picture: bytes, *, strength: float | None = None) -> Job:
    """A request that starts from this picture."""

    async def fetch() -> dict[str, bytes]:
        return {"source": picture}

    draft = RequestDraft(prompt="x", source=UNSTORED, strength=strength)
    return await core.service.imagine(draft, by=ANNA, fetch=fetch, origin="o")


async def test_a_refused_request_fetches_and_stores_no_picture(tmp_path: Path) -> None:
    async with stage(tmp_path, owner=OwnerSettings(in_flight=1)) as core:
        core.service.engines.expect(CARD)
        fetched = list[str]()

        async def fetch() -> dict[str, bytes]:
            fetched.append("source")
            return {"source": png(64, 64)}

        draft = RequestDraft(prompt="x", source=UNSTORED, steps=21)
        with pytest.raises(StepsOverCeiling):
            await core.service.imagine(draft, by=ANNA, fetch=fetch, origin="steps")
        assert fetched == []

        await core.ask()
        with pytest.raises(InFlightReached):
            await core.service.imagine(dataclasses.replace(draft, steps=8), by=ANNA, fetch=fetch, origin="limit")
        assert await core.service.blobs.stored() == []


async def test_the_same_request_heals_a_damaged_picture(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)
        first = await painted(core, seed=7)
        file = core.service.blobs.path(first.pictures[0].blob)
        whole = file.read_bytes()
        file.write_bytes(whole[:100])

        with pytest.raises(PictureGone):
            await core.service.picture(first.id, 0)
        again = await painted(core, seed=7)

        assert again.pictures[0].blob == first.pictures[0].blob
        assert await core.service.picture(first.id, 0) == await core.service.picture(again.id, 0) == whole


async def test_a_persons_picture_is_kept_for_rerolls_and_edits(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)
        old = await ask_with(core, png(640, 360), strength=0.3)

        again = await core.service.reroll(old.id, by=ANNA, origin="r")
        edited = await core.service.edit(old.id, RequestDraft(prompt="y", negative="z"), by=ANNA, origin="e")
        ended = await core.ended(old, again, edited)

        assert old.request.shape == "16:9"
        assert [job.state for job in ended] == [JobState.RENDERED] * 3
        assert again.request.source == edited.request.source == old.request.source
        assert (edited.request.strength, edited.request.guidance, edited.request.shape) == (0.3, 3.0, "16:9")


async def test_reroll_and_edit_of_an_upscale_paint_the_wish_behind_it_anew(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)
        old = await painted(core)
        larger = await core.service.upscale(old.id, 0, by=ANNA, origin="u")

        edited = await core.service.edit(larger.id, RequestDraft(prompt="y"), by=ANNA, origin="e")
        again = await core.service.reroll(larger.id, by=ANNA, origin="r")

        for job in (edited, again):
            assert (job.request.kind, job.request.width, job.request.source) == (Kind.TEXT, old.request.width, None)
        assert again.request.prompt == old.request.prompt


async def test_pictures_that_are_not_there_are_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)
        job = await painted(core)

        for k in (1, 3, -1):
            with pytest.raises(PictureGone):
                await core.service.vary(job.id, k, by=ANNA, origin=f"v{k}")
        with pytest.raises(UnknownJob):
            await core.service.reroll("nonsense", by=ANNA, origin="r")
        core.service.blobs.path(job.pictures[0].blob).unlink()
        with pytest.raises(PictureGone):
            await core.service.picture(job.id, 0)


@pytest.mark.parametrize("who", [ANNA, MODERATOR, OWNER])
async def test_author_moderator_and_owner_may_cancel(tmp_path: Path, who: Requester) -> None:
    async with stage(tmp_path) as core:
        core.service.engines.expect(CARD)
        job = await core.ask(ANNA)

        cancelled = await core.service.cancel(job.id, by=who)

        assert cancelled.state is JobState.CANCELLED


async def test_strangers_and_moderators_of_elsewhere_may_neither_cancel_nor_delete(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        core.service.engines.expect(CARD)
        job = await core.ask(ANNA)
        private = await core.ask(dataclasses.replace(ANNA, guild=None))

        for who in (BEN, ADMIN, dataclasses.replace(MODERATOR, guild=11), dataclasses.replace(MODERATOR, guild=None)):
            for wanted in (job, private):
                with pytest.raises(NotYours):
                    await core.service.cancel(wanted.id, by=who)
                with pytest.raises(NotYours):
                    await core.service.delete(wanted.id, by=who)
        assert (await core.service.job(job.id)).live


async def test_cancelling_twice_is_too_late(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        core.service.engines.expect(CARD)
        job = await core.ask()
        await core.service.cancel(job.id, by=ANNA)

        with pytest.raises(TooLate):
            await core.service.cancel(job.id, by=ANNA)


async def test_cancel_all_takes_mine_and_only_mine(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        core.service.engines.expect(CARD)
        await core.ask(ANNA)
        await core.ask(ANNA)
        other = await core.ask(BEN)

        assert await core.service.cancel_all(by=ANNA) == 2

        with pytest.raises(NothingToCancel):
            await core.service.cancel_all(by=ANNA)
        assert (await core.service.job(other.id)).live


async def test_deleting_takes_the_message_away_and_a_live_job_with_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        core.service.engines.expect(CARD)
        job = await core.ask(ANNA)
        await core.service.ledger.messages.bind(job.id, 100, 5)

        await core.service.delete(job.id, by=MODERATOR)
        deleted = await core.service.job(job.id)

        assert deleted.state is JobState.CANCELLED
        assert await core.service.ledger.messages.is_gone(job.id)
        assert await core.service.ledger.jobs.unposted() == []


async def test_a_paused_guild_accepts_and_begins_nothing_while_others_paint(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        core.service.engines.expect(CARD)
        waiting = await core.ask(ANNA)
        await core.service.pause("guild", ADMIN)

        with pytest.raises(Paused):
            await core.ask(BEN)
        elsewhere = await core.ask(dataclasses.replace(BEN, guild=11))
        async with core.engine().running():
            await core.ended(elsewhere)
            assert (await core.service.job(waiting.id)).state is JobState.QUEUED
            assert (await core.service.queue(10)).guild_paused
            await core.service.resume("guild", ADMIN)
            await core.ended(waiting)


async def test_the_owners_pause_holds_everything_and_outlives_a_restart(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        core.service.engines.expect(CARD)
        job = await core.ask()
        await core.service.pause("owner", OWNER)

    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)
        assert (await core.service.queue()).everything_paused
        with pytest.raises(Paused):
            await core.ask(BEN)
        assert (await core.service.job(job.id)).state is JobState.QUEUED
        await core.service.resume("owner", OWNER)
        await core.ended(job)


async def test_pausing_needs_the_right_to_do_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        with pytest.raises(NeedsAdmin):
            await core.service.pause("guild", MODERATOR)
        with pytest.raises(NeedsAdmin):
            await core.service.pause("guild", dataclasses.replace(ADMIN, guild=None))
        with pytest.raises(NeedsOwner):
            await core.service.pause("owner", ADMIN)


async def test_the_queue_shows_who_waits_and_who_paints(tmp_path: Path) -> None:
    async with stage(tmp_path) as core, core.engine(script=Script(step_seconds=5)).running():
        await ready(core)
        jobs = [await core.ask() for _ in range(3)]
        await until(lambda: len(core.service.live.handed_out()) == 2)

        view = await core.service.queue()

        assert [job.id for job in view.running] == [jobs[0].id, jobs[1].id]
        assert [job.id for job in view.waiting] == [jobs[2].id]
        [engine] = view.engines
        assert (engine.name, engine.state) == ("Fake Painter", "ready")


async def test_a_request_that_is_accepted_while_its_person_is_forgotten_is_given_up_and_not_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path) as core, core.engine().running():
        await ready(core)
        ledger = core.service.ledger
        accept, forget = ledger.jobs.accept, ledger.privacy.forget
        on_disk, looked_at = asyncio.Event(), asyncio.Event()

        async def accept_slowly(*arguments: Any, **options: Any) -> Any:
            accepted = await accept(*arguments, **options)
            on_disk.set()
            await looked_at.wait()  # memory does not know it before
            return accepted

        async def forget_and_say_so(*arguments: Any, **options: Any) -> Any:
            forgotten = await forget(*arguments, **options)
            looked_at.set()
            return forgotten

        monkeypatch.setattr(ledger.jobs, "accept", accept_slowly)
        monkeypatch.setattr(ledger.privacy, "forget", forget_and_say_so)
        asking = asyncio.create_task(core.ask())
        await on_disk.wait()
        await core.service.forget(ANNA)
        job = await asking

        row = await ledger.jobs.get(job.id)
        assert row is not None
        assert (row.state, row.request.prompt) == (JobState.CANCELLED, "")
        await core.ended(await core.ask(BEN))
        assert (await ledger.jobs.get(job.id)) == row


async def test_a_request_that_comes_while_others_are_given_up_for_forgetting_is_given_up_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path) as core, core.engine().running() as engine:
        await ready(core)
        engine.held_after = 1
        first = await core.ask()
        cancel, late = core.service.dispatcher.cancel, list[Job]()

        async def cancel_while_more_comes(job_id: str) -> Job | None:
            if not late:
                late.append(await core.ask(prompt="one more"))
            return await cancel(job_id)

        monkeypatch.setattr(core.service.dispatcher, "cancel", cancel_while_more_comes)
        count = await core.service.forget(ANNA)

        rows = [await core.service.ledger.jobs.get(job.id) for job in (first, *late)]
        assert [row and (row.state, row.request.prompt) for row in rows] == [(JobState.CANCELLED, "")] * 2
        assert count == 2
