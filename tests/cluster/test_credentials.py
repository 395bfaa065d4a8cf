"""What `cluster-config` writes, held against a real server: each may do its part and nothing else."""

from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import nats
import nats.errors
import pytest
from nats.aio.client import Client

import run_bot
from bot.jobs.states import JobState
from bot.links.broker.config import SERVER_FILE, write_config
from protocol import broker as cluster
from protocol import frames as wire
from protocol.broker import Access, BrokenCredentials
from protocol.messages import Finished
from tests.cluster.keys import bot_at, engine_with, guarded
from tests.support.broker import Broker, broker
from tests.support.fake_engine import FakeEngine, Script
from tests.support.patience import until
from tests.support.stage import ready


@asynccontextmanager
async def intruder(server: Broker, seed: Path, refusals: list[str]) -> AsyncGenerator[Client, None]:
    """An engine's own credentials in other hands."""

    async def hear(error: Exception) -> None:
        refusals.append(str(error).lower())

    key = cluster.read_seed(seed)
    client = await nats.connect(
        server.url, nkeys_seed_str=key, error_cb=hear, inbox_prefix=cluster.inbox(cluster.public_key(key))
    )
    try:
        yield client
    finally:
        await client.close()


async def test_with_the_written_keys_bot_and_engines_work(tmp_path: Path) -> None:
    async with guarded(tmp_path / "keys") as server:
        access = Access(url=server.url, credentials=tmp_path / "keys/bot.nk")
        async with (
            bot_at(server, tmp_path, access) as core,
            engine_with(server, tmp_path / "keys/engine-1.nk", "one").running(),
            engine_with(server, tmp_path / "keys/engine-2.nk", "two").running(),
        ):
            await ready(core, engines=2)

            ended = await core.ended(*[await core.ask(count=2) for _ in range(4)])

    assert [job.state for job in ended] == [JobState.RENDERED] * 4


async def test_a_broker_that_lets_everybody_in_is_said_to_and_a_guarded_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        broker(tmp_path / "open") as server,
        bot_at(server, tmp_path, Access(url=server.url)) as core,
        FakeEngine(url=server.url, name="fake", script=Script()).running(),
    ):
        await ready(core)
    assert "lets everybody in" in caplog.text
    caplog.clear()
    async with guarded(tmp_path / "keys") as server:
        access = Access(url=server.url, credentials=tmp_path / "keys/bot.nk")
        (tmp_path / "guarded").mkdir()
        async with (
            bot_at(server, tmp_path / "guarded", access) as core,
            engine_with(server, tmp_path / "keys/engine-1.nk").running(),
        ):
            await ready(core)

    assert "lets everybody in" not in caplog.text


