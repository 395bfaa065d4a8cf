"""What goes out in one job's message, over real requests: again and again until it is certain, and once."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import discord
import pytest
from PIL import Image

from bot.delivery import sender as sender_module
from bot.delivery.edit_limits import EditLimiter, EditLimits
from bot.delivery.live_message import LiveMessage
from bot.delivery.posting import Posting
from bot.delivery.sender import MessageRef, Rejected, Sender, TooHeavy
from bot.jobs.interaction_token import InteractionToken
from bot.jobs.states import JobState
from bot.rest.rate_limits import request_trace
from bot.ui.views import LiveStatus
from playground import Playground, Rules, open_playground
from playground.wire.faults import Fault
from playground.world import people
from protocol.messages import Generate
from tests.playground.guest import PAINT, Guest, at_the_page
from tests.playground.raw_bot import RawBot, raw_bot
from tests.playground.rest_client import MESSAGES, V2, text
from tests.story.studio import Message, finished, gallery, is_from_the_bot, manual_clock, words
from tests.support.clocks import ManualClock
from tests.support.fake_engine import CARD
from tests.support.lines import Core, Line, opened
from tests.support.patience import until
from tests.support.stage import ANNA

BY_TOKEN = r"/webhooks/.*/messages/"
AS_BOT = r"/channels/\d+/messages/\d+$"
NEW_MESSAGE = r"/channels/\d+/messages$"
ANYWHERE = r"/(webhooks|channels)/.*messages"
ALWAYS = 10_000


def noisy(side: int = 256) -> bytes:
    """A PNG that is heavy for its size."""
    file = io.BytesIO()
    Image.effect_noise((side, side), 60).convert("RGB").save(file, "PNG")
    return file.getvalue()


PNG = noisy()


@dataclass(kw_only=True)
class Counter:
    """Where a job's message is posted at: the real parts, and a sleep that takes no time."""

    core: Core
    client: discord.Client
    bot: RawBot
    reader: Guest
    wall: ManualClock
    slept: list[float] = field(default_factory=list[float])
    line: Line | None = None  # the engine that painted last

    def __post_init__(self) -> None:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            for clock in (self.core.clock, self.wall):
                clock.advance(seconds)

        service = self.core.service
        limits = EditLimits(retry=1.0, sleep=sleep)
        self.limiter = EditLimiter(limits, monotonic=service.monotonic)
        sender = Sender(self.client, wall=self.wall)
        self.posting = Posting(service, sender=sender, limiter=self.limiter, limits=limits)

    async def asked(self) -> LiveMessage:
        """A job, and the message that waits for it."""
        job = await self.core.ask()
        await self.reader.say("/paint")
        interaction = await self.bot.hears()
        _, answer = await self.bot.answers(interaction, 4, {"flags": V2, "components": [text("waiting")]})
        message, channel = int(answer["resource"]["message"]["id"]), int(PAINT)
        token = InteractionToken(token=interaction["token"], application=int(people.APPLICATION_ID), at=self.wall())
        ref = MessageRef(job=job.id, channel=channel, message=message, token=token)
        return LiveMessage(job=job, ref=ref, limit=None)

    async def painted(self, *, after: float = 0.0) -> LiveMessage:
        """The same, once its picture is there, so many seconds later."""

        async def finish(line: Line, order: Generate) -> None:
            self.wall.advance(after)
            await line.finish(order, png=PNG)

        return await self._over(finish)

    async def failed(self) -> LiveMessage:
        """The same, once it has failed."""
        return await self._over(lambda line, order: line.fail(order))

    async def cancelled(self) -> LiveMessage:
        """The same, given up by its person."""
        live = await self.asked()
        live.set_job(await self.core.service.cancel(live.job.id, by=ANNA))
        return live

    async def begun(self) -> LiveMessage:
        """The same, being painted."""
        live, _, _ = await self._begun()
        return live

    async def _over(self, end: Callable[[Line, Generate], Awaitable[None]]) -> LiveMessage:
        live, line, order = await self._begun()
        await end(line, order)
        live.set_job(await self.core.service.job(live.job.id))
        return live

    async def _begun(self) -> tuple[LiveMessage, Line, Generate]:
        live, line = await self.asked(), self.core.line()
        self.line = line
        await line.join()
        [order] = await line.ordered(1)
        await line.start(order)
        live.set_job(await self.core.service.job(live.job.id))
        return live, line, order

    async def painted_again(self, live: LiveMessage) -> Generate:
        """The engine that had painted it is told to do so again, and does."""
        assert self.line is not None
        _, order = await self.line.ordered(2)
        await self.line.start(order)
        await self.line.finish(order, png=PNG)
        live.set_job(await self.core.service.job(live.job.id))
        return order

    async def delete(self, live: LiveMessage) -> None:
        """Take the message away, as a moderator may."""
        assert live.ref.message is not None
        await self.bot.rest("DELETE", f"/channels/{PAINT}/messages/{live.ref.message}")

    async def unanswered(self, live: LiveMessage) -> None:
        """As if Discord had refused the waiting message: there is none, and nothing that edits it."""
        await self.delete(live)
        live.ref.token = live.ref.message = None

    async def state(self, live: LiveMessage) -> JobState:
        return await self.core.state(live.job)

    async def shown(self) -> list[Message]:
        """All messages of the bot that the reader sees, oldest first."""
        return [message for message in await self.reader.messages() if is_from_the_bot(message)]

    async def only_message(self) -> Message:
        [message] = await self.shown()
        return message

    async def reader_downloads(self, message: Message) -> bytes:
        [picture] = gallery(message)
        async with self.reader.session.get(picture["media"]["url"]) as reply:
            return await reply.read()


