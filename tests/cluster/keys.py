"""A broker with the configuration that `cluster-config` writes, and who sits at it with which key."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.links.broker.config import write_config
from bot.links.broker.link import broker_link
from bot.service.service import open_service
from protocol.broker import Access
from tests.support.broker import Broker, broker
from tests.support.fake_engine import FakeEngine, Script
from tests.support.ports import free_port
from tests.support.stage import ROOMY, Stage


@asynccontextmanager
async def guarded(
    folder: Path, *, engines: int = 2, tls: str = "", without: str | None = None
) -> AsyncGenerator[Broker, None]:
    """A server with the written configuration, on a free port; `without` the right to a subject."""
    file = write_config(folder, engines=engines)
    port = free_port()
    text = file.read_text().replace('"0.0.0.0:4222"', f'"127.0.0.1:{port}"')
    if without is not None:
        assert f'"{without}"' in text
        text = text.replace(f'"{without}"', '"of.an.older.version"')
    file.write_text(text + tls)
    async with broker(folder, config=file, port=port) as server:
        yield server


@asynccontextmanager
async def bot_at(server: Broker, folder: Path, access: Access) -> AsyncGenerator[Stage, None]:
    data = folder / "data"
    data.mkdir()
    async with (
        open_service(data, owner=ROOMY, grace=0.3) as service,
        broker_link(service.dispatcher.engine_events, access=access, build="test", parts=data / "parts"),
    ):
        yield Stage(data=data, service=service, link=None, url=server.url)  # type: ignore[arg-type]


def engine_with(server: Broker, creds: Path, name: str = "fake") -> FakeEngine:
    return FakeEngine(url=server.url, name=name, credentials=creds, script=Script(step_seconds=0.02))
