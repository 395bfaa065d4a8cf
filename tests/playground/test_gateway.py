"""Connections that break, sessions that come back, events that wait."""

import json
import zlib
from typing import Any

import aiohttp
import discord
import pytest

from playground import Playground
from tests.playground.guest import MIA, PAINT, at_the_page, becomes, content_is
from tests.playground.rest_client import MESSAGES, rest_client
from tests.playground.small_bot import SmallBot

GUILDS = 1


async def test_a_dropped_connection_is_resumed(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await playground.drop_gateway()
        await mia.hears(lambda event: event["type"] == "bot" and not event["online"])

        await becomes(lambda: bot.resumed)
        await mia.say("/whisper text:back")

        await mia.sees(content_is("back!"))
        assert playground.online


async def test_an_interaction_sent_while_the_bot_was_away_is_replayed(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await playground.drop_gateway()
        assert not playground.online

        await mia.say("/whisper text:while you were out")

        await mia.sees(content_is("while you were out!"))
        assert bot.resumed == 1


async def test_a_request_to_reconnect_is_followed(playground: Playground, bot: SmallBot) -> None:
    await playground.ask_to_reconnect()

    await becomes(lambda: bot.resumed)
    assert playground.online


async def test_an_invalidated_session_identifies_again(playground: Playground, bot: SmallBot) -> None:
    async with at_the_page(playground) as mia:
        await playground.invalidate_sessions()
        await mia.hears(lambda event: event["type"] == "bot" and not event["online"])

        await mia.hears(lambda event: event is mia.events[-1] and event.get("online"))

        await mia.say("/whisper text:anew")
        await mia.sees(content_is("anew!"))
        assert bot.resumed == 0


async def test_what_the_bot_says_of_itself_is_shown_until_it_begins_a_new_session(
    playground: Playground, bot: SmallBot
) -> None:
    async with at_the_page(playground) as mia:
        await bot.change_presence(status=discord.Status.idle)
        await mia.hears(lambda event: event["type"] == "bot" and event["status"] == "idle")

        await playground.invalidate_sessions()
        await mia.hears(lambda event: event is mia.events[-1] and event.get("status") == "offline")

        await mia.hears(lambda event: event is mia.events[-1] and event.get("status") == "online")


class RawGateway:
    """A gateway client by hand."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._inflate = zlib.decompressobj()

    async def hear(self) -> Any:
        message = await self.socket.receive(timeout=30)
        if message.type is aiohttp.WSMsgType.BINARY:
            assert message.data.endswith(b"\x00\x00\xff\xff")
            return json.loads(self._inflate.decompress(message.data))
        if message.type is aiohttp.WSMsgType.TEXT:
            return json.loads(message.data)
        return self.socket.close_code

    async def tell(self, op: int, data: Any) -> Any:
        await self.socket.send_json({"op": op, "d": data})
        return await self.hear()


def identity(playground: Playground, **more: Any) -> dict[str, Any]:
    return {"token": playground.token, "intents": GUILDS, "properties": {}} | more


@pytest.mark.parametrize("query", ["?v=10&encoding=json", "?v=10&encoding=json&compress=zlib-stream"])
async def test_the_handshake_is_that_of_gateway_v10(playground: Playground, query: str) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{playground.url}/gateway{query}") as socket:
        gateway = RawGateway(socket)

        hello = await gateway.hear()
        beat = await gateway.tell(1, None)
        ready = await gateway.tell(2, identity(playground))
        guild = await gateway.hear()

    assert hello["d"]["heartbeat_interval"] == 41250
    assert beat["op"] == 11
    assert (ready["t"], ready["s"], ready["d"]["v"]) == ("READY", 1, 10)
    assert (guild["t"], guild["s"]) == ("GUILD_CREATE", 2)
    assert [channel["name"] for channel in guild["d"]["channels"]] == ["paint", "sketchbook", "quiet-corner"]


@pytest.mark.parametrize(
    ("change", "close_code"),
    [({"token": "wrong"}, 4004), ({"intents": None}, 4013), ({"intents": 1 << 15}, 4014), ({"properties": 1}, 4002)],
)
async def test_a_wrong_identity_is_closed_with(playground: Playground, change: Any, close_code: int) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{playground.url}/gateway") as socket:
        gateway = RawGateway(socket)
        await gateway.hear()

        assert await gateway.tell(2, identity(playground, **change)) == close_code


async def test_an_unknown_session_is_invalid(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{playground.url}/gateway") as socket:
        gateway = RawGateway(socket)
        await gateway.hear()

        answer = await gateway.tell(6, {"token": playground.token, "session_id": "nobody", "seq": 1})

    assert (answer["op"], answer["d"]) == (9, False)


async def test_messages_reach_only_bots_that_asked_and_without_content(playground: Playground) -> None:
    guild_messages = 1 << 9
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{playground.url}/gateway") as socket,
        at_the_page(playground) as mia,
        rest_client(playground) as rest,
    ):
        gateway = RawGateway(socket)
        await gateway.hear()
        await gateway.tell(2, identity(playground, intents=guild_messages))

        await mia.say("a secret")
        theirs = await gateway.hear()
        await rest("POST", MESSAGES, {"content": "my own"})
        own = await gateway.hear()

    assert (theirs["t"], theirs["d"]["content"], theirs["d"]["channel_id"]) == ("MESSAGE_CREATE", "", PAINT)
    assert own["d"]["content"] == "my own"


@pytest.mark.parametrize(
    ("frames", "close_code"),
    [(["no json"], 4002), (["{}"], 4002), (['{"op": 3, "d": {}}'], 4003), (['{"op": 6, "d": {"token": "x"}}'], 4004)],
)
async def test_a_wrong_frame_is_closed_with(playground: Playground, frames: list[str], close_code: int) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{playground.url}/gateway") as socket:
        gateway = RawGateway(socket)
        await gateway.hear()
        for frame in frames:
            await socket.send_str(frame)

        assert await gateway.hear() == close_code


async def test_nobody_identifies_twice_or_talks_too_much(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session:
        presence = {"status": "online", "since": None, "activities": [], "afk": False}
        for op, told, times, code in ((2, identity(playground), 1, 4005), (3, presence, 120, 4008)):
            async with session.ws_connect(f"{playground.url}/gateway") as socket:
                gateway = RawGateway(socket)
                await gateway.hear()
                await gateway.tell(2, identity(playground))
                await gateway.hear()
                for _ in range(times):
                    await socket.send_json({"op": op, "d": told})

                assert await gateway.hear() == code


async def test_a_gateway_that_is_down_takes_nobody(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session:
        async with playground.gateway_down():
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await session.ws_connect(f"{playground.url}/gateway")
        async with session.ws_connect(f"{playground.url}/gateway") as socket:
            assert (await RawGateway(socket).hear())["op"] == 10

    assert playground.turned_away == 1


async def test_an_event_can_be_spoilt_once_and_anything_be_sent(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{playground.url}/gateway") as socket:
        gateway = RawGateway(socket)
        await gateway.hear()
        playground.spoil_next("READY", lambda data: data | {"v": "strange"})
        ready = await gateway.tell(2, identity(playground))
        await gateway.hear()

        await playground.send_event("STRANGE", None)

        assert ready["d"]["v"] == "strange"
        assert (await gateway.hear())["t"] == "STRANGE"


async def test_members_are_told_on_request(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{playground.url}/gateway") as socket:
        gateway = RawGateway(socket)
        await gateway.hear()
        await gateway.tell(2, identity(playground))
        await gateway.hear()

        chunk = await gateway.tell(8, {"guild_id": "1", "user_ids": [MIA], "nonce": "n"})

    assert [member["user"]["global_name"] for member in chunk["d"]["members"]] == ["Mia"]
    assert chunk["d"]["nonce"] == "n"
