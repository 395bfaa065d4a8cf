"""LoRAs and control pictures of a request, also where Discord's own bounds do not hold: over HTTP or after a change."""

from __future__ import annotations

import msgspec
import pytest

from bot.jobs.errors import NotOffered, OutOfRange, UnknownControl, UnknownLora
from bot.requests import control, loras
from bot.requests.control import ControlChoice
from protocol.request import Control, ControlKind, Lora
from tests.support.fake_engine import CARD

STOCKED = msgspec.structs.replace(
    CARD, features=(*CARD.features, "lora", "control"), loras=("Ink", "ink", "Gold"), controls=(ControlKind.POSE,)
)
NAME = "a" * 64


def test_capitals_matter_only_where_they_tell_two_files_apart() -> None:
    assert loras.resolved([Lora(name="gold"), Lora(name="ink")], STOCKED) == (Lora(name="Gold"), Lora(name="ink"))
    with pytest.raises(UnknownLora):
        loras.resolved([Lora(name="INK")], STOCKED)


@pytest.mark.parametrize("weight", [-4.1, 4.1, float("nan")])
def test_a_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(OutOfRange):
        loras.resolved([Lora(name="Gold", weight=weight)], STOCKED)


@pytest.mark.parametrize("strength", [0.0, 2.1, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(OutOfRange):
        control.resolved(ControlChoice(kind="pose", picture=NAME, strength=strength), STOCKED)


def test_a_guide_of_an_old_request_is_that_request_again() -> None:
    old = Control(kind=ControlKind.POSE, picture=NAME, strength=0.5)

    assert control.resolved(ControlChoice.of(old), STOCKED) == old
    assert control.resolved(ControlChoice.of(None), STOCKED) is None


def test_what_another_engine_cannot_do_is_refused_before_it_waits_there() -> None:
    with pytest.raises(NotOffered):
        loras.resolved([Lora(name="Gold")], CARD)
    with pytest.raises(UnknownControl):
        control.known(Control(kind=ControlKind.DEPTH, picture=NAME), STOCKED)
