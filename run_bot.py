"""Composition root: settings -> ledger -> link and engine -> bot. Only this and `bot/startup/` know all parts."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

import discord
from rich.console import Console
from rich.logging import RichHandler

from bot.client import ImageBot
from bot.jobs.errors import Refusal
from bot.requests.defaults import OwnerSettings
from bot.rest.discord_time import DiscordTime
from bot.service.service import open_service
from bot.startup.commands import run_command
from bot.startup.data_folder import Unusable, data_folder
from bot.startup.departure import Departure
from bot.startup.engines import expect_model, link_engines
from bot.startup.flags import Stopped, parser
from bot.startup.online import check_token, connected, serve
from bot.startup.proxy import proxy_of
from bot.startup.saying import make_folder, say
from bot.storage.database import LedgerUnusable
from bot.storage.retention import Keep, pruning
from config.logs import start_log
from config.settings import Settings
from config.sources import BrokenSetting, read_settings
from playground.launch import PlaygroundAddress, Unlaunched, launched

HOW_TO_START = (
    "No Discord token: make a bot at https://discord.com/developers/applications and set ZIMAGINE_DISCORD__TOKEN to "
    "its token, or start with --playground, which needs none."
)
DAY = 24 * 3600.0  # seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """The process's exit status: 0 well, 1 something said was refused, 2 it cannot run so."""
    status = 2
    try:
        settings, flags = read_settings(parser(), sys.argv[1:] if arguments is None else arguments)
        _start_log(settings)
        status = run_command(settings, flags) if flags.command else asyncio.run(_run(settings, flags))
    except* (BrokenSetting, Unusable, LedgerUnusable, Stopped) as sentences:  # task groups wrap what they let through
        _print_all(sentences)
    except* Unlaunched:
        pass  # the playground has said why
    except* KeyboardInterrupt:
        status = 130
    return status


def _print_all(errors: BaseExceptionGroup[Exception]) -> None:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            _print_all(error)
        else:
            print(error, file=sys.stderr)


def _start_log(settings: Settings) -> None:
    console = Console(stderr=True)
    if console.is_terminal:
        form = "%(name)s  %(message)s"
        handler = RichHandler(console=console, show_path=False, omit_repeated_times=False)
    else:
        form = "%(asctime)s %(levelname)-7s %(name)s  %(message)s"
        handler = logging.StreamHandler()
    token = settings.discord.token
    secrets = () if token is None else (token.get_secret_value(),)
    start_log(handler, form=form, level=settings.log.level.upper(), secrets=secrets)
    # Below INFO the library prints whole interactions: what people wrote, and tokens that are secrets for 15 minutes.
    logging.getLogger("discord").setLevel(max(logging.INFO, logging.root.level))
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # this bot never speaks


async def _run(settings: Settings, flags: argparse.Namespace) -> int:
    departure = Departure(errand=bool(flags.say))
    async with AsyncExitStack() as stack:
        with departure.interrupts():
            return await _work(stack, settings, flags, departure)
        return departure.status


async def _work(stack: AsyncExitStack, settings: Settings, flags: argparse.Namespace, departure: Departure) -> int:
    lines: list[str] = flags.say
    if not flags.playground and (lines or flags.save):
        raise Stopped("--say and --save work with --playground only.")
    if not flags.playground and settings.discord.token is None:
        raise Stopped(HOW_TO_START)
    if flags.save is not None:
        await asyncio.to_thread(make_folder, flags.save)
    data = stack.enter_context(data_folder(settings.data))
    clock = DiscordTime()
    service = await stack.enter_async_context(open_service(data, owner=_owner(settings), wall=clock))
    await stack.enter_async_context(pruning(service.ledger, service.blobs, _keep(settings), wall=time.time))
    proxy = None if flags.playground else proxy_of(settings)
    async with asyncio.TaskGroup() as group:
        group.create_task(expect_model(settings, service))
        if not flags.playground:
            group.create_task(check_token(_token(settings, None), endpoint=_endpoint(settings, None), proxy=proxy))
    place = None
    if flags.playground:
        port = 0 if lines else settings.playground_port
        model = None if service.card is None else service.card.id
        place = await stack.enter_async_context(launched(port=port, data=data / "playground", model=model))
    await link_engines(stack, settings, service, data, departure)
    refusals: list[Refusal] = []
    bot = ImageBot(
        service,
        endpoint=_endpoint(settings, place),
        proxy=proxy,
        on_refusal=lambda _, told: refusals.append(told),
        discord_time=clock,
    )
    connection = await stack.enter_async_context(connected(bot, _token(settings, place)))
    if place is not None and lines:
        return await say(lines, bot, place, save=flags.save, refusals=refusals)
    return await serve(service, connection, place)


def _owner(settings: Settings) -> OwnerSettings:
    defaults, limits = settings.defaults, settings.limits
    return OwnerSettings(
        shape=defaults.shape,
        steps=defaults.steps,
        guidance=defaults.guidance,
        count=defaults.count,
        variety=defaults.variety,
        most_steps=limits.steps,
        per_minute=limits.per_minute,
        per_day=limits.per_day,
        in_flight=limits.in_flight,
        queue=limits.queue,
        least_free=settings.storage.least_free * 2**20,
    )


def _keep(settings: Settings) -> Keep:
    storage = settings.storage
    return Keep(
        rows=storage.keep_jobs * DAY or None,
        pictures=storage.keep_pictures * DAY or None,
        room=storage.pictures * 2**30 or None,
    )


def _endpoint(settings: Settings, place: PlaygroundAddress | None) -> str | None:
    if place is not None:
        return place.url
    return None if settings.discord.endpoint is None else str(settings.discord.endpoint)


def _token(settings: Settings, place: PlaygroundAddress | None) -> str:
    if place is not None:
        return place.token
    assert settings.discord.token is not None
    return settings.discord.token.get_secret_value()


if __name__ == "__main__":
    sys.exit(main())