@pytest.fixture
def clock() -> ManualClock:
    """The wall clock of Discord and of the bot's ways to it."""
    return manual_clock()


@pytest.fixture
def rules(clock: ManualClock) -> Rules:
    return Rules(answer_within=30, wall=clock)


@pytest.fixture
async def playground(tmp_path: Path, rules: Rules) -> AsyncIterator[Playground]:
    async with open_playground(data=tmp_path / "playground", rules=rules) as playground:
        yield playground


@pytest.fixture
async def counter(
    tmp_path: Path, playground: Playground, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Counter]:
    monkeypatch.setattr(discord.http.Route, "BASE", f"{playground.url}/api/v10")
    client = discord.Client(intents=discord.Intents.none(), http_trace=request_trace())
    async with (
        opened(tmp_path / "data", wall=clock) as core,
        raw_bot(playground) as bot,
        at_the_page(playground) as reader,
    ):
        core.service.engines.expect(CARD)
        async with client:
            await client.login(playground.token)
            yield Counter(core=core, client=client, bot=bot, reader=reader, wall=clock)


async def test_a_picture_takes_the_place_of_the_waiting_message(counter: Counter) -> None:
    live = await counter.painted()

    assert await counter.posting.end(live)

    message = await counter.only_message()
    assert finished(message)
    assert await counter.reader_downloads(message) == PNG
    assert await counter.state(live) is JobState.POSTED


