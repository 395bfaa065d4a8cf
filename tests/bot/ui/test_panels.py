"""What only their reader sees, as text."""

from __future__ import annotations

import json

import msgspec
import pytest

from bot.queue.engine import EngineView
from bot.translations import say
from bot.ui import panels
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
