"""Whoever ends the process is obeyed, whatever it is doing; and what Discord ends for good is said in a sentence."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import psutil
import pytest

from bot.links.local.address import read_address
from bot.links.local.process import DetachedProcess
from playground import Playground, open_playground
from tests.support.patience import PATIENCE, until

ROOT = Path(__file__).parents[3]
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no settings in the environment."""
    for name in [name for name in os.environ if name.startswith("ZIMAGINE_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
async def playground(tmp_path: Path) -> AsyncIterator[Playground]:
    async with open_playground(data=tmp_path / "discord") as playground:
        yield playground


@asynccontextmanager
async def started(
    folder: Path, *arguments: str, program: Sequence[str] = (str(ROOT / "run_bot.py"),)
) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *program, *arguments,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ends(process: asyncio.subprocess.Process, *numbers: signal.Signals) -> tuple[int, str]:
    """Its status and what it said on stderr, once it has heard these."""
    for number in numbers:
        process.send_signal(number)
    async with asyncio.timeout(PATIENCE):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def on_discord(url: str, token: str = "token") -> list[str]:
    return ["--discord.endpoint", url, "--discord.token", token, "--engine.local", "false"]


@SIGNALS
async def test_a_bot_that_waits_for_an_answer_of_discord_leaves_when_it_is_told_to(
    folder: Path, number: signal.Signals
) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with started(folder, *on_discord(f"http://127.0.0.1:{port}")) as process:
            await asyncio.wait_for(asked.wait(), PATIENCE)

            status, said = await ends(process, number)
        await asyncio.wait_for(gone.wait(), PATIENCE)

    assert status == 0, said
    assert "Traceback" not in said


@SIGNALS
async def test_a_bot_that_waits_for_the_gateway_to_come_back_leaves_when_it_is_told_to(
    folder: Path, playground: Playground, number: signal.Signals
) -> None:
    async with started(folder, *on_discord(playground.url, playground.token)) as process:
        await until(lambda: playground.online)
        async with playground.gateway_down():
            await until(lambda: playground.turned_away > 2)

            status, said = await ends(process, number)

    assert status == 0, said
    assert "Traceback" not in said
    assert said.count("Discord cannot be reached") == 1


@SIGNALS
async def test_an_errand_ends_when_it_is_told_to_and_has_failed(folder: Path, number: signal.Signals) -> None:
    arguments = ["--playground", "--engine.model=starter", "--say", "/imagine prompt:a red star"]
    async with started(folder, *arguments) as process:
        await until((folder / "data" / "engine.json").exists)

        status, said = await ends(process, number)

    assert status == 128 + number, said
    assert "Traceback" not in said
    await until(lambda: not processes_of(folder))


async def test_pressing_ctrl_c_again_and_again_changes_nothing(folder: Path, playground: Playground) -> None:
    async with started(folder, *on_discord(playground.url, playground.token)) as process:
        await until(lambda: playground.online)

        status, said = await ends(process, *[signal.SIGINT] * 5)

    assert status == 0, said
    assert "Traceback" not in said


async def test_a_playground_that_is_still_starting_keeps_nobody(folder: Path) -> None:
    async with started(folder, "--playground", "--playground-port=0", "--engine.local", "false") as process:
        await until(lambda: any("playground" in command for command in commands_of(process.pid)))

        status, said = await ends(process, signal.SIGTERM)

    assert status == 0, said
    assert "Traceback" not in said
    await until(lambda: not processes_of(folder))


async def test_a_ledger_that_cannot_be_opened_yet_keeps_nobody(folder: Path, playground: Playground) -> None:
    (folder / "data").mkdir()
    with closing(sqlite3.connect(folder / "data" / "ledger.db")) as ledger:
        ledger.execute("BEGIN EXCLUSIVE")  # SQLite waits five seconds for it, in a thread that nobody can cancel
        async with started(folder, *on_discord(playground.url, playground.token)) as process:
            await until((folder / "data" / "lock").exists)

            status, said = await ends(process, signal.SIGTERM)

    assert status == 0, said


@SIGNALS
async def test_a_name_server_that_does_not_answer_keeps_nobody(folder: Path, number: signal.Signals) -> None:
    slow = f"""
import pathlib, socket, sys, time
sys.path.insert(0, {str(ROOT)!r})
import run_bot
def ask(*_, **__):
    pathlib.Path("asked").touch()
    time.sleep(600)  # in a thread that nobody can cancel
socket.getaddrinfo = ask
sys.exit(run_bot.main())
"""
    async with started(folder, *on_discord("http://discord.example"), program=("-c", slow)) as process:
        await until((folder / "asked").exists)

        status, said = await ends(process, number)

    assert status == 0, said
    assert "Traceback" not in said


async def test_a_token_that_discord_does_not_know_is_one_sentence(folder: Path, playground: Playground) -> None:
    async with started(folder, *on_discord(playground.url, "strange")) as process:
        status, said = await ends(process)

    assert status == 2
    assert said.splitlines()[-1].startswith("Discord does not know this token.")
    assert "Traceback" not in said


async def test_a_token_that_discord_does_not_know_is_said_before_an_engine_is_started(
    folder: Path, playground: Playground
) -> None:
    arguments = [*on_discord(playground.url, "strange"), "--engine.local=true", "--engine.model=starter"]
    async with started(folder, *arguments) as process:
        status, said = await ends(process)

    assert status == 2, said
    assert said.strip().splitlines()[-1].startswith("Discord does not know this token.")
    assert not (folder / "data" / "engine.json").exists()


@pytest.mark.parametrize(
    ("code", "word"),
    [(4004, "token"), (4010, "shard"), (4011, "shards"), (4012, "version"), (4013, "intents"), (4014, "intent")],
)
async def test_a_close_of_the_gateway_for_good_is_one_sentence(
    folder: Path, playground: Playground, code: int, word: str
) -> None:
    async with started(folder, *on_discord(playground.url, playground.token)) as process:
        await until(lambda: playground.online)
        await playground.drop_gateway(code=code)

        status, said = await ends(process)

    assert status == 2, said
    assert word in said.splitlines()[-1]
    assert "Traceback" not in said


async def test_the_engine_of_a_bot_that_discord_shuts_out_is_left_to_the_next_one(
    folder: Path, playground: Playground
) -> None:
    arguments = [*on_discord(playground.url, playground.token), "--engine.local=true", "--engine.model=starter"]
    async with started(folder, *arguments) as process:
        await until(lambda: playground.online)
        await until((folder / "data" / "engine.json").exists)
        address = await asyncio.to_thread(read_address, folder / "data" / "engine.json")
        await playground.drop_gateway(code=4014)

        await ends(process)

    assert address is not None
    assert address.pid is not None
    engine = DetachedProcess(address.pid, str(folder))
    assert engine.is_alive()
    engine.kill()
    await until(lambda: not processes_of(folder))


def processes_of(folder: Path) -> list[int]:
    """Ids of processes with this folder in their command line."""
    return [one.pid for one in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(one.info["cmdline"] or [])]


def commands_of(pid: int) -> list[str]:
    """The command lines of its children."""
    return [" ".join(child.cmdline()) for child in psutil.Process(pid).children() if child.is_running()]
