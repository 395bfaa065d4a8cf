"""How the bot comes by its engines: those at the broker, the one of this machine, or both."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bot.jobs.service import JobService
from bot.links.command import engine_command
from bot.links.embedded import embedded_engine
from bot.startup.commands import NO_CLUSTER
from bot.startup.departure import Departure
from bot.startup.flags import BUILD, Stopped
from config.settings import ClusterSettings, Settings

if TYPE_CHECKING:
    from engine.cluster import Access


async def link_engines(
    stack: AsyncExitStack, settings: Settings, service: JobService, data: Path, departure: Departure
) -> None:
    """Engines at the broker, the engine of this machine, or both."""
    chosen = settings.cluster
    if chosen.url is not None:
        access = _access(chosen.url, chosen)
        from bot.links.nats import broker_link

        at_broker = broker_link(service.dispatcher, access=access, build=BUILD, parts=data / "parts")
        await stack.enter_async_context(at_broker)
    if settings.engine.local or (settings.engine.local is None and chosen.url is None):
        engine = await stack.enter_async_context(
            embedded_engine(
                service.dispatcher,
                data=data,
                command=engine_command(**settings.engine.model_dump(exclude={"local", "model", "models"})),
                model=service.models.first(settings.engine.model),
                build=BUILD,
            )
        )
        service.models.attach(engine, configured=settings.engine.model, folder=settings.engine.models)
        stack.push_async_callback(departure.leave, engine)


def _access(url: str, chosen: ClusterSettings) -> Access:
    """How to be at the broker. Raises Stopped where something for it is missing."""
    try:
        from engine.cluster import Access, BrokenCredentials, seat_of
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
