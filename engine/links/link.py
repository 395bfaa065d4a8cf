"""From an address to the link that serves it: ws:// on this machine, nats:// or tls:// through a broker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from protocol.messages import Command, EngineHello, Event, Loading

ALONE_FOR = 60.0  # seconds without its bot after which a local engine leaves; one at a broker stays
RETRY = 0.5  # seconds between two attempts to connect of a local engine
BROKER_SCHEMES = ("nats://", "tls://")


class Link(Protocol):
    """The line to the bot, whatever carries it."""

    greeted: bool
    """Whether the bot has answered."""

    def introduce(self, introduction: Loading | EngineHello) -> None:
        """Say who this is, now and after each interruption."""
        ...

    def send_event(self, event: Event) -> None:
        """Send an event, or keep it where it must not be lost."""
        ...

    async def run(self) -> None:
        """Stay linked until no bot has been there for too long."""
        ...


def leads_to_broker(url: str) -> bool:
    """Whether this is the address of a NATS server."""
    return url.startswith(BROKER_SCHEMES)


def make_link(
    url: str,
    *,
    secret_file: Path | None,
    credentials: Path | None,
    ca: Path | None,
    on_command: Callable[[Command], None],
    alone_for: float | None,
    retry: float = RETRY,
) -> Link:
    """The link for this address. Raises ModuleNotFoundError where nats-py is missing (`.[cluster]`)."""
    if leads_to_broker(url):
        from engine.links.broker import BrokerLink
        from protocol.broker import Access

        return BrokerLink(
            access=Access(url=url, credentials=credentials, ca=ca), on_command=on_command, alone_for=alone_for
        )
    from engine.links.websocket import WebSocketLink

    assert secret_file is not None
    patience = ALONE_FOR if alone_for is None else alone_for
    return WebSocketLink(url=url, secret_file=secret_file, on_command=on_command, alone_for=patience, retry=retry)
