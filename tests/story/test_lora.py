"""LoRAs: chosen by name from what lies in the folder, with a weight, one or two at once."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from engine.metadata.png import read_facts
from protocol.card import ModelCard
from protocol.request import Lora
from tests.story.studio import Studio, Visitor, buttons, gallery, until, words
from tests.support import lora_file
from tests.support.fake_engine import CARD

STARTER = Path(__file__).resolve().parents[2] / "engine" / "starter"


def stocked(*names: str) -> ModelCard:
    """The usual painter with these LoRAs."""
    return msgspec.structs.replace(CARD, features=(*CARD.features, "lora"), loras=names)


@pytest.fixture
async def gallery_of_styles(empty_studio: Studio) -> Studio:
    await empty_studio.open_bot()
    await empty_studio.open_engine(card=stocked("ink wash", "Gold Leaf"))
    return empty_studio


def asked_for(studio: Studio) -> tuple[Lora, ...]:
    assert studio.engine is not None
    return studio.engine.orders[-1].request.loras


async def test_a_lora_is_offered_by_name_and_shown_with_its_weight(gallery_of_styles: Studio, mia: Visitor) -> None:
    assert await mia.completions("/imagine prompt:x lora:gold") == ["Gold Leaf"]
    assert await mia.completions("/imagine prompt:x lora2:") == ["ink wash", "Gold Leaf"]

    await mia.say("/imagine prompt:a red star lora:ink wash lora_weight:0.8")

    assert "LoRA ink wash × 0.8" in words(await mia.sees_pictures())
    assert asked_for(gallery_of_styles) == (Lora(name="ink wash", weight=0.8),)


async def test_a_file_that_is_used_in_part_says_so_in_the_list(
    empty_studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(
        card=msgspec.structs.replace(stocked("ink wash", "gold"), unused_tensors={"gold": 4})
    )

    assert await mia.completions("/imagine prompt:x lora:") == ["ink wash", "gold (4 tensors unused)"]
    assert await bao.completions("/画图 提示词:x lora:") == ["ink wash", "gold（4 个张量用不上）"]
    await mia.say("/imagine prompt:a red star lora:gold")
    await mia.sees_pictures()
    assert asked_for(empty_studio) == (Lora(name="gold"),)


async def test_accents_are_found_however_they_are_coded(gallery_of_styles: Studio, mia: Visitor) -> None:
    assert gallery_of_styles.engine is not None
    gallery_of_styles.engine.offer(stocked("\u00e9t\u00e9"))
    await until(lambda: gallery_of_styles.service.card == stocked("\u00e9t\u00e9"))

    assert await mia.completions("/imagine prompt:x lora:e\u0301t") == ["\u00e9t\u00e9"]
    await mia.say("/imagine prompt:a red star lora:e\u0301te\u0301")

    await mia.sees_pictures()
    assert asked_for(gallery_of_styles) == (Lora(name="\u00e9t\u00e9"),)


async def test_two_can_be_asked_for_and_capitals_do_not_matter(
    gallery_of_styles: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star lora:INK WASH lora2:gold leaf lora2_weight:-0.5")

    message = words(await mia.sees_pictures())
    assert "LoRA ink wash × 1 · LoRA Gold Leaf × -0.5" in message
    assert asked_for(gallery_of_styles) == (Lora(name="ink wash"), Lora(name="Gold Leaf", weight=-0.5))

    await bao.say("/画图 提示词:红色星星 lora:ink wash lora权重:0.6")
    assert "LoRA ink wash × 0.6" in words(await bao.sees_pictures(more_than=1))


async def test_what_cannot_be_applied_is_refused_in_one_sentence(
    gallery_of_styles: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/imagine prompt:a star lora:oil")
    await mia.is_told("There is no LoRA “oil”. Type a part of its name and pick one from the list.")
    await mia.say("/imagine prompt:a star lora:ink wash lora2:Ink Wash")
    await mia.is_told("“ink wash” is given twice. Name each LoRA once, with the weight you want.")
    await mia.say("/imagine prompt:a star lora_weight:0.5")
    await mia.is_told("A weight says how strongly a LoRA is applied, so it needs a LoRA.")
    await bao.say("/imagine prompt:星星 lora:油画")
    await bao.is_told("没有名为“油画”的 LoRA。请输入名称的一部分，再从列表里选。")

    assert [refusal.code for refusal in gallery_of_styles.refusals] == [
        "unknown-lora", "same-lora-twice", "lora-weight-without-lora", "unknown-lora"
    ]  # fmt: skip
    assert gallery_of_styles.engine is not None
    assert gallery_of_styles.engine.orders == []


async def test_without_any_file_nothing_is_offered(studio: Studio, mia: Visitor) -> None:
    for option in ("lora", "lora_weight", "lora2", "lora2_weight"):
        await mia.misses(option)


async def test_reroll_and_edit_keep_them_and_say_when_the_file_is_gone(gallery_of_styles: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star lora:ink wash")
    await mia.sees_pictures()

    await mia.click("Reroll")
    await mia.sees_pictures(more_than=1)
    await mia.press_edit()
    await mia.submit(prompt="a blue star")
    assert "LoRA ink wash × 1" in words(await mia.sees_pictures(more_than=2))
    assert asked_for(gallery_of_styles) == (Lora(name="ink wash"),)

    assert gallery_of_styles.engine is not None
    gallery_of_styles.engine.offer(stocked("Gold Leaf"))
    await until(lambda: gallery_of_styles.service.card == stocked("Gold Leaf"))
    await mia.click("Reroll")
    await mia.is_told("There is no LoRA “ink wash”.")


async def test_a_file_that_appears_is_offered_at_once_and_disturbs_nobody(
    gallery_of_styles: Studio, mia: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star steps:20")
    await mia.sees("Painting")

    assert gallery_of_styles.engine is not None
    gallery_of_styles.engine.offer(stocked("ink wash", "Gold Leaf", "woodcut"))
    await until(lambda: gallery_of_styles.service.card == stocked("ink wash", "Gold Leaf", "woodcut"))

    assert await mia.completions("/imagine prompt:x lora:wood") == ["woodcut"]
    await mia.sees_pictures()
    assert len(gallery_of_styles.engine.begun) == 1


async def test_the_real_painter_applies_a_file_and_notices_another(
    empty_studio: Studio, mia: Visitor, tmp_path: Path
) -> None:
    folder = tmp_path / "loras"
    lora_file.write(folder / "ink.safetensors", STARTER, strength=0.02)
    (folder / "notes.safetensors").write_bytes(b"not a LoRA")
    await empty_studio.open_bot()
    await empty_studio.open_worker(STARTER, "--loras", str(folder), "--device", "cpu")

    for words_said in ("lora:ink lora_weight:0.8", ""):
        await mia.say(f"/imagine prompt:a red star seed:7 steps:2 {words_said}")
        await mia.sees_pictures(more_than=0 if words_said else 1, within=90)
    lora_file.write(folder / "gold.safetensors", STARTER, seed=1)
    await until(lambda: empty_studio.service.card is not None and "gold" in empty_studio.service.card.loras)

    assert await mia.completions("/imagine prompt:x lora:") == ["gold", "ink"]
    pictures = [
        await mia.download(picture["media"]["url"])
        for message in await mia.messages()
        if buttons(message)
        for picture in gallery(message)
    ]
    dressed, bare = (Image.open(io.BytesIO(png)).convert("RGB") for png in pictures)
    assert dressed.tobytes() != bare.tobytes()
    facts = [read_facts(png) for png in pictures]
    assert [one.loras for one in facts if one is not None] == [(Lora(name="ink", weight=0.8),), ()]
