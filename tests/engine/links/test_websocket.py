"""The engine's side of the local link over a real socket: nothing painted is lost, nothing is painted twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.links.websocket import WebSocketLink
from protocol.card import Z_IMAGE_TURBO
from protocol.messages import (
    PROTOCOL,
    Beat,
    BotHello,
    Cancelled,
    Command,
    EngineHello,
    Finished,
    Generate,
    Loading,
    Progress,
    Refused,
    Started,
    Stored,
)
from tests.support.fake_bot import FakeBot, fake_bot
from tests.support.orders import order
from tests.support.patience import until

HELLO = EngineHello(
    protocol=PROTOCOL,
    build="1",
    engine="e",
    card=Z_IMAGE_TURBO,
    device="cpu",
    dtype="float32",
    threads=1,
    memory=0,
    policy="resident",
)


def finished(job: str = "job", k: int = 0) -> Finished:
    return Finished(job=job, attempt=1, k=k, seed=7, width=64, height=64, sha256="0" * 64, png=b"png", seconds=1.0)


@asynccontextmanager
async def linked(
    bot: FakeBot, folder: Path, *, alone_for: float = 30, resend: float = 30
) -> AsyncIterator[tuple[WebSocketLink, list[Command]]]:
    """A running link and what it has heard."""
    heard: list[Command] = []
    link = WebSocketLink(
        url=bot.url,
        secret_file=folder / "engine.json",
        on_command=heard.append,
        alone_for=alone_for,
        retry=0.02,
        resend=resend,
    )
    link.introduce(HELLO)
    task = asyncio.create_task(link.run())
    try:
        await bot.wait_for(EngineHello)
        yield link, heard
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_picture_is_sent_again_after_a_reconnect_until_it_is_stored(tmp_path: Path) -> None:
    async with fake_bot(tmp_path, store=False) as bot, linked(bot, tmp_path) as (link, heard):
        await bot.order(order())
        await until(lambda: heard)
        link.send_event(finished())
        await bot.wait_for(Finished)

        await bot.hang_up()
        hello = await bot.wait_for(EngineHello, lambda event: event.held != ())
        again = await bot.wait_for(Finished, since=bot.events.index(hello))

        assert hello.held == (("job", 0),)
        assert again.png == b"png"
        await bot.say(Stored(job="job", k=0))
        await bot.hang_up()
        await bot.wait_for(EngineHello, lambda event: event.held == (), since=bot.events.index(again))


async def test_an_unconfirmed_picture_is_sent_again_on_the_same_connection(tmp_path: Path) -> None:
    async with (
        fake_bot(tmp_path, store=False) as bot,
        linked(bot, tmp_path, resend=0.05) as (link, _),
    ):
        link.send_event(finished())

        await until(lambda: len(bot.heard(Finished)) >= 2)

        assert bot.connections == 1


async def test_an_order_that_comes_again_is_not_painted_twice_and_takes_the_new_attempt(tmp_path: Path) -> None:
    first = order(count=2)
    async with fake_bot(tmp_path, store=False) as bot, linked(bot, tmp_path) as (link, heard):
        await bot.order(first)
        await until(lambda: heard)
        link.send_event(finished(k=0))
        await bot.hang_up()
        hello = await bot.wait_for(EngineHello, lambda event: event.running != ())

        await bot.order(Generate(job="job", attempt=2, request=first.request, wanted=(0, 1)))
        held = await bot.wait_for(Finished, lambda event: event.attempt == 2)
        link.send_event(finished(k=1))
        other = await bot.wait_for(Finished, lambda event: event.k == 1)

        assert hello.running == (("job", 1),)
        assert heard == [first]
        assert (held.k, held.attempt, other.attempt) == (0, 2, 2)


async def test_endings_wait_for_the_bot_and_progress_does_not(tmp_path: Path) -> None:
    async with fake_bot(tmp_path) as bot, linked(bot, tmp_path) as (link, _):
        await bot.hang_up()
        await until(lambda: not link._connected)
        link.send_event(Started(job="job", attempt=1))
        link.send_event(Progress(job="job", attempt=1, step=1, steps=8))
        link.send_event(Cancelled(job="job", attempt=1, k=0))

        await bot.wait_for(Cancelled)

        assert bot.heard(Started) == []
        assert bot.heard(Progress) == []


async def test_a_slow_bot_gets_the_newest_progress_not_all_of_it(tmp_path: Path) -> None:
    async with fake_bot(tmp_path) as bot, linked(bot, tmp_path) as (link, _):
        for step in range(1, 9):
            link.send_event(Progress(job="a", attempt=1, step=step, steps=8))
        link.send_event(Progress(job="b", attempt=1, step=1, steps=8))

        await bot.wait_for(Progress, lambda event: event.job == "b")

        assert [event.step for event in bot.heard(Progress) if event.job == "a"] == [8]


async def test_it_dials_until_there_is_a_bot_and_reads_the_secret_anew(tmp_path: Path) -> None:
    (tmp_path / "engine.json").write_text('{"secret": "of yesterday"}')
    async with fake_bot(tmp_path) as bot:
        right = (tmp_path / "engine.json").read_text()
        (tmp_path / "engine.json").write_text('{"secret": "of yesterday"}')
        link = WebSocketLink(
            url=bot.url, secret_file=tmp_path / "engine.json", on_command=lambda _: None, alone_for=30, retry=0.02
        )
        link.introduce(Loading(protocol=PROTOCOL, build="1", engine="e", model="m"))
        task = asyncio.create_task(link.run())
        await asyncio.sleep(0.15)
        refused = bot.connections

        (tmp_path / "engine.json").write_text(right)
        await bot.wait_for(Loading)

        assert refused == 0
        task.cancel()
        await asyncio.wait([task])


async def test_without_a_bot_the_link_ends_after_the_given_time(tmp_path: Path) -> None:
    link = WebSocketLink(
        url="ws://127.0.0.1:9/engine",
        secret_file=tmp_path / "missing.json",
        on_command=lambda _: None,
        alone_for=0.2,
        retry=0.02,
    )

    async with asyncio.timeout(30):
        await link.run()


@pytest.mark.parametrize(
    ("greeting", "sentence"),
    [
        (BotHello(protocol=PROTOCOL + 1, build="9"), f"speaks protocol {PROTOCOL + 1}"),
        (Refused(reason="another engine is here"), "refused this engine: another engine is here"),
    ],
)
async def test_a_bot_that_does_not_fit_is_left_with_one_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, greeting: Command, sentence: str
) -> None:
    caplog.set_level("INFO")
    async with fake_bot(tmp_path) as bot:
        bot.greeting = greeting
        async with linked(bot, tmp_path) as (_, heard):
            await until(lambda: bot.connections >= 3)

        assert heard == []
        assert [sentence in record.message for record in caplog.records if "bot" in record.message].count(True) == 1


async def test_beats_do_not_pile_up_while_nobody_reads(tmp_path: Path) -> None:
    async with fake_bot(tmp_path) as bot, linked(bot, tmp_path) as (link, _):
        for steps in range(1000):
            link.send_event(Beat(steps=steps, busy=True))

        await bot.wait_for(Beat, lambda event: event.steps == 999)

        assert len(bot.heard(Beat)) < 10
