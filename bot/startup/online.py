"""The bot on Discord: let in, at work, and shut out in one sentence."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import NoReturn

import aiohttp
import discord

from bot.client import ImageBot, api_at
from bot.jobs.events import EngineState
from bot.service.service import JobService
from bot.startup.flags import BUILD, Stopped
from playground.launch import PlaygroundAddress

NOT_KNOWN = (
    "Discord does not know this token. It is the one of the page Bot of your application at "
    "https://discord.com/developers/applications; where it is lost, Reset Token there gives a new one."
)
TOKEN_CHECK = 5.0  # seconds that the start waits for Discord's word on the token; without it the bot goes on
# Closes after which nobody may come back: https://docs.discord.com/developers/topics/opcodes-and-status-codes
FATAL_CLOSES = {
    4004: NOT_KNOWN,
    4010: "Discord does not know the shard that this bot says it is; start it again.",
    4011: "Discord wants this bot to come in more shards; start it again, and it asks how many.",
    4012: "Discord no longer speaks this version of its gateway; install a newer version of this program.",
    4013: "Discord does not know the intents that this version asks for; install a newer version of this program.",
    4014: "Discord does not grant this application the intent Guilds; see its page at "
    "https://discord.com/developers/applications.",
}
GOODBYE = 0.8  # seconds for Discord's end of the line to say goodbye too


async def check_token(token: str, *, endpoint: str | None, proxy: str | None) -> None:
    """Before a model is loaded for nothing. Raises Stopped where Discord does not know the token."""
    headers = {"Authorization": f"Bot {token}"}
    with suppress(aiohttp.ClientError, OSError, TimeoutError):  # the bot waits for that to pass, and says so
        async with (
            asyncio.timeout(TOKEN_CHECK),
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{api_at(endpoint)}/users/@me", proxy=proxy) as answer,
        ):
            if answer.status == 401:
                raise Stopped(NOT_KNOWN)


@asynccontextmanager
async def connected(bot: ImageBot, token: str) -> AsyncGenerator[asyncio.Task[None], None]:
    """The running connection of a bot that is online. Raises Stopped where Discord does not let it in."""
    connection = asyncio.create_task(bot.start(token), name="discord")
    online = asyncio.create_task(bot.wait_until_ready(), name="online")
    try:
        await asyncio.wait({connection, online}, return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            _explain_end(connection)
        yield connection
    finally:
        online.cancel()
        if not bot.is_ready():  # else what is just being set up would find its session closed
            connection.cancel()
            await asyncio.wait({connection}, timeout=GOODBYE)
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await bot.close()
        connection.cancel()
        await asyncio.wait({connection})


def _explain_end(connection: asyncio.Task[None]) -> NoReturn:
    """Raises Stopped with the reason why a connection that should last has ended."""
    try:
        connection.result()
    except discord.LoginFailure:
        raise Stopped(NOT_KNOWN) from None
    except discord.ConnectionClosed as error:
        raise Stopped(FATAL_CLOSES.get(error.code, f"Discord has closed the connection ({error.code}).")) from error
    raise Stopped("Discord has closed the connection.")


async def serve(service: JobService, connection: asyncio.Task[None], place: PlaygroundAddress | None) -> NoReturn:
    """Until it is cancelled. Raises Stopped where Discord ends it."""
    # What is loaded by now stays: looking through it for garbage again and again held everybody up, 20 to 70 ms a time.
    gc.freeze()
    print(f"Zimagine {BUILD} is online" + (f": open {place.url}" if place else "."), flush=True)
    telling = asyncio.create_task(_tell_of_painters(service), name="painters")
    try:
        await asyncio.wait({connection})
        _explain_end(connection)
    finally:
        telling.cancel()


async def _tell_of_painters(service: JobService) -> None:
    """Says what became of each engine, as often as that changes; while one fails again and again, once."""
    told = set[str]()
    with service.subscribe(EngineState) as events:
        while True:
            lines = dict[str, str]()
            engines = service.engines.views()
            for engine in engines:
                words = engine.problem or " on ".join(word for word in (engine.name, engine.device) if word)
                lines[f"Painter {'does not load' if engine.problem else engine.state}: {words}"] = engine.notice
            for line in [line for line in lines if line not in told]:
                print(line, lines[line], sep="\n" if lines[line] else "", flush=True)
            told = lines.keys() | (told if all(engine.state == "loading" for engine in engines) else set[str]())
            await anext(events)
