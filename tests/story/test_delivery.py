"""Every accepted picture reaches its reader once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from playground import Playground
from playground.world.rules import Rules
from tests.story.studio import Studio, Visitor, finished, gallery, is_from_the_bot, manual_clock, until, words
from tests.support.clocks import ManualClock
from tests.support.fake_engine import Script
from tests.support.openapi import WireContract

ANSWER = r"/callback$"
ANYWHERE = r"/(webhooks|channels)/.*messages"
EDIT_BY_TOKEN = r"/webhooks/.*/messages/"
EDIT_AS_BOT = r"/channels/\d+/messages/\d+$"
NEW_MESSAGE = r"/channels/\d+/messages$"


async def shown(visitor: Visitor) -> list[dict[str, object]]:
    return [m for m in await visitor.messages() if finished(m)]


class TestAWaitingMessageThatIsDeleted:
    """What is removed stays removed; its author gets the picture, nobody else."""

    @pytest.fixture(autouse=True)
    async def held(self, empty_studio: Studio) -> None:
        await empty_studio.open_bot()
        await empty_studio.open_engine(held_after=2)

    async def test_by_a_moderator_has_no_successor_and_its_author_gets_the_picture_in_private(
        self, empty_studio: Studio, mia: Visitor, robin: Visitor
    ) -> None:
        await mia.say("/imagine prompt:a red star")
        await robin.delete(await mia.sees("▰"))
        empty_studio.go_on()
        await empty_studio.all_is_told()
        assert [m for m in await mia.messages() if is_from_the_bot(m)] == []

        await mia.say("/queue")

        brought = await mia.sees(finished)
        assert brought["ephemeral_for"] == mia.person.id
        assert "Its message was deleted before it was done, so it is shown to you alone." in words(brought)
        assert [m for m in await robin.messages() if "a red star" in words(m)] == []

    async def test_is_told_of_in_the_language_of_its_author(
        self, empty_studio: Studio, bao: Visitor, robin: Visitor
    ) -> None:
        await bao.say("/imagine prompt:a red star")
        await robin.delete(await bao.sees("▰"))
        empty_studio.go_on()
        await empty_studio.all_is_told()

        await bao.say("/queue")

        assert "画好之前，它的消息已被删除，所以只发给你一个人看。" in words(await bao.sees(finished))

    async def test_by_its_author_has_no_successor_either(self, empty_studio: Studio, robin: Visitor) -> None:
        await robin.say("/imagine prompt:a red star")
        await robin.delete(await robin.sees("▰"))
        empty_studio.go_on()
        await empty_studio.all_is_told()
        assert [m for m in await robin.messages() if is_from_the_bot(m)] == []

        await robin.say("/queue")

        assert (await robin.sees(finished))["ephemeral_for"] == robin.person.id

    async def test_while_the_bot_is_away_has_none_either(
        self, empty_studio: Studio, mia: Visitor, robin: Visitor
    ) -> None:
        await mia.say("/imagine prompt:a red star")
        waiting = await mia.sees("▰")
        await empty_studio.close_bot()
        await robin.delete(waiting)

        await empty_studio.open_bot()
        empty_studio.go_on()
        await empty_studio.all_is_told()

        assert [m for m in await mia.messages() if is_from_the_bot(m)] == []
        await mia.say("/queue")
        assert (await mia.sees(finished))["ephemeral_for"] == mia.person.id

    async def test_whose_id_was_never_heard_has_none_either(
        self, empty_studio: Studio, playground: Playground, mia: Visitor, robin: Visitor
    ) -> None:
        playground.faults.lose_answer(ANSWER, times=4)
        playground.faults.lose_answer(EDIT_BY_TOKEN, times=99)
        await mia.say("/imagine prompt:a red star")
        await robin.delete(await mia.sees("a red star"))
        playground.faults.clear()

        empty_studio.go_on()
        await empty_studio.all_is_told()

        assert [m for m in await mia.messages() if is_from_the_bot(m)] == []

    async def test_says_no_more_that_its_picture_failed(
        self, empty_studio: Studio, mia: Visitor, robin: Visitor
    ) -> None:
        await mia.say("/imagine prompt:a red star")
        await robin.delete(await mia.sees("▰"))
        assert empty_studio.engine is not None
        empty_studio.engine.script = Script(fail_at_step=3)

        empty_studio.go_on()
        await empty_studio.all_is_told()

        assert [m for m in await mia.messages() if is_from_the_bot(m)] == []


async def test_a_click_on_a_picture_that_a_moderator_deleted_meanwhile_still_works(
    studio: Studio, mia: Visitor, robin: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star")
    old = await mia.sees_pictures()
    await mia.press_edit()

    await robin.delete(old)
    await mia.submit(prompt="a green heart")

    assert "a green heart" in words(await mia.sees_pictures())


class TestAPictureThatIsDamagedBeforeItIsShown:
    """Discord takes nothing for a while, and the disk loses it meanwhile."""

    @pytest.fixture(autouse=True)
    async def painted(self, studio: Studio, playground: Playground, mia: Visitor) -> None:
        refusal = playground.faults.refuse(ANYWHERE, times=10_000, status=403, code=40333)
        await mia.say("/imagine prompt:a red star count:2")
        await mia.sees("a red star")
        await until(lambda: studio.engine and studio.engine.begun and not studio.service.live.jobs)
        [job] = await studio.service.ledger.jobs.unposted()
        self.whole = [await studio.service.picture(job.id, k) for k in range(2)]
        studio.service.blobs.path(job.pictures[1].blob).write_bytes(self.whole[1][:100])
        tries = refusal.hits
        await until(lambda: refusal.hits > tries)  # one that had read it whole may have been under way

    @pytest.mark.parametrize("restarted", [False, True])
    async def test_is_painted_anew_alone_and_shown(
        self, studio: Studio, playground: Playground, mia: Visitor, restarted: bool
    ) -> None:
        if restarted:
            await studio.close_bot()
        playground.faults.clear()
        if restarted:
            await studio.open_bot()

        shown = await mia.sees_pictures()

        assert [await mia.download(picture["media"]["url"]) for picture in gallery(shown)] == self.whole
        assert len([m for m in await mia.messages() if is_from_the_bot(m)]) == 1
        assert studio.engine is not None
        assert [order.wanted for order in studio.engine.orders] == [(0, 1), (1,)]


async def test_a_picture_that_was_lost_before_it_was_brought_is_told_of_once(
    empty_studio: Studio, mia: Visitor, robin: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    await mia.say("/imagine prompt:a red star")
    await robin.delete(await mia.sees("▰"))
    empty_studio.go_on()
    await empty_studio.all_is_told()
    [job] = await empty_studio.service.ledger.jobs.undeliverable(f"discord:{mia.person.id}")
    empty_studio.service.blobs.path(job.pictures[0].blob).unlink()

    await mia.say("/queue")

    await mia.is_told("This picture is no longer stored.")
    async with asyncio.timeout(30):
        while await empty_studio.service.ledger.jobs.persons_owed():  # noqa: ASYNC110  # a row has no event
            await asyncio.sleep(0.02)


class TestAfterFifteenMinutes:
    @pytest.fixture
    def clock(self) -> ManualClock:
        return manual_clock()

    @pytest.fixture
    def rules(self, clock: ManualClock) -> Rules:
        return Rules(wall=clock)

    async def test_a_picture_that_took_longer_is_shown_in_its_own_message(
        self, empty_studio: Studio, mia: Visitor, clock: ManualClock, wire_contract: WireContract
    ) -> None:
        empty_studio.clock = clock
        await empty_studio.open_bot()
        await empty_studio.open_engine(held_after=2)
        await mia.say("/imagine prompt:a red star")
        waiting = await mia.sees("▰")

        clock.advance(16 * 60)
        empty_studio.go_on()

        assert (await mia.sees_pictures())["id"] == waiting["id"]
        assert wire_contract.seen["PATCH", "/channels/{channel_id}/messages/{message_id}"]

    async def test_a_token_that_died_early_does_not_matter(
        self, empty_studio: Studio, playground: Playground, mia: Visitor
    ) -> None:
        await empty_studio.open_bot()
        await empty_studio.open_engine(held_after=2)
        await mia.say("/imagine prompt:a red star")
        waiting = await mia.sees("▰")

        playground.faults.refuse(EDIT_BY_TOKEN, times=99, status=401, code=50027, message="Invalid Webhook Token")
        empty_studio.go_on()

        assert (await mia.sees_pictures())["id"] == waiting["id"]


async def test_an_answer_that_was_lost_on_the_way_makes_no_second_message(
    studio: Studio, playground: Playground, mia: Visitor
) -> None:
    playground.faults.lose_answer("/callback")
    playground.faults.lose_answer(EDIT_BY_TOKEN, times=2)

    await mia.say("/imagine prompt:a red star")

    await mia.sees_pictures()
    await asyncio.sleep(0.5)
    assert len([m for m in await mia.messages() if is_from_the_bot(m)]) == 1
    assert (await studio.service.ledger.jobs.unposted()) == []


@pytest.mark.parametrize("code", [50001, 50013])
async def test_an_answer_that_was_lost_and_then_refused_makes_no_second_message(
    studio: Studio, playground: Playground, mia: Visitor, code: int
) -> None:
    playground.faults.lose_answer(ANSWER)
    playground.faults.refuse(ANSWER, status=403, code=code)

    await mia.say("/imagine prompt:a red star")

    await mia.sees_pictures()
    await studio.all_is_told()
    assert len([m for m in await mia.messages() if is_from_the_bot(m)]) == 1


async def test_a_new_message_whose_answer_was_lost_is_found_again(
    studio: Studio, playground: Playground, mia: Visitor
) -> None:
    playground.faults.refuse(ANSWER, status=403, code=50013)
    lost = playground.faults.lose_answer(NEW_MESSAGE, method="POST")

    await mia.say("/imagine prompt:a red star")

    await mia.sees_pictures()
    await studio.all_is_told()
    assert len(await shown(mia)) == lost.hits == 1


async def test_an_outage_delays_a_picture_and_loses_none(studio: Studio, playground: Playground, mia: Visitor) -> None:
    playground.faults.reset(EDIT_BY_TOKEN, times=3)

    await mia.say("/imagine prompt:a red star")

    await mia.sees_pictures()
    await studio.all_is_told()
    assert len(await shown(mia)) == 1


async def test_a_bot_restarted_while_a_picture_is_painted_shows_it_in_the_same_message(
    empty_studio: Studio, mia: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    await mia.say("/imagine prompt:a red star")
    waiting = await mia.sees("▰")

    await empty_studio.restart_bot()
    empty_studio.go_on()

    assert (await mia.sees_pictures())["id"] == waiting["id"]
    assert empty_studio.engine is not None
    assert len(empty_studio.engine.begun) == 1  # the engine was adopted, not asked again


async def test_a_bot_restarted_after_a_failure_that_it_could_not_tell_tells_it(
    empty_studio: Studio, playground: Playground, mia: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(Script(fail_at_step=1))
    playground.faults.reset(EDIT_BY_TOKEN, times=10_000)
    await mia.say("/imagine prompt:a red star")
    await mia.sees("a red star")
    assert empty_studio.engine is not None
    engine = empty_studio.engine
    await until(lambda: engine.begun and not empty_studio.service.live.handed_out())

    await empty_studio.close_bot()
    playground.faults.clear()
    await empty_studio.open_bot()

    await mia.sees("The painter ran out of memory.")
    await empty_studio.all_is_told()


async def test_an_engine_that_dies_is_replaced_and_people_are_told(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=2)
    await mia.say("/imagine prompt:a red star")
    waiting = await mia.sees("▰")

    await empty_studio.close_engine()
    await mia.sees("The painter had to restart; this picture waits again")
    await empty_studio.open_engine()

    assert (await mia.sees_pictures())["id"] == waiting["id"]


async def test_buttons_work_after_the_engine_was_restarted(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()

    await studio.close_engine()
    await mia.click("Upscale")
    await mia.sees("The painter is starting")
    await studio.open_engine()

    await mia.sees_pictures(more_than=1)


class TestWithASmallUploadLimit:
    @pytest.fixture
    def rules(self) -> Rules:
        return Rules(attachment_size=3000)

    async def test_the_limit_is_known_after_a_restart(self, empty_studio: Studio, mia: Visitor) -> None:
        await empty_studio.open_bot()
        await empty_studio.open_engine(held_after=2)
        await mia.say("/imagine prompt:a red star")
        await mia.sees("▰")

        await empty_studio.restart_bot()
        (job,) = await empty_studio.service.live_jobs(f"discord:{mia.person.id}")

        assert await empty_studio.service.ledger.messages.upload_limit_of(job.id) == 3000

    async def test_a_picture_over_the_limit_is_shown_in_a_lighter_format(
        self, empty_studio: Studio, mia: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tests.support.fake_engine.draw", noisy)
        await empty_studio.open_bot()
        await empty_studio.open_engine()

        await mia.say("/imagine prompt:a red star")

        message = await mia.sees_pictures()
        assert "because of Discord’s size limit; the PNG is kept." in words(message)
        assert len(await mia.download(gallery(message)[0]["media"]["url"])) <= 3000


def noisy(order: object, k: int) -> bytes:
    """A picture that PNG cannot make small."""
    file = io.BytesIO()
    Image.effect_noise((256, 256), 60).convert("RGB").save(file, "PNG")
    return file.getvalue()


async def test_only_one_message_at_a_time_says_that_it_is_next_in_line(
    empty_studio: Studio, playground: Playground, mia: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(Script(step_seconds=0.5), held_after=2)
    for number in range(4):  # one is painted, one handed over, one is next, one behind it
        await mia.say(f"/imagine prompt:number {number}")
        await mia.sees(f"number {number}")
    await mia.sees("number 2\n**Waiting** · Next in line")
    jobs = await empty_studio.service.live_jobs(f"discord:{mia.person.id}")
    token = await empty_studio.service.ledger.messages.token_of(jobs[2].id)
    assert token is not None
    playground.faults.delay(token.token, seconds=1.5)  # what its message says is old for so long

    empty_studio.go_on()
    said = set[tuple[str, ...]]()
    async with asyncio.timeout(30):
        while not any("number 3" in names for names in said):
            nexts = [words(m).splitlines()[0] for m in await mia.messages() if "Next in line" in words(m)]
            said.add(tuple(nexts))
            await asyncio.sleep(0.02)

    assert [names for names in said if len(names) > 1] == []