async def test_an_engine_can_neither_inject_a_job_nor_read_results_nor_speak_for_another(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    refusals = list[str]()
    async with guarded(keys) as server:
        access = Access(url=server.url, credentials=keys / "bot.nk")
        async with bot_at(server, tmp_path, access) as core, engine_with(server, keys / "engine-1.nk").running():
            await ready(core)
            other = cluster.public_key(cluster.read_seed(keys / "engine-1.nk"))
            async with intruder(server, keys / "engine-2.nk", refusals) as client:
                for subject in (
                    cluster.order(other, "job"), cluster.deal(other), cluster.command(other), cluster.event(other),
                    cluster.result(other, "job", 0, "ab-0-1"), cluster.CALL, cluster.IN_TRAY,
                    f"$JS.API.CONSUMER.DURABLE.CREATE.{cluster.RESULTS}.spy", f"$JS.API.STREAM.PURGE.{cluster.RESULTS}",
                    f"$JS.API.STREAM.MSG.GET.{cluster.RESULTS}", f"$JS.API.STREAM.DELETE.{cluster.JOBS}",
                    f"$JS.ACK.{cluster.JOBS}.{other}.1.1.1.1.1",
                ):  # fmt: skip
                    await client.publish(subject, b"{}")
                    await client.flush()
                    assert "permissions violation for publish" in await refusal(refusals), subject
                for subject in (
                    cluster.PICTURES, cluster.IN_TRAY, cluster.EVENTS, cluster.deal(other), cluster.command(other),
                    "_INBOX.>", ">", cluster.ORDERS,
                ):  # fmt: skip
                    await client.subscribe(subject)
                    await client.flush()
                    assert "permissions violation for subscription" in await refusal(refusals), subject
            [job] = await core.ended(await core.ask())

    assert job.state is JobState.RENDERED


async def refusal(refusals: list[str]) -> str:
    """The server's word, once it is here; empty if none comes."""
    with suppress(TimeoutError):
        await until(lambda: refusals)
    return refusals.pop() if refusals else ""


@pytest.mark.parametrize("who", ["bot", "engine"])
async def test_rights_of_an_older_configuration_are_missed_in_one_sentence_that_says_what_to_do(
    tmp_path: Path, who: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys = tmp_path / "keys"
    seat = cluster.public_key(cluster.read_seed(keys_of(keys, 1) / "engine-1.nk"))
    older = {"bot": cluster.IN_TRAY, "engine": cluster.result(seat, "*", "*", "*")}
    async with guarded(keys, engines=1, without=older[who]) as server:
        access = Access(url=server.url, credentials=keys / "bot.nk")
        async with bot_at(server, tmp_path, access) as core, engine_with(server, keys / "engine-1.nk").running():
            await ready(core)
            await core.ask()
            await until(lambda: "cluster-config" in caplog.text)
            await asyncio.sleep(1.5)

    said = [record for record in caplog.records if "cluster-config" in record.getMessage()]
    assert [record.levelno for record in said] == [logging.WARNING]
    assert "permissions violation" in said[0].getMessage()


def keys_of(folder: Path, engines: int) -> Path:
    write_config(folder, engines=engines)
    return folder


async def ignore(_: Exception) -> None:
    pass


async def test_a_stranger_is_not_let_in(tmp_path: Path) -> None:
    write_config(tmp_path / "elsewhere", engines=1)
    async with guarded(tmp_path / "keys") as server:
        for seed in (None, cluster.read_seed(tmp_path / "elsewhere/engine-1.nk")):
            client = Client()
            with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
                await client.connect(server.url, nkeys_seed_str=seed, allow_reconnect=False, error_cb=ignore)
            await client.close()


async def test_a_seat_that_sends_rubbish_is_turned_away_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = tmp_path / "keys"
    async with guarded(keys) as server:
        access = Access(url=server.url, credentials=keys / "bot.nk")
        async with bot_at(server, tmp_path, access) as core, engine_with(server, keys / "engine-1.nk").running():
            await ready(core)
            seat = cluster.public_key(cluster.read_seed(keys / "engine-2.nk"))
            picture = Finished(
                job="x" * 16, attempt=1, k=0, seed=0, width=16, height=16, sha256="0" * 64, png=b"", seconds=0
            )
            async with intruder(server, keys / "engine-2.nk", []) as client:
                for _ in range(3):
                    await client.publish(cluster.event(seat), b"\xc1")
                    await client.publish(cluster.event(seat), wire.encode(picture))
                await client.jetstream().publish(cluster.result(seat, "other", 3, "ab-0-1"), wire.encode(picture))
                await client.jetstream().publish(cluster.result(seat, "broken", 0, "ab-0-1"), b"\xc1")
                [job] = await core.ended(await core.ask())

    assert job.state is JobState.RENDERED
    turned_away = [line for line in caplog.messages if "turned away" in line]
    assert 2 <= len(turned_away) <= 9


def test_keys_are_secret_fresh_and_kept_when_engines_are_added(tmp_path: Path) -> None:
    write_config(tmp_path, engines=1)
    before = {file.name: file.read_text() for file in tmp_path.glob("*.nk")}
    text = write_config(tmp_path, engines=3).read_text()
    after = {file.name: file.read_text() for file in tmp_path.glob("*.nk")}

    assert sorted(before) == ["bot.nk", "engine-1.nk"]
    assert sorted(after) == ["bot.nk", "engine-1.nk", "engine-2.nk", "engine-3.nk"]
    assert before.items() <= after.items()
    assert len(set(after.values())) == 4
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in tmp_path.glob("*.nk"))
    assert not any(seed.strip() in text for seed in after.values())


def test_the_command_says_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_bot.main(["cluster-config", "--out", str(tmp_path / "keys"), "--engines", "2"]) == 0

    said = capsys.readouterr().out
    assert (tmp_path / "keys" / SERVER_FILE).exists()
    assert "nats-server -c" in said
    assert "ZIMAGINE_CLUSTER__URL" in said
    assert "engine-2.nk" in said


def test_a_file_without_a_seed_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.nk").write_text("# nothing\n")

    with pytest.raises(BrokenCredentials, match="holds no nkey seed"):
        cluster.read_seed(tmp_path / "x.nk")


async def test_bot_and_engine_meet_over_tls_and_trust_only_their_authority(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    keys, certificate, key = tmp_path / "keys", tmp_path / "cert.pem", tmp_path / "key.pem"
    made = await asyncio.create_subprocess_exec(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=broker",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await made.wait() == 0
    tls = f'\ntls {{ cert_file: "{certificate}", key_file: "{key}" }}\n'
    async with guarded(keys, engines=1, tls=tls) as server:
        url = server.url.replace("nats://", "tls://")
        access = Access(url=url, credentials=keys / "bot.nk", ca=certificate)
        engine = FakeEngine(url=url, credentials=keys / "engine-1.nk", ca=certificate, script=Script())
        async with bot_at(server, tmp_path, access) as core, engine.running():
            await ready(core)
            [job] = await core.ended(await core.ask())

        distrustful = Access(url=url, credentials=keys / "engine-1.nk")
        dialling = asyncio.create_task(met(distrustful))
        await until(lambda: any("CERTIFICATE_VERIFY_FAILED" in line for line in caplog.messages))
        assert not dialling.done()
        dialling.cancel()
        await asyncio.wait([dialling])

    assert job.state is JobState.RENDERED


async def met(access: Access) -> None:
    """Returns once there is a connection."""
    async with cluster.connected(access, seat="x", back=lambda: None):
        pass