class TestTheWayToItsReader:
    async def test_is_the_token_as_long_as_it_lives(
        self, counter: Counter, playground: Playground, clock: ManualClock
    ) -> None:
        live = await counter.painted()
        as_bot = playground.faults.refuse(AS_BOT)

        clock.advance(14.4 * 60)
        assert await counter.posting.end(live)

        assert as_bot.hits == 0
        assert finished(await counter.only_message())

    async def test_is_the_bots_own_once_an_upload_might_outlast_the_token(
        self, counter: Counter, playground: Playground, clock: ManualClock
    ) -> None:
        live = await counter.painted()
        by_token = playground.faults.refuse(BY_TOKEN)

        clock.advance(14.6 * 60)
        assert await counter.posting.end(live)

        assert by_token.hits == 0
        assert finished(await counter.only_message())

    async def test_is_the_bots_own_where_the_token_died_early_and_the_token_is_not_tried_again(
        self, counter: Counter, playground: Playground
    ) -> None:
        live = await counter.painted()
        by_token = playground.faults.refuse(BY_TOKEN, times=ALWAYS, status=401, code=50027)
        playground.faults.reset(AS_BOT)

        assert await counter.posting.end(live)

        assert by_token.hits == 1
        assert finished(await counter.only_message())

    @pytest.mark.parametrize("known", ["all of it", "its token alone", "its id alone"])
    async def test_ends_where_its_message_was_deleted_and_the_picture_is_kept(
        self, counter: Counter, playground: Playground, known: str
    ) -> None:
        live = await counter.painted()
        await counter.delete(live)
        if known == "its token alone":
            live.ref.message = None
        if known == "its id alone":
            live.ref.token = None
        sent = playground.faults.refuse(NEW_MESSAGE, method="POST")

        assert not await counter.posting.end(live)

        assert (sent.hits, await counter.shown()) == (0, [])
        assert await counter.state(live) is JobState.UNDELIVERABLE
        assert await counter.core.service.ledger.messages.is_gone(live.job.id)

    async def test_is_a_new_message_where_its_answer_never_arrived(
        self, counter: Counter, playground: Playground
    ) -> None:
        """Discord calls that an unknown webhook, and a deleted message an unknown message."""
        live = await counter.painted()
        await counter.delete(live)
        live.ref.message = None
        playground.faults.refuse(BY_TOKEN, status=404, code=10015)

        assert await counter.posting.end(live)

        assert finished(await counter.only_message())

    async def test_is_no_new_message_while_the_old_one_is_there(self, counter: Counter, playground: Playground) -> None:
        live = await counter.painted()
        live.ref.token = None
        playground.faults.refuse(AS_BOT, method="PATCH", status=403, code=50005)

        assert not await counter.posting.end(live)

        assert not finished(await counter.only_message())
        assert await counter.state(live) is JobState.UNDELIVERABLE

    async def test_does_not_lead_to_a_deleted_message_twice(self, counter: Counter, playground: Playground) -> None:
        live = await counter.painted()
        live.ref.token = None
        gone = playground.faults.refuse(AS_BOT, times=ALWAYS, status=404, code=10008)
        await counter.posting.show(live, LiveStatus())

        assert not await counter.posting.end(live)

        assert gone.hits == 1

    async def test_is_a_new_message_where_the_channel_is_not_known_for_a_moment(
        self, counter: Counter, playground: Playground
    ) -> None:
        live = await counter.painted()
        live.ref.token = None
        gone = playground.faults.refuse(AS_BOT, times=ALWAYS, status=404, code=10003)
        playground.faults.reset(NEW_MESSAGE, method="POST", times=2)

        assert await counter.posting.end(live)

        assert gone.hits == 1

    async def test_is_a_new_message_where_none_was_ever_known(self, counter: Counter, playground: Playground) -> None:
        live = await counter.painted()
        await counter.unanswered(live)
        edits = playground.faults.refuse(ANYWHERE, method="PATCH")

        assert await counter.posting.end(live)

        assert edits.hits == 0
        message = await counter.only_message()
        assert finished(message)
        assert await counter.core.service.ledger.messages.of(live.job.id) == (int(PAINT), int(message["id"]))
        assert await counter.state(live) is JobState.POSTED

    async def test_is_found_where_the_channel_was_not_known(self, counter: Counter) -> None:
        live = await counter.painted()
        message = live.ref.message
        live.ref.channel = live.ref.message = None

        assert await counter.posting.end(live)

        assert finished(await counter.only_message())
        assert await counter.core.service.ledger.messages.of(live.job.id) == (int(PAINT), message)

    async def test_ends_where_the_channel_was_never_known(self, counter: Counter, playground: Playground) -> None:
        live = await counter.painted()
        live.ref.channel = live.ref.token = None
        anything = playground.faults.refuse("/channels/")

        assert not await counter.posting.end(live)

        assert anything.hits == 0
        assert await counter.state(live) is JobState.UNDELIVERABLE

    async def test_ends_where_nothing_may_be_sent(self, counter: Counter, playground: Playground) -> None:
        live = await counter.painted()
        playground.faults.refuse(ANYWHERE, times=ALWAYS, status=403, code=50001)

        assert not await counter.posting.end(live)

        assert await counter.state(live) is JobState.UNDELIVERABLE


