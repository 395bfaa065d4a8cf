"""What Discord refuses, and what becomes of the picture: it comes, in its place or with its person's next command."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.delivery.delivery import Delivery
from bot.jobs import events as news
from bot.jobs.job import Job
from bot.jobs.states import JobState
from bot.ui import views
from playground import Playground
from playground.world import people
from playground.world.rules import Rules
from tests.story.studio import (
    BRISK,
    PAINT,
    SKETCHBOOK,
    Studio,
    Visitor,
    buttons,
    finished,
    gallery,
    is_from_the_bot,
    words,
)
from tests.story.test_delivery import noisy
from tests.support.fake_engine import Script
from tests.support.patience import until

ANSWER = r"/callback$"
BY_TOKEN = r"/webhooks/.*/messages/"
NEW_MESSAGE = r"/channels/\d+/messages$"
ANYWHERE = r"/(webhooks|channels)/.*messages"
ALWAYS = 10_000
QUIET = replace(BRISK, first=1000.0, gap=1000.0)  # no live edits: the first that Discord hears is the ending
HOST = "evil.example"
LINK = f"https://{HOST}"
DAY = 24 * 3600.0


class Sleeper:
    """Waits not at all, and remembers how long it was to wait. `calm` is not among it."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        if seconds >= QUIET.calm * 2**10:
            self.slept.append(seconds)
        await asyncio.sleep(0)


async def the_bots(visitor: Visitor) -> list[dict[str, object]]:
    return [message for message in await visitor.messages() if is_from_the_bot(message)]


async def asked(studio: Studio, visitor: Visitor, prompt: str = "a red star") -> Job:
    """A picture that waits to be painted on: the engine is held."""
    studio.edit_limits = QUIET if studio.edit_limits is BRISK else studio.edit_limits
    await studio.open_bot()
    await studio.open_engine(held_after=2)
    await visitor.say(f"/imagine prompt:{prompt}")
    await visitor.sees(is_from_the_bot)
    [job] = await studio.service.live_jobs(f"discord:{visitor.person.id}")
    return job


async def state_of(studio: Studio, job: Job) -> JobState:
    await studio.all_is_told()
    return (await studio.service.job(job.id)).state


@pytest.mark.parametrize(
    ("status", "code"), [(403, 40333), (400, 99999), (401, 0), (403, 0), (404, 0), (409, 0), (400, 130000)]
)
async def test_an_answer_that_says_nothing_of_the_message_delays_the_picture_and_no_more(
    empty_studio: Studio, playground: Playground, mia: Visitor, status: int, code: int
) -> None:
    job = await asked(empty_studio, mia)
    waiting = await mia.sees("a red star")
    refusal = playground.faults.refuse(ANYWHERE, times=5, status=status, code=code)

    empty_studio.go_on()

    assert (await mia.sees_pictures())["id"] == waiting["id"]
    assert await state_of(empty_studio, job) is JobState.POSTED
    assert refusal.hits == 5


class TestHowLongAnEndingWaits:
    @pytest.fixture
    def sleeper(self, empty_studio: Studio) -> Sleeper:
        sleeper = Sleeper()
        empty_studio.edit_limits = replace(QUIET, retry=3600.0, sleep=sleeper)
        return sleeper

    async def test_after_refusals_twice_as_long_each_time_up_to_a_day(
        self, empty_studio: Studio, playground: Playground, mia: Visitor, sleeper: Sleeper
    ) -> None:
        await asked(empty_studio, mia)
        playground.faults.refuse(BY_TOKEN, times=7, status=403, code=40333)

        empty_studio.go_on()

        await mia.sees_pictures()
        assert [pause / 3600 for pause in sleeper.slept] == [1, 2, 4, 8, 16, 24, 24]

    async def test_without_an_answer_up_to_a_minute(
        self, empty_studio: Studio, playground: Playground, mia: Visitor, sleeper: Sleeper
    ) -> None:
        empty_studio.edit_limits = replace(empty_studio.edit_limits, retry=55.0, calm=0.001)
        await asked(empty_studio, mia)
        playground.faults.reset(BY_TOKEN, times=2)
        playground.faults.refuse(BY_TOKEN, times=2, status=502)

        empty_studio.go_on()

        await mia.sees_pictures()
        assert [pause for pause in sleeper.slept if pause >= 55] == [55, 60, 60, 60]


