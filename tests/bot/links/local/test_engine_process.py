"""The engine on this machine outlives the bot, is found again, restarted when it dies and ended on request."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from bot.jobs.events import Stepped
from bot.jobs.states import JobState
from bot.links.local import engine_process
from bot.links.local.address import Address, read_address, write_address
from bot.links.local.command import CommandFor
from bot.links.local.engine_process import EngineProcess, local_engine
from bot.links.local.process import DetachedProcess
from bot.requests.draft import RequestDraft
from bot.service.service import JobService, open_service
from tests.support.stage import ANNA, ROOMY, until

ROOT = Path(__file__).parents[4]


@dataclass
class Bot:
    """A bot's core with its own engine."""

    service: JobService
    engine: EngineProcess

    def problems(self) -> list[str | None]:
        return [view.problem for view in self.service.engines.views()]

    async def ready(self) -> None:
        await until(lambda: self.service.engine_ready, within=30)


def fake(*options: str) -> CommandFor:
    def command(url: str, secret_file: Path, model: str) -> Sequence[str]:
        words = [sys.executable, "-m", "tests.support.fake_engine", "--url", url, "--secret-file", str(secret_file)]
        words += ["--model", model]
        return [*words, *options]

    return command


@asynccontextmanager
async def bot(data: Path, command: CommandFor | None = None) -> AsyncGenerator[Bot, None]:
    async with (
        open_service(data, owner=ROOMY, grace=0.3, adoption=5.0) as service,
        local_engine(
            service.dispatcher, data=data, command=command or fake(), model="fake", build="test", heartbeat=5.0
        ) as engine,
    ):
        yield Bot(service, engine)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder whose engine does not outlive the test."""
    monkeypatch.chdir(ROOT)
    yield tmp_path
    address = read_address(tmp_path / "engine.json")
    if address is not None and address.pid is not None:
        DetachedProcess(address.pid, str(tmp_path)).kill()
        with suppress(ChildProcessError):
            os.waitpid(address.pid, 0)


def pid_in(data: Path) -> int:
    address = read_address(data / "engine.json")
    assert address is not None
    assert address.pid is not None
    return address.pid


async def test_the_first_bot_starts_an_engine_and_keeps_the_secret_to_its_owner(data: Path) -> None:
    async with bot(data) as first:
        assert not first.service.engine_ready
        await first.ready()

        address = read_address(data / "engine.json")
        assert address is not None
        assert address.port == first.engine.link.port
        assert len(address.secret) >= 32
        assert stat.S_IMODE((data / "engine.json").stat().st_mode) == 0o600
        await first.engine.stop()


async def test_people_can_see_that_the_engine_comes_up(data: Path) -> None:
    async with bot(data, fake("--load-seconds", "0.5")) as first:
        await until(lambda: any(view.state == "loading" for view in first.service.engines.views()))
        await first.ready()

        assert [view.state for view in first.service.engines.views()] == ["ready"]
        await first.engine.stop()


async def test_a_restarted_bot_adopts_the_living_engine_and_its_running_job(data: Path) -> None:
    command = fake("--step-seconds", "0.2")
    async with bot(data, command) as first:
        await first.ready()
        request = first.service.composer.complete(RequestDraft(prompt="a star"), ANNA)
        job = await first.service.submit(request, by=ANNA, origin="one")
        with first.service.subscribe() as events:
            while not isinstance(await anext(events), Stepped):
                pass
    pid = pid_in(data)

    async with bot(data, command) as second:
        await second.ready()
        await until(lambda: second.service.position(job.id) is None, within=30)

        ended = await second.service.job(job.id)
        assert ended.state is JobState.RENDERED
        assert (await second.service.ledger.jobs.events(job.id)).count("running") == 1
        assert second.engine.starts == 0
        assert pid_in(data) == pid
        await second.engine.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system tells of no process but by its number")
async def test_an_engine_of_which_no_number_was_written_down_is_found_and_adopted(data: Path) -> None:
    async with bot(data) as first:
        await first.ready()
        pid = pid_in(data)
    address = read_address(data / "engine.json")
    assert address is not None
    write_address(data / "engine.json", msgspec.structs.replace(address, pid=None))  # it died just before

    async with bot(data) as second:
        await second.ready()

        assert second.engine.starts == 0
        assert pid_in(data) == pid
        await second.engine.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system tells of no process but by its number")
@pytest.mark.parametrize("damage", ["", "{", '{"port": 70000, "secret": "x"}', '{"port": 0, "secret": "x", "pid": -1}'])
async def test_beside_an_engine_that_cannot_be_reached_any_more_no_second_one_stays(data: Path, damage: str) -> None:
    async with bot(data) as first:
        await first.ready()
        old = first.engine.process
    assert old is not None
    (data / "engine.json").write_text(damage)

    async with bot(data) as second:
        await second.ready()

        assert second.engine.starts == 1
        with suppress(ChildProcessError):  # the test is its parent, and nobody else waits for it
            await until(lambda: os.waitpid(old.pid, os.WNOHANG)[0] == old.pid, within=20)  # by itself it stays 60 s
        assert [one.pid for one in DetachedProcess.living(str(data / "engine.json"))] == [pid_in(data)]
        await second.engine.stop()


async def test_an_engine_that_died_is_started_again(data: Path) -> None:
    async with bot(data) as first:
        await first.ready()
        pid = pid_in(data)

        os.kill(pid, signal.SIGKILL)
        await until(lambda: not first.service.engine_ready)
        await first.ready()

        assert first.engine.starts == 2
        assert pid_in(data) != pid
        await first.engine.stop()


async def test_an_engine_that_dies_while_the_disk_is_full_is_started_again_and_its_address_kept_when_there_is_room(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = False

    def write(file: Path, address: Address) -> None:
        if full:
            raise OSError("no space left on device")
        write_address(file, address)

    monkeypatch.setattr(engine_process, "write_address", write)
    async with bot(data) as first:
        await first.ready()
        full = True
        for _ in range(2):
            assert first.engine.process is not None
            pid = first.engine.process.pid
            os.kill(pid, signal.SIGKILL)
            await until(lambda pid=pid: first.engine.process is not None and first.engine.process.pid != pid)
            await first.ready()
        full = False
        await until(lambda: pid_in(data) == first.engine.process.pid)  # type: ignore[union-attr]

        assert first.engine.starts == 3
        await first.engine.stop()


async def test_an_adopted_engine_that_died_is_started_again(data: Path) -> None:
    async with bot(data) as first:
        await first.ready()
    pid = pid_in(data)

    async with bot(data) as second:
        await second.ready()
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(os.waitpid, pid, 0)
        await until(lambda: not second.service.engine_ready)
        await second.ready()

        assert second.engine.starts == 1
        await second.engine.stop()


async def test_an_engine_with_other_options_is_replaced(data: Path) -> None:
    async with bot(data) as first:
        await first.ready()
    old = pid_in(data)

    async with bot(data, fake("--step-seconds", "0.01")) as second:
        await until(lambda: second.engine.starts == 1)
        await asyncio.to_thread(os.waitpid, old, 0)
        await second.ready()

        assert pid_in(data) != old
        await second.engine.stop()


async def test_stop_ends_the_engine_and_forgets_it(data: Path) -> None:
    async with bot(data) as first:
        await first.ready()
        process = first.engine.process
        assert process is not None

        await first.engine.stop()

        assert not process.is_alive()
        address = read_address(data / "engine.json")
        assert address is not None
        assert address.pid is None


async def test_a_frozen_engine_keeps_no_bot_that_leaves(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_process, "FAREWELL", 600.0)  # is for engines that make room for another model
    async with bot(data) as first:
        await first.ready()
        process = first.engine.process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)

        await first.engine.stop()

        assert not process.is_alive()


async def test_an_engine_that_cannot_start_says_so_and_is_tried_again(data: Path) -> None:
    def broken(url: str, secret_file: Path, _model: str) -> Sequence[str]:
        return [sys.executable, "-c", "import sys; sys.exit(7)", url, str(secret_file)]

    async with bot(data, broken) as first:
        await until(lambda: any(problem and "exit code 7" in problem for problem in first.problems()))
        await until(lambda: first.engine.starts >= 2)


async def test_an_engine_that_cannot_start_is_tried_ever_more_rarely(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine_process, "FIRST_WAIT", 0.1)
    monkeypatch.setattr(engine_process, "LONGEST_WAIT", 0.4)

    async with bot(data, lambda _url, file, _model: [sys.executable, "-c", "", str(file)]) as first:
        await until(lambda: first.engine.starts >= 5, within=30)

    said = [re.search(r"starting another in ([\d.]+) s", line) for line in caplog.messages]
    assert [float(match[1]) for match in said if match][:4] == [0.1, 0.2, 0.4, 0.4]


async def test_a_program_that_is_not_there_is_said_in_one_sentence(data: Path) -> None:
    async with bot(data, lambda _url, _file, _model: [str(data / "nothing")]) as first:
        await until(lambda: any(problem and "cannot be started" in problem for problem in first.problems()))


async def test_a_broken_address_is_made_anew(data: Path) -> None:
    (data / "engine.json").write_text('{"port": "x"')

    async with bot(data) as first:
        await first.ready()

        assert read_address(data / "engine.json") is not None
        await first.engine.stop()


async def test_a_port_taken_by_a_stranger_is_left_alone(data: Path) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]
    write_address(data / "engine.json", Address(port=taken, secret="s" * 40))

    async with bot(data) as first:
        await first.ready()

        assert first.engine.link.port != taken
        await first.engine.stop()
    server.close()
    await server.wait_closed()


def test_a_stranger_with_the_same_number_is_not_our_engine(tmp_path: Path) -> None:
    stranger = DetachedProcess(os.getpid(), str(tmp_path / "engine.json"))

    assert not stranger.is_alive()


def test_a_long_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.links.local.process.MOST_LOG", 10)
    log = tmp_path / "engine.log"
    log.write_text("x" * 11)

    process = DetachedProcess.start([sys.executable, "-c", "print('new')"], mark="new", log=log)
    while process.is_alive():
        pass

    assert log.read_text() == "new\n"
    assert (tmp_path / "engine.old.log").exists()
