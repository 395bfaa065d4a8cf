"""What only their reader sees, as text."""

from __future__ import annotations

import json

from bot.jobs.painter import EngineView
from bot.ui import panels
from engine.request import ControlKind
from tests.support.fake_engine import CARD


def test_engines_are_shown_with_what_each_of_them_has() -> None:
    view = EngineView(
        id="host-1", name="Z", model_id="z", device="cuda:0", dtype="bfloat16", threads=1, memory=24 * 2**30,
        policy="full", state="ready", speed=2.0, abilities=("text", "lora", "control"), loras=("ink", "oil *paint*"),
        controls=(ControlKind.CANNY,), notice="",
    )  # fmt: skip

    shown = json.dumps(panels.engines("en-US", [view], CARD).to_components(), ensure_ascii=False)

    assert "LoRA: ink, oil " in shown
    assert "*paint*" not in shown.replace("\\\\*", "")
    assert "ControlNet: edges" in shown
