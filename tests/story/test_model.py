"""The owner changes the model while people paint: who waits is told, nothing is lost, and a bad model is undone."""

from __future__ import annotations

import msgspec
import pytest

from bot.jobs.errors import NeedsOwner, SameModel, UnknownModel
from protocol.card import Z_IMAGE
from tests.bot.links.local.test_engine_process import ROOT, fake
from tests.story.studio import Studio, Visitor, finished, until, words
from tests.support.fake_engine import CARD


@pytest.fixture
async def workshop(empty_studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A bot whose own engine takes a moment for everything, and a folder with two more models."""
    monkeypatch.chdir(ROOT)
    (empty_studio.data / "models").mkdir()
    for name in ("small.safetensors", "broken.gguf"):
        (empty_studio.data / "models" / name).touch()
    await empty_studio.open_bot(fake("--step-seconds", "0.4", "--load-seconds", "2"))
    await until(lambda: empty_studio.service.engine_ready, within=30)
    return empty_studio


async def test_running_pictures_are_finished_and_waiting_people_are_told(
    workshop: Studio, mia: Visitor, bao: Visitor, robin: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star steps:20")
    await mia.sees("/ 20")
    await bao.say("/imagine prompt:蓝色圆形 steps:2")

    await robin.say("/admin model model:starter")

    await robin.is_told("Changing to **starter**: what is being painted is finished first")
    await mia.sees_pictures()
    await robin.is_told("Changing to **starter**: it is loading.")
    await bao.sees("画师正在更换模型，这幅画先等一等")
    await robin.is_told("**starter** paints now, and will after restarts.")
    await bao.sees(lambda m: finished(m) and "蓝色圆形" in words(m))
    await mia.say("/imagine prompt:a green star steps:2")
    await mia.sees_pictures(more_than=2)


async def test_a_wish_that_the_new_model_cannot_paint_is_said_to_its_author_and_can_be_asked_again(
    workshop: Studio, mia: Visitor, robin: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star steps:20")
    await mia.sees("/ 20")
    await mia.say("/imagine prompt:a blue circle")

    await robin.say("/admin model model:small.safetensors")
    failed = await mia.sees("The model was changed, and the one that paints now cannot do this.")
    await mia.click("Reroll", on=failed)

    await mia.sees(lambda m: finished(m) and "64 × 64" in words(m))


async def test_a_model_that_does_not_load_is_named_and_the_old_one_paints_again(
    workshop: Studio, mia: Visitor, robin: Visitor
) -> None:
    await robin.say("/admin model model:broken.gguf")

    await robin.is_told("**broken.gguf** does not load: This model is broken. The previous model is back.")
    await robin.say("/admin model")
    await robin.is_told("The engine was started with **auto**.")
    await mia.say("/imagine prompt:a red star steps:2")
    await mia.sees_pictures()


async def test_the_owner_sees_which_models_there_are_and_nobody_else_may_change_them(
    workshop: Studio, robin: Visitor
) -> None:
    assert await robin.completions("/admin model model:SMALL") == ["small.safetensors"]
    await robin.say("/admin model")
    await robin.is_told("`auto`, `starter`, `Tongyi-MAI/Z-Image-Turbo`, `broken.gguf`, `small.safetensors`")

    await robin.say("/admin model model:auto")
    await robin.is_told("“auto” is already the model.")
    await robin.say("/admin model model:/etc/passwd")
    await robin.is_told("There is no model “/etc/passwd”. There are: auto, starter")
    asked = workshop.bot.requester
    workshop.bot.requester = lambda i: type(asked(i))(principal="discord:1", guild=1, channel=1, admin=True)  # type: ignore[method-assign]
    await robin.say("/admin model model:starter")
    await robin.say("/admin model")
    await robin.is_told("Only the owner of this bot may do that.")

    assert [type(refusal) for refusal in workshop.refusals] == [SameModel, UnknownModel, NeedsOwner, NeedsOwner]
    assert await robin.completions("/admin model model:") == []


async def test_without_an_engine_of_its_own_the_bot_says_where_models_are_chosen(
    studio: Studio, robin: Visitor
) -> None:
    await robin.say("/admin model")
    await robin.is_told("Engines at a broker take their model from where they are started")


async def test_a_model_made_for_many_steps_and_guidance_is_painted_as_its_authors_recommend(
    empty_studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(card=msgspec.structs.replace(CARD, steps=Z_IMAGE.steps, guidance=Z_IMAGE.guidance))

    await mia.say("/imagine prompt:a red star")
    hers = words(await mia.sees_pictures())
    await bao.say("/画图 提示词:红色的星星 步数:50 反向提示词:雾")
    his = words(await bao.sees_pictures(more_than=1))

    assert "28 steps" in hers
    assert "guidance 4" in hers
    assert "50 步" in his
    assert "引导 4" in his
