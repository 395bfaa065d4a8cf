"""What only their reader sees, as text."""

from __future__ import annotations

import json

import msgspec
import pytest

from bot.jobs.errors import BadSetting, UnknownModel
from bot.queue.engine import EngineView
from bot.service.service import QueueView
from bot.translations import say
from bot.ui import panels, text
from protocol.request import ControlKind
from tests.support.fake_engine import CARD


@pytest.mark.parametrize("feature", ["style", "enhance", "quality", "variety", "image"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_help_does_not_name_what_the_model_cannot_do(locale: str, feature: str) -> None:
    word = f"`{say(locale, f'option-{feature}')}`"
    able = msgspec.structs.replace(CARD, features=(*CARD.features, feature))
    bare = msgspec.structs.replace(CARD, features=tuple(one for one in CARD.features if one != feature))

    with_it, without = (
        json.dumps(panels.help_screen(locale, card, most_steps=20, guidance=3.0).to_components(), ensure_ascii=False)
        for card in (able, bare)
    )

    assert word in with_it
    assert word not in without


def test_engines_are_shown_with_what_each_of_them_has() -> None:
    view = EngineView(
        id="host-1", name="Z", model_id="z", device="cuda:0", dtype="bfloat16", threads=1, memory=24 * 2**30,
        policy="full", state="ready", speed=2.0, abilities=("text", "lora", "control"), loras=("ink", "oil *paint*"),
        unused_tensors={"ink": 1}, controls=(ControlKind.CANNY,), notice="",
    )  # fmt: skip

    shown = json.dumps(panels.engines("en-US", [view], CARD).to_components(), ensure_ascii=False)

    assert "LoRA: ink (1 tensor unused), oil " in shown
    assert "*paint*" not in shown.replace("\\\\*", "")
    assert "ControlNet: edges" in shown


def test_how_weights_are_kept_and_every_list_is_said_in_the_readers_language() -> None:
    view = EngineView(
        id="host-1", name="Z", model_id="z", device="cuda:0", dtype="bfloat16", threads=1, memory=24 * 2**30,
        policy="encoder-evicted, int8", state="ready", speed=2.0, abilities=("text", "lora"), loras=("ink", "oil"),
        controls=(ControlKind.CANNY, ControlKind.POSE), notice="",
    )  # fmt: skip
    waiting = QueueView(waiting=(), running=(), engines=(view,), everything_paused=False, guild_paused=False)

    def shown(panel: panels.Panel) -> str:
        return json.dumps(panel.to_components(), ensure_ascii=False)

    assert "权重：作画时移出文本编码器、int8" in shown(panels.status("zh-CN", waiting, CARD))
    assert "weights: the text encoder leaves while it paints, int8" in shown(panels.status("en-US", waiting, CARD))
    engines = shown(panels.engines("zh-CN", [view], CARD))
    assert "LoRA：ink、oil" in engines
    assert "ControlNet：边缘、姿势" in engines
    assert "可选：`a`、`b`" in shown(panels.models("zh-CN", "a", ["a", "b"], None))
    assert text.refusal("zh-CN", UnknownModel(model="x", models="a, b")) == "没有“x”这个模型，可选：a、b。"
    bad = BadSetting(key="sampler", value="x", allowed="shape, steps, per_minute")
    assert text.refusal("zh-CN", bad).endswith("可以是：画幅、步数、每分钟张数。")
    assert text.refusal("en-US", bad).endswith("Allowed: shape, steps, pictures a minute.")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("waiting-next", "下一个就轮到"),
        ("help-steps-double", "时间加倍，效果往往没有更好"),
        ("parameter-near", "接近种子 7"),
        ("more-vary", "变体：轻微变体贴近这张图，明显变体变化更大"),
        ("button-vary", "变体 7"),
        ("kind-variation", "变体"),
        ("feature-vary", "变体"),
    ],
)
def test_chinese_says_it_as_people_do_with_one_word_for_one_thing(key: str, said: str) -> None:
    assert say("zh-CN", key, seed=7, k=7) == said
