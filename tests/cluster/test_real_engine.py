"""The engine as it is started on another machine: supervisor, worker and a tiny model, with its key, at a broker."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from contextlib import suppress
from pathlib import Path

import pytest

from bot.jobs.states import JobState
from protocol.broker import Access
from tests.cluster.keys import bot_at, guarded
from tests.support import tiny_model
from tests.support.stage import ready, until


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_the_real_engine_paints_at_a_broker_and_is_gone_when_it_leaves(tmp_path: Path) -> None:
    model = await asyncio.to_thread(tiny_model.write, tmp_path / "tiny")
    keys = tmp_path / "keys"
    async with (
        guarded(keys, engines=1) as server,
        bot_at(server, tmp_path, Access(url=server.url, credentials=keys / "bot.nk")) as core,
    ):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "engine", "--url", server.url, "--creds", str(keys / "engine-1.nk"),
            "--model", str(model), "--device", "cpu", "--threads", "1", stderr=DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            await until(lambda: bool(core.service.engines.views()), within=90)
            await until(lambda: core.service.engine_ready, within=90)
            await ready(core)
            [job] = await core.ended(await core.ask(count=2, steps=2), within=90)
            process.send_signal(signal.SIGTERM)
            await until(lambda: all(view.state != "ready" for view in core.service.engines.views()))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    assert (job.state, len(job.pictures)) == (JobState.RENDERED, 2)
