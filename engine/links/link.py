"""From an address to the link that serves it: ws:// on this machine, nats:// or tls:// through a broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from protocol.messages import Command, EngineHello, Event, Loading

ALONE_FOR = 60.0  # seconds without its bot after which a local engine leaves; one at a broker stays
RETRY = 0.5  # seconds between two dials of a local engine
BROKER_SCHEMES = ("nats://", "tls://")


class Link(Protocol):
    """The line to the bot, whatever carries it."""

    greeted: bool
    """Whether the bot has answered."""

    def introduce(self, introduction: Loading | EngineHello) -> None:
        """Say who this is, now and after each interruption."""
        ...

    def say(self, event: Event) -> None:
        """Send an event, or keep it where it must not be lost."""
        ...

    async def run(self) -> None:
        """Stay linked until no bot has been there for too long."""
        ...


def leads_to_broker(url: str) -> bool:
    """Whether this is the address of a NATS server."""
    return url.startswith(BROKER_SCHEMES)


def dial(
    url: str,
    *,
    secret_file: Path | None,
    credentials: Path | None,
    ca: Path | None,
    hear: Callable[[Command], None],
    alone_for: float | None,
    retry: float = RETRY,
) -> Link:
    """The link for this address. Raises ModuleNotFoundError where nats-py is missing (`.[cluster]`)."""
    if leads_to_broker(url):
        from engine.links.broker import NatsLink
        from protocol.broker import Access

        return NatsLink(access=Access(url=url, credentials=credentials, ca=ca), hear=hear, alone_for=alone_for)
    from engine.links.websocket import LocalLink

    assert secret_file is not None
    patience = ALONE_FOR if alone_for is None else alone_for
    return LocalLink(url=url, secret_file=secret_file, hear=hear, alone_for=patience, retry=retry)