class TestTheFirstAnswer:
    @pytest.mark.parametrize(("status", "code"), [(403, 50013), (401, 0), (400, 99999), (403, 40333), (404, 10062)])
    async def test_refused_for_good_costs_the_waiting_message_alone(
        self, studio: Studio, playground: Playground, mia: Visitor, status: int, code: int
    ) -> None:
        playground.faults.refuse(ANSWER, status=status, code=code)

        await mia.say("/imagine prompt:a red star")

        assert "a red star" in words(await mia.sees_pictures())
        await studio.all_is_told()
        assert [finished(message) for message in await the_bots(mia)] == [True]

    async def test_that_fails_by_a_bug_is_made_up_for_by_a_new_message(
        self, studio: Studio, mia: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            monkeypatch.undo()
            raise RuntimeError("a bug")

        monkeypatch.setattr(views, "live", broken)
        await mia.say("/imagine prompt:a red star")

        told = await mia.sees("Something went wrong on my side")
        picture = await mia.sees_pictures()
        await studio.all_is_told()
        assert picture["id"] != told["id"]
        assert not picture["ephemeral_for"]
        assert "Something went wrong" in words(await mia.sees(lambda message: message["id"] == told["id"]))


class TestWordsThatDiscordRefuses:
    @pytest.fixture
    def rules(self) -> Rules:
        return Rules(answer_within=30, harmful_links=(HOST,))

    async def test_are_left_out_and_the_picture_comes(self, studio: Studio, mia: Visitor) -> None:
        await mia.say(f"/imagine prompt:a sign that says {LINK}")

        message = await mia.sees_pictures()
        await studio.all_is_told()
        assert words(message).startswith("(Discord refused to show the words of this prompt.)")
        assert HOST not in words(message) + str(gallery(message))
        assert len(await the_bots(mia)) == 1
        assert {"Reroll", "Edit", "More"} <= buttons(message).keys()

    async def test_are_left_out_after_a_restart_too(self, empty_studio: Studio, mia: Visitor) -> None:
        job = await asked(empty_studio, mia, f"a sign that says {LINK}")

        await empty_studio.restart_bot()
        empty_studio.go_on()

        await mia.sees_pictures()
        assert await state_of(empty_studio, job) is JobState.POSTED
        assert len(await the_bots(mia)) == 1

    async def test_are_left_out_of_the_message_of_a_failure(self, empty_studio: Studio, mia: Visitor) -> None:
        await empty_studio.open_bot()
        await empty_studio.open_engine(Script(fail_at_step=1))

        await mia.say(f"/imagine prompt:a sign that says {LINK}")

        assert HOST not in words(await mia.sees("The painter ran out of memory."))
        await empty_studio.all_is_told()

    async def test_are_sent_only_once(self, empty_studio: Studio, playground: Playground, mia: Visitor) -> None:
        playground.faults.refuse(ANSWER, times=1, status=400, code=240000)  # as the filter does; here it counts
        await empty_studio.open_bot()
        await empty_studio.open_engine()

        await mia.say("/imagine prompt:a red star")

        message = await mia.sees_pictures()
        assert "a red star" not in words(message)

    async def test_are_sent_only_once_while_it_is_painted(
        self, empty_studio: Studio, playground: Playground, mia: Visitor
    ) -> None:
        refusal = playground.faults.refuse(BY_TOKEN, times=1, status=400, code=240000)  # of a live edit
        await empty_studio.open_bot()
        await empty_studio.open_engine(held_after=2)
        await mia.say("/imagine prompt:a red star")
        await until(lambda: refusal.hits)

        empty_studio.go_on()

        assert "a red star" not in words(await mia.sees_pictures())


class TestPicturesThatDiscordRefuses:
    @pytest.mark.parametrize("code", [50035, 400001])
    async def test_are_kept_and_brought_by_the_next_command(
        self, empty_studio: Studio, playground: Playground, mia: Visitor, code: int
    ) -> None:
        job = await asked(empty_studio, mia)
        waiting = await mia.sees("a red star")
        playground.faults.refuse(BY_TOKEN, times=2, status=400, code=code)

        empty_studio.go_on()

        told = await mia.sees("your next command brings it to you in private")
        assert told["id"] == waiting["id"]
        assert await state_of(empty_studio, job) is JobState.UNDELIVERABLE
        await mia.say("/queue")
        brought = await mia.sees(finished)
        assert brought["ephemeral_for"] == mia.person.id

    async def test_once_are_shown_without_the_words(
        self, empty_studio: Studio, playground: Playground, mia: Visitor
    ) -> None:
        job = await asked(empty_studio, mia)
        playground.faults.refuse(BY_TOKEN, times=1, status=400, code=50035)

        empty_studio.go_on()

        assert "a red star" not in words(await mia.sees_pictures())
        assert await state_of(empty_studio, job) is JobState.POSTED


class TestARequestThatIsTooHeavy:
    """Discord says 413 though the interaction allows more."""

    @pytest.fixture(autouse=True)
    def heavy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tests.support.fake_engine.draw", noisy)

    async def test_is_made_lighter_until_it_is_taken(
        self, empty_studio: Studio, playground: Playground, mia: Visitor
    ) -> None:
        job = await asked(empty_studio, mia)
        playground.faults.refuse(ANYWHERE, times=ALWAYS, status=413, code=40005, over=12_000)

        empty_studio.go_on()

        message = await mia.sees_pictures()
        assert "Shown as JPG because of Discord’s size limit" in words(message)
        assert len(await mia.download(gallery(message)[0]["media"]["url"])) < 12_000
        assert await state_of(empty_studio, job) is JobState.POSTED
        assert len(await empty_studio.service.picture(job.id, 0)) > 12_000

    async def test_in_any_form_ends_in_a_sentence_and_the_picture_is_kept(
        self, empty_studio: Studio, playground: Playground, mia: Visitor
    ) -> None:
        job = await asked(empty_studio, mia)
        files = playground.faults.refuse(BY_TOKEN, times=7, status=413, code=40005)

        empty_studio.go_on()

        await mia.sees("Painted and kept, but Discord does not take it here")
        assert await state_of(empty_studio, job) is JobState.UNDELIVERABLE
        assert files.hits == 7  # PNG, WebP, twice JPEG, and that at a half, a quarter, an eighth


class TestALimitThatNothingFits:
    @pytest.fixture
    def rules(self) -> Rules:
        return Rules(answer_within=30, attachment_size=100)

    async def test_ends_in_a_sentence_and_the_picture_is_kept(self, empty_studio: Studio, mia: Visitor) -> None:
        job = await asked(empty_studio, mia)
        waiting = await mia.sees("a red star")

        empty_studio.go_on()

        told = await mia.sees("Painted and kept, but Discord does not take it here")
        assert told["id"] == waiting["id"]
        assert await state_of(empty_studio, job) is JobState.UNDELIVERABLE
        assert (await empty_studio.service.picture(job.id, 0)).startswith(b"\x89PNG")


class TestAChannelThatTheLibraryDoesNotKnow:
    """The interaction has its id alone, or is of a kind that came after this version of the library."""

    @pytest.fixture
    def rules(self) -> Rules:
        return Rules(answer_within=30, interactions_name_channel=False)

    async def test_gets_its_picture(self, studio: Studio, mia: Visitor) -> None:
        await mia.say("/imagine prompt:a red star")

        await mia.sees_pictures()
        await studio.all_is_told()
        assert [finished(message) for message in await the_bots(mia)] == [True]

    async def test_gets_it_without_its_token(self, empty_studio: Studio, playground: Playground, mia: Visitor) -> None:
        job = await asked(empty_studio, mia)
        waiting = await mia.sees("a red star")

        playground.faults.refuse(BY_TOKEN, times=99, status=401, code=50027, message="Invalid Webhook Token")
        empty_studio.go_on()

        assert (await mia.sees_pictures())["id"] == waiting["id"]
        assert job.requester.channel == int(PAINT)

    async def test_gets_it_after_a_restart_too(self, empty_studio: Studio, mia: Visitor) -> None:
        job = await asked(empty_studio, mia)
        waiting = await mia.sees("a red star")

        await empty_studio.restart_bot()
        empty_studio.go_on()

        assert (await mia.sees_pictures())["id"] == waiting["id"]
        assert await state_of(empty_studio, job) is JobState.POSTED
        assert await empty_studio.service.ledger.messages.of(job.id) == (int(PAINT), int(waiting["id"]))


async def test_a_message_that_meets_a_bug_is_taken_up_again_and_the_bug_logged_once(
    empty_studio: Studio, mia: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job = await asked(empty_studio, mia)
    whole, bugs = views.finished, [RuntimeError("a bug")] * 3

    def broken(*arguments: object, **options: object) -> object:
        if bugs:
            raise bugs.pop()
        return whole(*arguments, **options)  # pyright: ignore[reportArgumentType, reportCallIssue]

    monkeypatch.setattr(views, "finished", broken)
    with caplog.at_level(logging.ERROR, logger="bot.delivery.delivery"):
        empty_studio.go_on()
        await mia.sees_pictures()

    assert await state_of(empty_studio, job) is JobState.POSTED
    logged = [record.getMessage() for record in caplog.records if record.name == "bot.delivery.delivery"]
    assert logged == [f"job {job.id}: its message met a bug"]


@pytest.mark.parametrize("kind", [news.Stepped, news.Ended, news.EngineState])
async def test_an_event_that_meets_a_bug_costs_no_picture_and_is_logged_once(
    empty_studio: Studio, mia: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: type
) -> None:
    whole = Delivery._apply

    def broken(delivery: Delivery, event: news.JobEvent) -> None:
        if isinstance(event, kind):
            raise RuntimeError("a bug")
        whole(delivery, event)

    monkeypatch.setattr(Delivery, "_apply", broken)
    with caplog.at_level(logging.ERROR, logger="bot.delivery.delivery"):
        job = await asked(empty_studio, mia)
        empty_studio.go_on()
        await mia.sees_pictures()

    assert await state_of(empty_studio, job) is JobState.POSTED
    logged = [record.getMessage() for record in caplog.records if record.name == "bot.delivery.delivery"]
    assert [line.startswith("what happened cannot be shown") for line in logged] == [True]


class TestARateLimitOfAnHour:
    @pytest.fixture(
        params=[[PAINT] * 4, [PAINT, SKETCHBOOK] * 2],
        ids=["in one channel", "in two channels"],
    )
    async def limited(
        self, request: pytest.FixtureRequest, empty_studio: Studio, playground: Playground, mia: Visitor
    ) -> AsyncIterator[None]:
        """Four endings meet it, as many as uploads may travel at once."""
        channels = len(set(request.param))
        empty_studio.edit_limits = QUIET
        await empty_studio.open_bot()
        await empty_studio.open_engine(held_after=2)
        for n, channel in enumerate(request.param):
            mia.channel = channel
            await mia.say(f"/imagine prompt:number {n}")
            await mia.sees(f"number {n}")
        ledger = empty_studio.service.ledger
        tokens = [await ledger.messages.token_of(job.id) for job in await ledger.jobs.unposted()]
        path = "|".join(token.token for token in tokens if token is not None)
        limit = playground.faults.rate_limit(path, times=ALWAYS, retry_after=3600.0)
        empty_studio.go_on()
        person = f"discord:{mia.person.id}"
        async with asyncio.timeout(30):
            while limit.hits < channels or await empty_studio.service.live_jobs(person):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        yield
        assert limit.hits <= 2 * channels  # the others of a channel waited without asking

    @pytest.mark.usefixtures("limited")
    async def test_of_four_endings_holds_nobody_elsewhere(self, empty_studio: Studio, robin: Visitor) -> None:
        robin.channel = people.CHANNELS[2].id

        await robin.say("/imagine prompt:a green heart")

        assert "a green heart" in words(await robin.sees_pictures())
