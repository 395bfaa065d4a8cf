"""How the bot comes by its engines: those at the broker, the one of this machine, or both."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bot.links.local.command import engine_command
from bot.links.local.engine_process import local_engine
from bot.service.service import JobService
from bot.startup.commands import NO_CLUSTER
from bot.startup.departure import Departure
from bot.startup.flags import BUILD, Stopped
from config.settings import ClusterSettings, Settings
from protocol.card import ModelCard

if TYPE_CHECKING:
    from protocol.broker import Access


async def link_engines(
    stack: AsyncExitStack, settings: Settings, service: JobService, data: Path, departure: Departure
) -> None:
    """Engines at the broker, the engine of this machine, or both."""
    chosen = settings.cluster
    if chosen.url is not None:
        access = _access(chosen.url, chosen)
        from bot.links.broker.link import broker_link

        at_broker = broker_link(service.dispatcher.engine_events, access=access, build=BUILD, parts=data / "parts")
        await stack.enter_async_context(at_broker)
    if _is_local(settings):
        model = service.models.first(settings.engine.model)
        engine = await stack.enter_async_context(
            local_engine(
                service.dispatcher,
                data=data,
                command=engine_command(**settings.engine.model_dump(exclude={"local", "model", "models"})),
                model=model,
                build=BUILD,
            )
        )
        service.models.attach(engine, configured=settings.engine.model, folder=settings.engine.models)
        stack.push_async_callback(departure.leave, engine)


def _is_local(settings: Settings) -> bool:
    """Whether this machine has an engine of ours."""
    return settings.engine.local or (settings.engine.local is None and settings.cluster.url is None)


async def expect_model(settings: Settings, service: JobService) -> None:
    """Offer what the model of this machine can do before it is loaded. What was learned of it before is more."""
    if not _is_local(settings) or (settings.cluster.url is not None and service.card is not None):
        return
    chosen = settings.engine
    words = ["--model", service.models.first(chosen.model), "--device", chosen.device, "--base", chosen.base]
    words += ["--text-encoder", str(chosen.text_encoder)] if chosen.text_encoder else []
    words += ["--vae", str(chosen.vae)] if chosen.vae else []
    command = [sys.executable, "-m", "engine.card", *words]
    told = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
    if not told.stdout:  # the engine will say why, where something is wrong with the model
        return
    card = msgspec.json.decode(told.stdout, type=ModelCard)
    if service.card is None or service.card.id != card.id:
        service.engines.expect(card)


def _access(url: str, chosen: ClusterSettings) -> Access:
    """How to be at the broker. Raises Stopped where something for it is missing."""
    try:
        from protocol.broker import Access, BrokenCredentials, seat_of
    except ModuleNotFoundError as error:
        raise Stopped(NO_CLUSTER) from error
    access = Access(url=url, credentials=chosen.credentials, ca=chosen.ca)
    try:
        seat_of(access)
    except BrokenCredentials as error:
        raise Stopped(str(error)) from error
    if chosen.ca is not None and not chosen.ca.is_file():
        raise Stopped(f"{chosen.ca} is no file with certificates.")
    return access
