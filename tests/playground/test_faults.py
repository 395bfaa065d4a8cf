"""Things that go wrong on purpose, and the limits of requests."""

import asyncio
import logging

import aiohttp
import discord
import pytest

from playground import Playground, RateLimits
from playground.world.rules import Rules
from tests.playground.guest import at_the_page, content_is
from tests.playground.rest_client import MESSAGES, V2, rest_client, text
from tests.playground.small_bot import SmallBot


async def test_a_refused_request_changes_nothing(playground: Playground) -> None:
    fault = playground.faults.refuse("/messages", method="POST", times=2, status=500)
    async with rest_client(playground) as rest:
        statuses = [(await rest("POST", MESSAGES, {"content": f"{n}"}))[0] for n in range(3)]
        _, messages = await rest("GET", MESSAGES)

    assert statuses == [500, 500, 200]
    assert fault.hits == 2
    assert [message["content"] for message in messages] == ["2"]


async def test_a_lost_answer_leaves_its_effect(playground: Playground) -> None:
    playground.faults.lose_answer("/messages", method="POST")
    async with rest_client(playground) as rest:
        with pytest.raises(aiohttp.ClientError):
            await rest("POST", MESSAGES, {"content": "there"})
        _, messages = await rest("GET", MESSAGES)

    assert [message["content"] for message in messages] == ["there"]


async def test_a_reset_connection_has_no_effect(playground: Playground) -> None:
    playground.faults.reset("/messages", method="POST")
    async with rest_client(playground) as rest:
        with pytest.raises(aiohttp.ClientError):
            await rest("POST", MESSAGES, {"content": "gone"})
        _, messages = await rest("GET", MESSAGES)

    assert messages == []


@pytest.mark.parametrize("path", [f"/api/v10{MESSAGES}", "/page/say"])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
async def test_a_client_that_dies_in_the_middle_of_an_upload_is_no_error(
    playground: Playground, caplog: pytest.LogCaptureFixture, path: str, kind: str
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: 100000\r\n\r\n"
    part = b'--x\r\nContent-Disposition: form-data; name="files[0]"; filename="a.png"\r\n\r\n'
    _, writer = await asyncio.open_connection("127.0.0.1", playground.port)
    writer.write(head.encode() + part + b"half of it")
    await asyncio.sleep(0.1)  # it is being read

    with caplog.at_level(logging.ERROR):
        writer.transport.abort()
        await writer.wait_closed()
        async with rest_client(playground) as rest:
            await rest("GET", MESSAGES)

    assert [record.getMessage() for record in caplog.records] == []


async def test_a_delayed_request_arrives_in_the_end(playground: Playground) -> None:
    playground.faults.delay("/messages", 0.2, method="POST")
    loop = asyncio.get_running_loop()
    async with rest_client(playground) as rest:
        before = loop.time()
        status, _ = await rest("POST", MESSAGES, {"content": "slow"})

    assert status == 200
    assert loop.time() - before >= 0.2


async def test_the_library_waits_out_a_rate_limit(playground: Playground, bot: SmallBot) -> None:
    fault = playground.faults.rate_limit("/callback", retry_after=0.1)
    async with at_the_page(playground) as mia:
        await mia.say("/whisper text:patient")

        await mia.sees(content_is("patient!"))
        assert fault.hits == 1


@pytest.mark.parametrize("rules", [Rules(rate_limits=RateLimits(channel_messages=(2, 0.4)))])
async def test_a_channel_takes_so_many_messages_and_no_more(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        first = await rest("POST", MESSAGES, {"content": "1"})
        told = dict(rest.answer_headers)
        await rest("POST", MESSAGES, {"content": "2"})
        status, answer = await rest("POST", MESSAGES, {"content": "3"})
        refused = dict(rest.answer_headers)
        await asyncio.sleep(answer["retry_after"])
        last = await rest("POST", MESSAGES, {"content": "4"})

    assert first[0] == last[0] == 200
    assert (told["X-RateLimit-Limit"], told["X-RateLimit-Remaining"]) == ("2", "1")
    assert status == 429
    assert not answer["global"]
    assert refused["Via"]
    assert float(refused["Retry-After"]) <= 0.4


@pytest.mark.parametrize("rules", [Rules(rate_limits=RateLimits(channel_messages=(2, 0.3)))])
async def test_the_library_paces_itself_by_the_headers(playground: Playground, bot: SmallBot) -> None:
    channel = bot.get_partial_messageable(int(MESSAGES.split("/")[2]))
    sent = [await channel.send(f"{n}") for n in range(5)]

    async with rest_client(playground) as rest:
        _, messages = await rest("GET", MESSAGES)

    assert [message.content for message in sent] == [message["content"] for message in reversed(messages)]


async def test_the_library_says_what_was_refused(playground: Playground, bot: SmallBot) -> None:
    channel = bot.get_partial_messageable(int(MESSAGES.split("/")[2]))

    with pytest.raises(discord.HTTPException) as refused:
        await channel.send("x" * 2001)

    assert refused.value.code == 50035
    assert "Must be 2000 or fewer in length" in str(refused.value)


@pytest.mark.parametrize("rules", [Rules(harmful_links=("https://evil.example",))])
async def test_a_message_with_a_harmful_link_is_refused(playground: Playground) -> None:
    async with rest_client(playground) as rest:
        plain, _ = await rest("POST", MESSAGES, {"content": "https://good.example"})
        status, answer = await rest("POST", MESSAGES, {"content": "see https://evil.example/x"})
        hidden, _ = await rest("POST", MESSAGES, {"flags": V2, "components": [text("https://evil.example")]})

    assert (plain, status, answer["code"], hidden) == (200, 400, 240000, 400)


async def test_a_fault_can_be_for_heavy_requests_alone(playground: Playground) -> None:
    playground.faults.refuse("/messages", method="POST", times=9, status=413, code=40005, over=100)
    async with rest_client(playground) as rest:
        light, _ = await rest("POST", MESSAGES, {"content": "x"})
        heavy, _ = await rest("POST", MESSAGES, {"content": "x" * 100})

    assert (light, heavy) == (200, 413)
