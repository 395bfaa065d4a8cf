"""A broken or hostile engine that knows the secret: whatever it says, others' jobs are painted and the bot lives."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from pathlib import Path

import aiohttp
import msgspec
import pytest

from bot.jobs.states import JobState
from protocol import frames
from protocol.messages import (
    PROTOCOL,
    Beat,
    Cancelled,
    EngineHello,
    Event,
    Failed,
    Finished,
    Loading,
    Progress,
    Started,
)
from tests.support.fake_engine import CARD, Script
from tests.support.stage import BEN, SECRET, ready, stage

EVENTS, LIVES = 40, 12
TEXTS = ("", "x", "\x00", "../../etc/passwd", "{nothing}", "\u202e", "星" * 300, "'; DROP TABLE job; --")


def any_event(dice: random.Random, jobs: list[str]) -> Event:
    """Well formed, and otherwise anything."""
    job = dice.choice([*jobs, "a" * 16, *TEXTS])
    attempt, k = dice.choice([1, 1, 1, 2, 0, 10**6]), dice.choice([0, 0, 0, 1, 3])
    text, number = dice.choice(TEXTS), dice.choice([0, 1, 7, 2**32 - 1])
    png = dice.randbytes(dice.choice([0, 10, 1000]))
    digest = dice.choice([hashlib.sha256(png).hexdigest(), "0" * 64])
    match dice.randrange(8):
        case 0:
            return Started(job=job, attempt=attempt)
        case 1:
            return Progress(job=job, attempt=attempt, step=number, steps=dice.choice([0, 8]), preview=png)
        case 2:
            return Failed(job="a" * 16, attempt=attempt, k=k, code=text, arguments={text: text})
        case 3:
            return Cancelled(job=job, attempt=attempt, k=k)
        case 4:
            return Beat(steps=number, busy=dice.random() < 0.5)
        case 5:
            return Loading(protocol=PROTOCOL, build=text, engine=text, model=text, problem=text)
        case 6:
            return hello(dice.choice(["hostile", "good", text]), running=((job, attempt),), held=((job, k),))
        case _:
            return Finished(
                job="a" * 16, attempt=attempt, k=k, seed=number, width=1, height=1, sha256=digest, png=png, seconds=1.0
            )


def hello(name: str, running: tuple[tuple[str, int], ...], held: tuple[tuple[str, int], ...]) -> EngineHello:
    return EngineHello(
        protocol=PROTOCOL, build="", engine=name, card=CARD, device="", dtype="", threads=0, memory=0, policy="",
        running=running, held=held,
    )  # fmt: skip


def mangled(dice: random.Random, frame: bytes) -> bytes:
    """A frame with one value of its outermost map replaced, or some of its bytes."""
    if dice.random() < 0.5:
        content = msgspec.msgpack.decode(frame)
        content[dice.choice(list(content))] = dice.choice([None, -1, 2**63, 2**64 - 1, 1e308, "x", [], {}, b"\xff"])
        return msgspec.msgpack.encode(content)
    position = dice.randrange(len(frame))
    return frame[:position] + dice.randbytes(4) + frame[position + 4 :]


async def rave(url: str, dice: random.Random, jobs: list[str]) -> None:
    """One connection that says forty things, unless it is closed before."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers={"Authorization": f"Bearer {SECRET}"}) as socket,
    ):
        await socket.send_bytes(frames.encode(hello("hostile", (), ())))
        for _ in range(EVENTS):
            if socket.closed:
                return
            frame = frames.encode(any_event(dice, jobs))
            try:
                await socket.send_bytes(mangled(dice, frame) if dice.random() < 0.1 else frame)
            except ConnectionError:
                return
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(3))
async def test_a_raving_engine_harms_nobody_but_itself(
    tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    dice = random.Random(seed)
    async with stage(tmp_path, grace=0.1) as core, core.engine("good", Script(step_seconds=0.01)).running():
        await ready(core)
        jobs = [await core.ask() for _ in range(3)]
        for _ in range(LIVES):
            await rave(core.link.url, dice, [job.id for job in jobs])
            jobs.append(await core.ask(BEN))
        await asyncio.sleep(0.3)
        jobs.append(await core.ask())
        ended = await core.ended(*jobs, within=50)

        assert {job.state for job in ended} <= {JobState.RENDERED, JobState.FAILED}
        assert ended[-1].state is JobState.RENDERED
        assert not [record for record in caplog.records if record.exc_info], caplog.text
