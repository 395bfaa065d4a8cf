"""Control: a painting follows the edges, the depth, the pose or the sketch of a picture."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.metadata import png
from protocol.request import ControlKind
from tests.story.studio import Studio, Visitor, buttons, gallery, words
from tests.support import tiny_control
from tests.support.fake_engine import CARD

STARTER = Path(__file__).resolve().parents[2] / "engine" / "starter"
ABLE = msgspec.structs.replace(
    CARD, features=(*CARD.features, "control"), controls=(ControlKind.CANNY, ControlKind.SCRIBBLE)
)


def sketch() -> bytes:
    picture = Image.new("RGB", (320, 208), "white")
    ImageDraw.Draw(picture).ellipse((90, 40, 230, 180), outline="black", width=4)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.fixture
async def able(empty_studio: Studio) -> Studio:
    await empty_studio.open_bot()
    await empty_studio.open_engine(card=ABLE)
    return empty_studio


async def test_a_painting_follows_a_sketch_as_closely_as_one_asks(able: Studio, mia: Visitor) -> None:
    assert await mia.completions("/imagine prompt:x control:") == ["Edges", "Sketch"]

    await mia.say("/imagine prompt:a cat control:Sketch control_image:@cat.png control_strength:0.6", cat=sketch())

    assert "follows sketch × 0.6" in words(await mia.sees_pictures())
    assert able.engine is not None
    order = able.engine.orders[-1]
    assert order.request.control is not None
    assert (order.request.control.kind, order.request.control.strength) == (ControlKind.SCRIBBLE, 0.6)
    assert Image.open(io.BytesIO(order.control or b"")).size == (320, 208)


async def test_a_chinese_reader_says_it_in_chinese(able: Studio, bao: Visitor) -> None:
    assert await bao.completions("/画图 提示词:x 控制:边") == ["边缘"]

    await bao.say("/画图 提示词:一只猫 控制:边缘 控制图:@cat.png", cat=sketch())

    assert "参照边缘 × 0.75" in words(await bao.sees_pictures())


async def test_reroll_vary_and_edit_follow_the_same_picture_and_an_enlargement_does_not(
    able: Studio, mia: Visitor
) -> None:
    await mia.say("/imagine prompt:a cat control:canny control_image:@cat.png", cat=sketch())
    await mia.sees_pictures()
    assert able.engine is not None
    first = able.engine.orders[0]

    await mia.click("Reroll")
    await mia.sees_pictures(more_than=1)
    await mia.click("Vary")
    await mia.sees_pictures(more_than=2)
    await mia.press_edit()
    await mia.submit(prompt="a dog")
    await mia.sees_pictures(more_than=3)
    await mia.click("Upscale")
    await mia.sees_pictures(more_than=4)

    *followers, enlargement = able.engine.orders[1:]
    assert [(one.request.control, one.control) for one in followers] == [(first.request.control, first.control)] * 3
    assert (enlargement.request.control, enlargement.control) == (None, None)


async def test_what_cannot_be_followed_is_refused_in_one_sentence(able: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a cat control:Edges")
    await mia.is_told("Control needs a picture to follow: attach it as control_image.")
    await mia.say("/imagine prompt:a cat control_image:@cat.png", cat=sketch())
    await mia.is_told("Say with control what the attached control image shows, for example a sketch or a pose.")
    await mia.say("/imagine prompt:a cat control:smell control_image:@cat.png", cat=sketch())
    await mia.is_told("A painting cannot follow “smell” here. Choose one of: edges, sketch.")
    await bao.say("/imagine prompt:猫 control:深度 control_image:@cat.png", cat=sketch())
    await bao.is_told("这里不能按“深度”来控制，可选：边缘、草图。")

    assert [refusal.code for refusal in able.refusals] == [
        "control-without-picture", "control-picture-without-kind", "unknown-control", "unknown-control"
    ]  # fmt: skip
    assert able.engine is not None
    assert able.engine.orders == []


async def test_without_a_controlnet_nothing_is_offered(studio: Studio, mia: Visitor) -> None:
    for option in ("control", "control_image", "control_strength"):
        await mia.misses(option)


async def test_the_real_painter_follows_the_edges_of_a_picture(
    empty_studio: Studio, mia: Visitor, tmp_path: Path
) -> None:
    net = tiny_control.write_file(tmp_path / "Tiny-Union.safetensors", "2.1", model=STARTER)
    await empty_studio.open_bot()
    await empty_studio.open_worker(STARTER, "--controlnet", str(net), "--device", "cpu")
    assert await mia.completions("/imagine prompt:x control:") == ["Edges", "Depth", "Pose", "Sketch"]

    for more in ("control:canny control_image:@cat.png control_strength:0.3", ""):
        files = {"cat": sketch()} if more else {}
        await mia.say(f"/imagine prompt:a red star seed:7 steps:2 shape:1:1 {more}", **files)
        await mia.sees_pictures(more_than=0 if more else 1, within=90)

    led, bare = [
        await mia.download(picture["media"]["url"])
        for message in await mia.messages()
        if buttons(message)
        for picture in gallery(message)
    ]
    facts = png.read_facts(led)
    assert facts is not None
    assert (facts.control, facts.control_strength) == (ControlKind.CANNY, 0.3)
    assert (np.asarray(Image.open(io.BytesIO(led))) != np.asarray(Image.open(io.BytesIO(bare)))).mean() > 0.1
