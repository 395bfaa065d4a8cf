"""A whole core on real files and sockets: service, link and however many fake engines a test wants."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.jobs.events import Ended
from bot.jobs.job import Job, Requester
from bot.links.broker.link import broker_link
from bot.links.local.websocket import LocalLink
from bot.requests.defaults import OwnerSettings
from bot.requests.draft import RequestDraft
from bot.service.service import JobService, open_service
from protocol.broker import Access
from tests.support.broker import Broker
from tests.support.fake_engine import FakeEngine, Script
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
SECRET = "s3cret"
ROOMY = OwnerSettings(per_minute=1000, per_day=10000, in_flight=1000, queue=1000)
ANNA = Requester(principal="discord:1", guild=10, channel=100)
BEN = Requester(principal="discord:2", guild=10, channel=100)
MODERATOR = Requester(principal="discord:3", guild=10, channel=100, moderator=True)
ADMIN = Requester(principal="discord:4", guild=10, channel=100, admin=True)
OWNER = Requester(principal="discord:5", guild=10, channel=100, owner=True)


@dataclass
class Stage:
    """What a test holds."""

    data: Path
    service: JobService
    link: LocalLink
    url: str

    def engine(self, name: str = "fake", script: Script | None = None) -> FakeEngine:
        """An engine in this process; start it with `async with engine.running()`."""
        return FakeEngine(url=self.url, secret_file=self.data / "engine.json", name=name, script=script or Script())

    async def ask(
        self,
        by: Requester = ANNA,
        *,
        origin: str | None = None,
        prompt: str = "a star",
        count: int | None = None,
        seed: int | None = None,
        steps: int | None = None,
    ) -> Job:
        """Compose and submit."""
        request = self.service.composer.complete(RequestDraft(prompt=prompt, count=count, seed=seed, steps=steps), by)
        Stage.asked += 1
        return await self.service.submit(request, by=by, origin=origin or f"interaction-{Stage.asked}")

    def waits(self) -> bool:
        """Whether any job is left."""
        return bool(self.service.live.in_order())

    async def ended(self, *jobs: Job, within: float = 30.0) -> list[Job]:
        """These jobs when each has ended."""
        with self.service.subscribe() as events:
            waiting = {job.id for job in jobs if (await self.service.job(job.id)).live}
            async with asyncio.timeout(within):
                while waiting:
                    event = await anext(events)
                    if isinstance(event, Ended):
                        waiting.discard(event.job.id)
        return [await self.service.job(job.id) for job in jobs]

    asked = 0


async def until(condition: Callable[[], bool], within: float = 30.0) -> None:
    """Wait for something that is seen only by looking."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 (what is looked at offers no event)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def stage(
    data: Path, *, owner: OwnerSettings = ROOMY, port: int = 0, grace: float = 0.3, adoption: float = 0.6,
    heartbeat: float = 5.0, broker: Broker | None = None, lease: float = 3.0,
) -> AsyncGenerator[Stage, None]:  # fmt: skip
    """A bot's core without Discord, listening: here, and at the broker if there is one; then its engines sit there."""
    data.mkdir(exist_ok=True)  # noqa: ASYNC240
    (data / "engine.json").write_text(json.dumps({"secret": SECRET}))
    async with (
        open_service(data, owner=owner, grace=grace, adoption=adoption) as service,
        LocalLink(
            service.dispatcher.engine_events, secret=SECRET, build="test", port=port or free_port(), heartbeat=heartbeat
        ) as link,
        AsyncExitStack() as more,
    ):
        url = link.url
        if broker is not None:
            access = Access(url=broker.url)
            url = access.url
            at_broker = broker_link(
                service.dispatcher.engine_events,
                access=access,
                build="test",
                parts=data / "parts",
                lease=lease,
                grace=grace,
            )
            await more.enter_async_context(at_broker)
        yield Stage(data=data, service=service, link=link, url=url)


class OpenStage(Protocol):
    """`stage`, on one link or the other."""

    def __call__(
        self, data: Path, *, owner: OwnerSettings = ROOMY, port: int = 0, grace: float = 0.3, adoption: float = 0.6,
        heartbeat: float = 5.0,
    ) -> AbstractAsyncContextManager[Stage]: ...  # fmt: skip


async def ready(stage: Stage, engines: int = 1) -> None:
    """Wait until so many engines are ready."""
    await until(lambda: sum(view.state == "ready" for view in stage.service.engines.views()) >= engines)


@asynccontextmanager
async def engine_process(core: Stage, *options: str) -> AsyncGenerator[asyncio.subprocess.Process, None]:
    """A fake engine in its own process; gone when the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.fake_engine", "--url", core.url,
        "--secret-file", str(core.data / "engine.json"), *options, cwd=ROOT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()