class TestANewMessage:
    @pytest.fixture
    def rules(self, clock: ManualClock) -> Rules:
        """At the next try Discord itself knows a repeat no more, as after minutes."""
        return Rules(answer_within=30, nonce_life=0, wall=clock)

    async def test_whose_answer_was_lost_is_found_and_not_sent_again(
        self, counter: Counter, playground: Playground
    ) -> None:
        live = await counter.painted()
        await counter.unanswered(live)
        playground.faults.lose_answer(NEW_MESSAGE, method="POST")

        assert await counter.posting.end(live)

        message = await counter.only_message()
        assert await counter.core.service.ledger.messages.of(live.job.id) == (int(PAINT), int(message["id"]))

    async def test_is_found_though_much_was_said_while_it_was_painted(
        self, counter: Counter, playground: Playground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sender_module, "_LOOK_AT", 2)
        for _ in range(3):
            await counter.bot.rest("POST", MESSAGES, {"content": "hello"})
        live = await counter.painted(after=600)
        await counter.unanswered(live)
        playground.faults.lose_answer(NEW_MESSAGE, method="POST")

        assert await counter.posting.end(live)

        assert [finished(message) for message in await counter.shown()] == [False, False, False, True]

    async def test_is_not_taken_for_that_of_another_job(self, counter: Counter) -> None:
        first = await counter.painted()
        await counter.posting.end(first)
        second = await counter.painted()
        await counter.unanswered(second)

        assert await counter.posting.end(second)

        assert [finished(message) for message in await counter.shown()] == [True, True]

    async def test_is_looked_for_again_where_the_look_was_unclear(
        self, counter: Counter, playground: Playground
    ) -> None:
        live = await counter.painted()
        await counter.unanswered(live)
        playground.faults.lose_answer(NEW_MESSAGE, method="POST")
        look = playground.faults.refuse(NEW_MESSAGE, method="GET", times=2, status=403, code=40333)

        assert await counter.posting.end(live)

        assert look.hits == 2
        assert finished(await counter.only_message())

    async def test_is_sent_though_the_bot_may_not_look(self, counter: Counter, playground: Playground) -> None:
        live = await counter.painted()
        await counter.unanswered(live)
        playground.faults.refuse(NEW_MESSAGE, method="GET", status=403, code=50001)

        assert await counter.posting.end(live)

        assert finished(await counter.only_message())

    async def test_that_was_deleted_since_is_not_sent_again(self, counter: Counter, playground: Playground) -> None:
        """Discord knows its nonce and cannot find the message."""
        live = await counter.painted()
        await counter.unanswered(live)
        playground.faults.refuse(NEW_MESSAGE, method="POST", status=404, code=10008)

        assert await counter.posting.end(live)

        assert await counter.shown() == []
        assert await counter.state(live) is JobState.POSTED

    async def test_is_not_sent_where_somebody_deleted_the_message_with_its_button(self, counter: Counter) -> None:
        live = await counter.painted()
        await counter.delete(live)
        await counter.core.service.ledger.messages.delete(live.job.id)

        assert await counter.posting.end(live)

        assert await counter.shown() == []

    async def test_is_not_sent_to_say_that_a_job_was_cancelled(self, counter: Counter) -> None:
        live = await counter.cancelled()
        await counter.delete(live)

        assert await counter.posting.end(live)

        assert await counter.shown() == []
        assert await counter.core.service.ledger.jobs.unposted() == []


async def test_that_a_job_was_cancelled_is_said_in_its_message(counter: Counter) -> None:
    live = await counter.cancelled()

    assert await counter.posting.end(live)

    assert "Cancelled" in words(await counter.only_message())


async def test_that_a_job_failed_is_said_in_its_message(counter: Counter) -> None:
    live = await counter.failed()

    assert await counter.posting.end(live)

    assert "The painter ran out of memory." in words(await counter.only_message())
    assert await counter.core.service.ledger.jobs.unposted() == []


