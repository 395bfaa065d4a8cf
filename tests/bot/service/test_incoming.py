"""Requests with pictures: nobody's limits are asked afterwards, and nobody waits for another's files."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from PIL import Image

from bot.jobs.errors import InFlightReached, PerDayReached, PerMinuteReached, Refusal
from bot.jobs.job import Job, Requester
from bot.requests.defaults import OwnerSettings
from bot.requests.draft import RequestDraft
from bot.storage.blobs import UNSTORED
from tests.bot.service.test_service import png
from tests.bot.test_downloads import Serve, host
from tests.support.fake_engine import CARD
from tests.support.stage import ANNA, BEN, ROOMY, Stage, stage, until

ROOT = Path(__file__).parents[3]
DRAFT = RequestDraft(prompt="x", source=UNSTORED)


class Files:
    """Pictures that arrive when the test says so."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.may_come = asyncio.Event()

    def of(self, name: str) -> Callable[[], Awaitable[dict[str, bytes]]]:
        async def fetch() -> dict[str, bytes]:
            self.fetched.append(name)
            await self.may_come.wait()
            return {"source": png(64, 64)}

        return fetch


async def asked(core: Stage, files: Files, by: Requester, origin: str) -> asyncio.Task[Job]:
    """A request whose picture is on its way, once its limits were looked at."""
    announced = asyncio.Event()

    async def announce() -> None:
        announced.set()

    task = asyncio.create_task(
        core.service.imagine(DRAFT, by=by, fetch=files.of(origin), announce=announce, origin=origin)
    )
    waiting = asyncio.create_task(announced.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return task


async def test_one_persons_pictures_are_read_one_after_another_and_anothers_beside_them(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        core.service.engines.expect(CARD)
        files = Files()
        mine = [await asked(core, files, ANNA, f"anna {number}") for number in range(12)]
        theirs = await asked(core, files, BEN, "ben")

        await until(lambda: len(files.fetched) == 2)
        assert files.fetched == ["anna 0", "ben"]
        files.may_come.set()
        await asyncio.gather(theirs, *mine)

        assert sorted(files.fetched[2:]) == sorted(f"anna {number}" for number in range(1, 12))


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        (OwnerSettings(in_flight=2), InFlightReached),
        (OwnerSettings(per_minute=2), PerMinuteReached),
        (OwnerSettings(per_day=2), PerDayReached),
    ],
)
async def test_what_is_on_its_way_counts_before_a_byte_is_fetched(
    tmp_path: Path, limits: OwnerSettings, refusal: type[Refusal]
) -> None:
    async with stage(tmp_path, owner=limits) as core:
        core.service.engines.expect(CARD)
        files = Files()
        two = [await asked(core, files, ANNA, origin) for origin in ("one", "two")]

        with pytest.raises(refusal):
            await core.service.imagine(DRAFT, by=ANNA, fetch=files.of("three"), origin="three")

        files.may_come.set()
        jobs = await asyncio.gather(*two)
        assert files.fetched == ["one", "two"]
        assert len({job.id for job in jobs}) == 2


async def test_limits_that_only_the_ledger_knows_are_asked_before_a_byte_is_fetched(tmp_path: Path) -> None:
    async with stage(tmp_path, owner=OwnerSettings(per_minute=2)) as core, core.engine().running():
        await until(lambda: core.service.engine_ready)
        await core.ended(await core.ask(count=2))
        files = Files()

        with pytest.raises(PerMinuteReached):
            await core.service.imagine(DRAFT, by=ANNA, fetch=files.of("late"), origin="late")

        assert files.fetched == []


async def test_words_alone_count_what_is_on_its_way_too(tmp_path: Path) -> None:
    async with stage(tmp_path, owner=OwnerSettings(in_flight=1)) as core:
        core.service.engines.expect(CARD)
        files = Files()
        coming = await asked(core, files, ANNA, "one")

        with pytest.raises(InFlightReached):
            await core.ask()

        files.may_come.set()
        assert (await coming).requester == ANNA


async def test_a_picture_that_is_refused_takes_nobodys_place(tmp_path: Path) -> None:
    async def fetch() -> dict[str, bytes]:
        raise InFlightReached(limit=0)  # any refusal

    async with stage(tmp_path, owner=OwnerSettings(in_flight=1)) as core:
        core.service.engines.expect(CARD)
        for number in range(3):
            with pytest.raises(InFlightReached, match="0"):
                await core.service.imagine(DRAFT, by=ANNA, fetch=fetch, origin=str(number))

        assert (await core.ask()).requester == ANNA


async def test_the_same_interaction_twice_is_read_once(tmp_path: Path) -> None:
    async with stage(tmp_path, owner=ROOMY) as core:
        core.service.engines.expect(CARD)
        files = Files()
        twice = [await asked(core, files, ANNA, "same") for _ in range(2)]

        files.may_come.set()
        one, other = await asyncio.gather(*twice)

        assert (one.id, files.fetched) == (other.id, ["same"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process's memory is counted in other ways")
@pytest.mark.timeout(300)
async def test_a_crowd_with_large_files_fits_into_200_mebibytes(tmp_path: Path) -> None:
    noise = Image.frombytes("RGB", (1750, 1750), os.urandom(3 * 1750**2))
    file = io.BytesIO()
    noise.save(file, "PNG", compress_level=0)
    assert file.tell() > 9_000_000

    async with host(_serving(file.getvalue())) as url:
        crowd = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.crowd_with_pictures", url, "25", str(tmp_path), cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await crowd.communicate()

    assert crowd.returncode == 0
    assert int(said) <= 200, f"{int(said)} MiB"


def _serving(content: bytes) -> Serve:
    async def serve(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content)

    return serve
