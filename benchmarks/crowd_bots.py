"""The two bots that `benchmarks.crowd` asks, each as a process of its own.

python -m benchmarks.crowd_bots bare|ours --url URL --data FOLDER --port PORT
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from benchmarks.lean_discord import TOKEN
from bot.client import ImageBot
from bot.links.local.websocket import LocalLink
from bot.requests.defaults import OwnerSettings
from bot.service.service import open_service
from bot.startup.data_folder import data_folder
from bot.startup.online import connected, serve
from config.logs import start_log

SECRET = "secret"  # of an engine on this machine, for as long as it is measured
ROOMY = OwnerSettings(per_minute=10**6, per_day=10**6, queue=10**6, least_free=2**20)  # in_flight as it ships


class Bare(discord.Client):
    """What the library's own examples do: one command that answers with one line."""

    def __init__(self, url: str) -> None:
        Route.BASE = f"{url}/api/v10"
        super().__init__(intents=discord.Intents(guilds=True), max_messages=None, chunk_guilds_at_startup=False)
        self._tree = app_commands.CommandTree(self)

    async def setup_hook(self) -> None:
        _, gateway, _ = await self.http.get_bot_gateway()
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)

        @self._tree.command(description="Answers")
        async def imagine(interaction: discord.Interaction[Any], prompt: str) -> None:
            await interaction.response.send_message(f"You said: {prompt}")

        await self._tree.sync()


async def _serve_ours(url: str, data: Path, port: int) -> None:
    """All parts of run_bot.py, but the engine, which the benchmark paces."""
    with data_folder(data):
        (data / "engine.json").write_text(json.dumps({"secret": SECRET}), "utf-8")
        async with (
            open_service(data, owner=ROOMY) as service,
            LocalLink(service.dispatcher.engine_events, secret=SECRET, build="benchmark", port=port),
            connected(ImageBot(service, endpoint=url, guild_ready_timeout=0.1), TOKEN) as connection,
        ):
            await serve(service, connection, None)


async def _serve_bare(url: str) -> None:
    async with Bare(url) as bot:
        await bot.start(TOKEN)


def main() -> None:
    """Until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("bare", "ours"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    chosen = parser.parse_args()
    start_log(logging.StreamHandler(sys.stderr), form="%(asctime)s %(name)s %(message)s", level=logging.INFO)
    asyncio.run(_serve_bare(chosen.url) if chosen.kind == "bare" else _serve_ours(chosen.url, chosen.data, chosen.port))


if __name__ == "__main__":
    main()
