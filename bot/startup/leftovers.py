"""`clear-commands`: takes away what an earlier program of the same application left in one server under our names."""

from __future__ import annotations

import aiohttp
import discord
from discord.http import Route

from bot.client import api_at
from bot.startup.flags import Stopped
from bot.startup.proxy import proxy_of
from config.settings import Settings

CHAT_INPUT = 1  # the type of a command where none is given


async def clear_commands(settings: Settings, server: int) -> int:
    """Remove the server's commands that have the name of one for all servers; the exit status. Raises Stopped."""
    if settings.discord.token is None:
        raise Stopped("clear-commands needs the bot's token in ZIMAGINE_DISCORD__TOKEN.")
    Route.BASE = api_at(None if settings.discord.endpoint is None else str(settings.discord.endpoint))
    async with discord.Client(intents=discord.Intents.none(), proxy=proxy_of(settings)) as client:
        try:
            await client.login(settings.discord.token.get_secret_value())
            gone = await _clear(client, server)
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Stopped(f"The commands of server {server} cannot be cleared: {error}.") from error
    print(f"Removed from server {server}: {', '.join(gone)}." if gone else f"Server {server} has nothing to remove.")
    return 0


async def _clear(client: discord.Client, server: int) -> list[str]:
    application = client.application_id
    assert application is not None  # logged in
    ours = {(one.get("type", CHAT_INPUT), one["name"]) for one in await client.http.get_global_commands(application)}
    gone = list[str]()
    for one in await client.http.get_guild_commands(application, server):
        if (one.get("type", CHAT_INPUT), one["name"]) in ours:
            await client.http.delete_guild_command(application, server, int(one["id"]))
            gone.append(one["name"])
    return gone
