"""Which engine gets a job: one that can do it, and of those the one that is done first."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bot.jobs.states import JobState
from bot.queue.engines import Engines
from bot.requests.draft import RequestDraft
from protocol.messages import PROTOCOL, Command, EngineHello
from protocol.request import Lora
from tests.support.fake_engine import CARD, Script
from tests.support.lines import Core
from tests.support.stage import ANNA, OpenStage, ready, until

PLAIN = msgspec.structs.replace(CARD, features=("text", "guidance"))
OTHER = msgspec.structs.replace(CARD, id="other-1", name="Other")


async def test_a_job_goes_only_to_an_engine_that_can_do_it(opened: OpenStage, tmp_path: Path) -> None:
    async with opened(tmp_path) as core:
        plain, able = core.engine("plain"), core.engine("able", Script(step_seconds=0.05))
        plain.card = PLAIN
        async with able.running(), plain.running():
            await ready(core, engines=2)
            [first] = await core.ended(await core.ask())
            larger = [
                await core.service.upscale(first.id, 0, by=first.requester, origin=f"larger-{number}")
                for number in range(4)
            ]
            plain.begun.clear()

            ended = await core.ended(*larger)

        assert [job.state for job in ended] == [JobState.RENDERED] * 4
        assert plain.begun == []


async def test_a_job_that_no_engine_there_can_do_waits_and_holds_nobody_up(opened: OpenStage, tmp_path: Path) -> None:
    async with opened(tmp_path) as core:
        plain, able = core.engine("plain"), core.engine("able")
        plain.card = PLAIN
        async with plain.running():
            await ready(core)
            async with able.running():
                await ready(core, engines=2)
                [first] = await core.ended(await core.ask())
            await until(lambda: len(core.service.engines.views()) == 1)
            async with core.engine("leaves with it", Script(step_seconds=5)).running():
                await ready(core, engines=2)
                larger = await core.service.upscale(first.id, 0, by=first.requester, origin="larger")
            await until(lambda: len(core.service.engines.views()) == 1)
            [other] = await core.ended(await core.ask())
            assert (await core.service.job(larger.id)).state is JobState.QUEUED

            async with core.engine("able again").running():
                [ended] = await core.ended(larger)

        assert [other.state, ended.state] == [JobState.RENDERED] * 2


async def test_a_job_with_a_lora_goes_only_to_the_engine_that_has_it(opened: OpenStage, tmp_path: Path) -> None:
    async with opened(tmp_path) as core:
        plain, inked = core.engine("plain"), core.engine("inked", Script(step_seconds=0.05))
        plain.card = msgspec.structs.replace(CARD, features=(*CARD.features, "lora"), loras=("oil",))
        inked.card = msgspec.structs.replace(plain.card, loras=("ink", "oil"))
        async with plain.running(), inked.running():
            await ready(core, engines=2)
            request = core.service.composer.complete(RequestDraft(prompt="a star"), ANNA).rerolled(seed=1)
            request = msgspec.structs.replace(request, loras=(Lora(name="ink"),))

            jobs = [await core.service.submit(request, by=ANNA, origin=f"inked-{number}") for number in range(4)]
            ended = await core.ended(*jobs)

        assert [job.state for job in ended] == [JobState.RENDERED] * 4
        assert plain.begun == []


async def test_people_are_offered_what_the_engines_of_one_model_can_do_together(
    opened: OpenStage, tmp_path: Path
) -> None:
    async with opened(tmp_path) as core:
        plain, other = core.engine("plain"), core.engine("other")
        plain.card, other.card = msgspec.structs.replace(PLAIN, loras=("ink",)), OTHER
        async with core.engine("able").running():
            await ready(core)
            async with plain.running(), other.running():
                await ready(core, engines=3)
                offered = core.service.card

        assert offered is not None
        assert (offered.id, set(offered.features)) == (CARD.id, set(CARD.features))
        assert offered.loras == ("ink",)


async def test_engines_of_different_speed_share_by_measured_speed(core: Core) -> None:
    quick, steady = core.line("quick"), core.line("steady")
    await quick.join()
    await steady.join()
    await core.ask()
    await core.ask()
    for line in (quick, steady):
        await line.start((await line.ordered(1))[0])
    core.clock.advance(1)
    await quick.finish(quick.orders()[0])
    core.clock.advance(4)
    await steady.finish(steady.orders()[0])

    jobs = [await core.ask() for _ in range(18)]
    for line in (quick, steady):
        await line.start((await line.ordered(2))[1])
    for second in range(1, 16):
        await quick.ordered(min(second + 2, 16))
        core.clock.advance(1)
        await quick.finish(quick.orders()[second])
        if second < 15:
            await quick.start(quick.orders()[second + 1])
        if second % 5 == 0:
            await steady.finish(steady.orders()[second // 5])
            if second < 15:
                await steady.start((await steady.ordered(second // 5 + 2))[-1])

    assert [await core.state(job) for job in jobs] == [JobState.RENDERED] * 18
    assert (len(quick.orders()) - 1, len(steady.orders()) - 1) == (15, 3)


class Silence:
    """A line on which nothing is said."""

    def send(self, command: Command) -> None:
        pass

    def close(self, reason: str) -> None:
        pass


def test_an_engine_whose_line_broke_twice_is_not_forgotten_once_it_is_there_anew() -> None:
    hello = EngineHello(
        protocol=PROTOCOL, build="", engine="e1", card=CARD, device="", dtype="", threads=1, memory=0, policy=""
    )
    engines = Engines()
    gone = engines.join(Silence(), hello)
    gone.link = None
    engines.forget(gone)  # the first break's term is over

    back = engines.join(Silence(), hello)
    engines.forget(gone)  # the second one's

    assert engines.by_name == {"e1": back}
