"""A bot by hand: hears interactions over the gateway and answers with whatever a test wants to send."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from playground import Playground
from playground.world import people
from tests.playground.rest_client import COMMANDS, RestClient, command


class RawBot:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse, rest: RestClient) -> None:
        self._socket = socket
        self.rest = rest

    async def hears(self, event: str = "INTERACTION_CREATE") -> Any:
        """The data of the next such event."""
        async with asyncio.timeout(30):
            async for message in self._socket:
                frame = json.loads(message.data)
                if frame["t"] == event:
                    return frame["d"]
        raise AssertionError("the gateway closed")

    async def answers(self, interaction: Any, kind: int, data: Any = None, **more: Any) -> tuple[int, Any]:
        """Calls back; the answer is (status, JSON)."""
        path = f"/interactions/{interaction['id']}/{interaction['token']}/callback?with_response=1"
        return await self.rest("POST", path, {"type": kind} | ({} if data is None else {"data": data}), **more)

    def hook(self, interaction: Any, rest: str = "") -> str:
        return f"/webhooks/{people.APPLICATION_ID}/{interaction['token']}{rest}"


@asynccontextmanager
async def raw_bot(playground: Playground, *commands: Any) -> AsyncIterator[RawBot]:
    """Online, with the given commands or with /paint."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{playground.url}/gateway") as socket:
        bot = RawBot(socket, RestClient(session, playground))
        await bot.rest("PUT", COMMANDS, list(commands) or [command()])
        await socket.send_json({"op": 2, "d": {"token": playground.token, "intents": 1, "properties": {}}})
        await bot.hears("READY")
        yield bot
