"""Discord is reached through the proxy that the settings or the environment name, and through no other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.startup.flags import Stopped
from bot.startup.proxy import proxy_of
from config.settings import DiscordSettings, Settings
from playground import open_playground
from tests.bot.startup.test_leaving import on_discord, started
from tests.support.patience import until


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("ZIMAGINE_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def settings(**discord: str) -> Settings:
    return Settings(discord=DiscordSettings.model_validate(discord))


@pytest.mark.parametrize(
    ("environment", "discord", "proxy"),
    [
        ({}, {}, None),
        ({"HTTPS_PROXY": "http://me:pw@proxy:3128"}, {}, "http://me:pw@proxy:3128"),
        ({"https_proxy": "proxy:3128"}, {}, "http://proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, {}, None),
        ({"HTTP_PROXY": "http://proxy:3128"}, {"endpoint": "http://relay.example"}, "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "discord.com"}, {}, None),
        ({"HTTP_PROXY": "http://proxy:3128"}, {"endpoint": "http://127.0.0.1:9000"}, None),
        ({"HTTPS_PROXY": "http://other:1"}, {"proxy": "http://proxy:3128"}, "http://proxy:3128/"),
    ],
)
def test_the_settings_proxy_comes_before_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], discord: dict[str, str], proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert proxy_of(settings(**discord)) == proxy


def test_a_proxy_of_another_kind_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy:1080")

    with pytest.raises(Stopped, match="HTTPS_PROXY names a proxy of another kind than http and https"):
        proxy_of(settings())


@asynccontextmanager
async def forwarding(port: int, asked: list[str]) -> AsyncGenerator[str]:
    """A proxy before this port; `asked` is what it hears."""

    forwarded = set[asyncio.Task[None]]()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: list[str]) -> None:
        try:
            while data := await reader.read(2**16):
                heard.append(data.decode("latin-1"))
                writer.write(data)
        finally:
            writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        this = asyncio.current_task()
        assert this is not None
        forwarded.add(this)
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(carry(reader, to_writer, asked), carry(to_reader, writer, []), return_exceptions=True)
        finally:
            await asyncio.gather(writer.wait_closed(), to_writer.wait_closed(), return_exceptions=True)

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in forwarded:
            task.cancel()
        await asyncio.gather(*forwarded, return_exceptions=True)


async def test_requests_and_the_gateway_go_through_it(tmp_path: Path) -> None:
    asked: list[str] = []
    async with (
        open_playground(data=tmp_path / "discord") as playground,
        forwarding(int(playground.url.rsplit(":", 1)[1]), asked) as proxy,
        started(tmp_path, *on_discord(playground.url, playground.token), "--discord.proxy", proxy),
    ):
        await until(lambda: playground.online)

    assert any(heard.startswith(f"GET {playground.url}/api/v10/users/@me ") for heard in asked)
    assert any("encoding=json" in heard for heard in asked)  # the gateway's query