class TestPicturesThatAreLost:
    @pytest.mark.parametrize("left", [len(PNG) // 2, 0, None], ids=["cut", "emptied", "deleted"])
    async def test_before_anybody_saw_them_are_painted_anew(self, counter: Counter, left: int | None) -> None:
        live = await counter.painted()
        lose(counter, live, left)

        assert await counter.posting.end(live) is None
        assert await counter.state(live) in (JobState.QUEUED, JobState.OFFERED)
        assert not live.over.is_set()
        await counter.painted_again(live)
        assert await counter.posting.end(live)

        assert await counter.reader_downloads(await counter.only_message()) == PNG
        assert await counter.state(live) is JobState.POSTED

    async def test_again_are_told_of_once(self, counter: Counter) -> None:
        live = await counter.painted()
        lose(counter, live, 0)
        await counter.posting.end(live)
        await counter.painted_again(live)
        lose(counter, live, 0)

        assert await counter.posting.end(live)

        assert "no longer" in words(await counter.only_message())
        assert await counter.state(live) is JobState.POSTED


def lose(counter: Counter, live: LiveMessage, left: int | None) -> None:
    """So many bytes of the stored picture are left, or not even its file."""
    file = counter.core.service.blobs.path(live.job.pictures[0].blob)
    file.unlink() if left is None else file.write_bytes(PNG[:left])


class TestAnEndingIsTriedAgain:
    async def test_after_refusals_twice_as_late_each_time(self, counter: Counter, playground: Playground) -> None:
        live = await counter.painted()
        playground.faults.refuse(ANYWHERE, times=19, status=403, code=40333)

        assert await counter.posting.end(live)

        doubling, day = [2**n for n in range(17)], 24 * 3600
        assert counter.slept == [*doubling, day, day]

    async def test_without_an_answer_within_a_minute(self, counter: Counter, playground: Playground) -> None:
        live = await counter.painted()
        playground.faults.reset(BY_TOKEN, times=8)

        assert await counter.posting.end(live)

        assert counter.slept == [1, 2, 4, 8, 16, 32, 60, 60]

    async def test_after_a_rate_limit_when_discord_said(self, counter: Counter, playground: Playground) -> None:
        live = await counter.painted()
        playground.faults.rate_limit(BY_TOKEN, times=3, retry_after=100)

        assert await counter.posting.end(live)

        assert counter.slept == [100] * 3


class TestPicturesThatAreTooHeavy:
    async def test_become_lighter_step_by_step_until_nothing_is_left_to_see(
        self, counter: Counter, playground: Playground
    ) -> None:
        live = await counter.painted()
        refused = playground.faults.refuse(BY_TOKEN, times=7, status=413, code=0)

        assert not await counter.posting.end(live)

        assert refused.hits == 7  # PNG, WebP, twice JPEG, and that at a half, a quarter, an eighth
        assert "Painted and kept" in words(await counter.only_message())
        assert await counter.state(live) is JobState.UNDELIVERABLE

    async def test_are_sent_in_the_first_form_that_is_light_enough(
        self, counter: Counter, playground: Playground
    ) -> None:
        live = await counter.painted()
        playground.faults.refuse(BY_TOKEN, times=1, status=413, code=40005)

        assert await counter.posting.end(live)

        assert "Shown as WEBP because of Discord’s size limit" in words(await counter.only_message())

    async def test_by_what_the_interaction_said_are_not_even_tried(
        self, counter: Counter, playground: Playground
    ) -> None:
        live = await counter.painted()
        live.limit = len(PNG) - 1
        refused = playground.faults.refuse(BY_TOKEN, times=ALWAYS, status=413, code=40005, over=len(PNG))

        assert await counter.posting.end(live)

        assert refused.hits == 0
        assert "Shown as WEBP" in words(await counter.only_message())

    async def test_are_a_bug_where_there_are_words_alone(self, counter: Counter, playground: Playground) -> None:
        live = await counter.failed()
        playground.faults.refuse(BY_TOKEN, times=ALWAYS, status=413, code=40005)

        with pytest.raises(TooHeavy):
            await counter.posting.end(live)

        assert live.job.id in [job.id for job in await counter.core.service.ledger.jobs.unposted()]


class TestContentThatDiscordRefuses:
    """What may be at fault is left out one after the other: the words, then the pictures."""

    async def test_once_is_shown_without_the_words(self, counter: Counter, playground: Playground) -> None:
        live = await counter.painted()
        playground.faults.refuse(BY_TOKEN, times=1, status=400, code=50035)

        assert await counter.posting.end(live)

        message = await counter.only_message()
        assert finished(message)
        assert "a star" not in words(message)
        assert await counter.state(live) is JobState.POSTED

    async def test_twice_is_told_without_the_pictures(self, counter: Counter, playground: Playground) -> None:
        live = await counter.painted()
        playground.faults.refuse(BY_TOKEN, times=2, status=400, code=50035)

        assert not await counter.posting.end(live)

        assert "Painted and kept" in words(await counter.only_message())
        assert await counter.state(live) is JobState.UNDELIVERABLE

    async def test_for_its_pictures_is_told_at_once_where_the_words_had_been_refused_before(
        self, counter: Counter, playground: Playground
    ) -> None:
        live = await counter.painted()
        live.wordless = True
        playground.faults.refuse(BY_TOKEN, times=1, status=400, code=50035)

        assert not await counter.posting.end(live)

        assert "Painted and kept" in words(await counter.only_message())

    @pytest.mark.parametrize(("ends", "refusals"), [("painted", 3), ("failed", 2)])
    async def test_down_to_our_own_words_is_a_bug_and_stays_owed(
        self, counter: Counter, playground: Playground, ends: str, refusals: int
    ) -> None:
        live = await (counter.painted() if ends == "painted" else counter.failed())
        refused = playground.faults.refuse(BY_TOKEN, times=ALWAYS, status=400, code=50035)

        with pytest.raises(Rejected):
            await counter.posting.end(live)

        assert refused.hits == refusals
        assert live.job.id in [job.id for job in await counter.core.service.ledger.jobs.unposted()]


class TestALiveEdit:
    async def test_shows_a_preview_while_it_is_painted(self, counter: Counter) -> None:
        live = await counter.begun()
        live.preview = PNG

        await counter.posting.show(live, LiveStatus(preview=True, step=3, steps=8))

        message = await counter.only_message()
        assert gallery(message)
        assert await counter.reader_downloads(message) == PNG
        assert not live.unreachable

    async def test_shows_none_before(self, counter: Counter) -> None:
        live = await counter.asked()
        live.preview = PNG

        await counter.posting.show(live, LiveStatus(preview=True))

        message = await counter.only_message()
        assert "a star" in words(message)
        assert not gallery(message)

    async def test_has_no_file_that_it_does_not_show(self, counter: Counter) -> None:
        live = await counter.begun()
        live.preview = PNG

        await counter.posting.show(live, LiveStatus(preview=False))

        assert not (await counter.only_message())["attachments"]

    @pytest.mark.parametrize("status", [500, 413])
    async def test_that_is_lost_is_not_made_again(self, counter: Counter, playground: Playground, status: int) -> None:
        live = await counter.begun()
        lost = playground.faults.refuse(ANYWHERE, times=ALWAYS, status=status)

        await counter.posting.show(live, LiveStatus())

        assert lost.hits == 1
        assert counter.slept == []
        assert not live.wordless

    async def test_leaves_a_gap_before_the_next(self, counter: Counter) -> None:
        live = await counter.begun()

        await counter.posting.show(live, LiveStatus())

        assert counter.limiter.left(live) == EditLimits().gap

    async def test_that_meets_a_rate_limit_holds_the_channel_as_long(
        self, counter: Counter, playground: Playground
    ) -> None:
        live = await counter.begun()
        playground.faults.rate_limit(ANYWHERE, retry_after=100)

        await counter.posting.show(live, LiveStatus())

        assert counter.limiter.left(live) == 100

    async def test_that_is_refused_for_its_words_leaves_them_out_from_then_on(
        self, counter: Counter, playground: Playground
    ) -> None:
        live = await counter.begun()
        playground.faults.refuse(ANYWHERE, status=400, code=50035)

        await counter.posting.show(live, LiveStatus())
        assert live.wordless
        await counter.posting.show(live, LiveStatus())

        assert "(Discord refused to show the words of this prompt.)" in words(await counter.only_message())

    async def test_that_finds_no_message_is_the_last(self, counter: Counter) -> None:
        live = await counter.begun()
        await counter.delete(live)

        await counter.posting.show(live, LiveStatus())

        assert live.unreachable
        assert await counter.shown() == []


async def test_four_slow_uploads_travel_at_once_and_take_no_place_from_live_edits(
    counter: Counter, playground: Playground
) -> None:
    endings = [await counter.painted() for _ in range(5)]
    begun = await counter.asked()
    for channel, live in enumerate(endings, start=1):
        live.ref.channel = channel  # each has a limit of its own
    slow = slowed(playground, endings)

    async with on_their_way(*(counter.posting.end(live) for live in endings)):
        await until(lambda: slow.hits == 4)
        await counter.posting.show(begun, LiveStatus())

        assert slow.hits == 4
    assert "a star" in words((await counter.shown())[-1])


async def test_four_slow_live_edits_travel_at_once_and_take_no_place_from_an_ending(
    counter: Counter, playground: Playground
) -> None:
    ending = await counter.painted()
    begun = [await counter.asked() for _ in range(5)]
    slow = slowed(playground, begun)

    async with on_their_way(*(counter.posting.show(live, LiveStatus()) for live in begun)):
        await until(lambda: slow.hits == 4)
        assert await counter.posting.end(ending)

        assert slow.hits == 4
    assert finished((await counter.shown())[0])


def slowed(playground: Playground, lives: list[LiveMessage]) -> Fault:
    """From now on what goes out for these takes a while."""
    tokens = [live.ref.token.token for live in lives if live.ref.token is not None]
    return playground.faults.delay("|".join(tokens), seconds=30, times=ALWAYS)


@asynccontextmanager
async def on_their_way(*requests: Coroutine[None, None, object]) -> AsyncIterator[None]:
    """All of these at once, given up when the block ends."""
    tasks = [asyncio.create_task(request) for request in requests]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
