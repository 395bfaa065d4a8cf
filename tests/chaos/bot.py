"""The bot as a process of its own, with the same parts as run_bot.py but for the engine, which others start.

`--forgetful` takes idempotency away, for the run that must fail; `--points` lets a test end it at a named point.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import threading
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import discord

import run_bot
from bot.client import ImageBot
from bot.delivery import delivery
from bot.delivery.edit_limits import EditLimits
from bot.delivery.sender import Drawing, Location, MessageRef, Sender
from bot.links.broker.link import broker_link
from bot.links.local.websocket import LocalLink
from bot.queue.engine_events import EngineEvents
from bot.requests.defaults import OwnerSettings
from bot.service.service import open_service
from bot.startup.data_folder import data_folder
from config.settings import LogSettings, Settings
from protocol.broker import Access
from tests.chaos.points import Trap, watch

ROOMY = OwnerSettings(per_minute=10_000, per_day=100_000, in_flight=10_000, queue=10_000)
# A hundred endings in one minute and one channel are more than the product's limits let through.
BRISK = EditLimits(gap=1.0, first=0.5, per_minute=10_000, retry=0.2)
SECRET = "chaos"


class ForgetfulSender(Sender):
    """Sends as most bots do: no nonce, and no look whether an earlier try has arrived."""

    async def send(self, ref: MessageRef, drawing: Drawing, *, since: float) -> Location | None:
        nameless: Any = None  # what becomes the nonce
        unnamed = MessageRef(job=nameless, channel=ref.channel, message=None, token=None)
        return await super().send(unnamed, drawing, since=since)

    async def _sent_before(self, channel: discord.PartialMessageable, job: str, since: float) -> int | None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--data", required=True, type=Path)
    engines = parser.add_mutually_exclusive_group(required=True)
    engines.add_argument("--port", type=int, help="of this machine, for engines that dial it")
    engines.add_argument("--broker", help="the address of one")
    parser.add_argument("--creds", type=Path, help="with --broker")
    parser.add_argument("--forgetful", action="store_true")
    parser.add_argument("--debug", action="store_true", help="log everything, as run_bot.py does at this level")
    parser.add_argument("--points", type=Path, help="folder of the trap")
    options = parser.parse_args()
    if options.forgetful:
        delivery.Sender = ForgetfulSender
    if not options.debug:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s.%(msecs)03d %(message)s", datefmt="%H:%M:%S")
    else:
        run_bot._start_log(Settings(log=LogSettings(level="debug")))
    if options.points is not None:
        watch(Trap(options.points).passing)
    threading.Thread(target=_until_orphaned, daemon=True).start()
    asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> None:
    with data_folder(options.data) as data:
        async with open_service(data, owner=ROOMY) as service, _linked(service.dispatcher.engine_events, options):
            client = ImageBot(service, endpoint=options.url, edit_limits=BRISK, guild_ready_timeout=0.1)
            async with client:
                await client.start(options.token)


def _linked(events: EngineEvents, options: argparse.Namespace) -> AbstractAsyncContextManager[object]:
    """The way to the engines."""
    if options.broker is None:
        return LocalLink(events, secret=SECRET, build="chaos", port=options.port)
    access = Access(url=options.broker, credentials=options.creds)
    return broker_link(events, access=access, build="chaos", parts=options.data / "parts")


def _until_orphaned() -> None:
    """Ends with the process that started it, whose end of the pipe is its standard input."""
    while sys.stdin.buffer.read(1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
