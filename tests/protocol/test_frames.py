"""Frames: whole messages survive, everything else is refused without harm."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import frames
from protocol.frames import BadFrame
from protocol.messages import Cancel, Failed, Progress, Stop
from tests.support.orders import order


@pytest.mark.parametrize("command", [order(count=4, source=b"png", guidance=2.5), Cancel(job="a"), Stop()])
def test_commands_survive_the_wire(command: object) -> None:
    assert frames.decode_command(frames.encode(command)) == command  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "event",
    [
        Failed(job="a", attempt=1, k=0, code="x", arguments={"tokens": 9, "who": "星", "f": 0.5}),
        Progress(job="a", attempt=1, step=1, steps=8, preview=b"jpeg"),
    ],
)
def test_events_survive_the_wire(event: object) -> None:
    assert frames.decode_event(frames.encode(event)) == event  # type: ignore[arg-type]


@given(frame=st.binary(max_size=200))
def test_any_other_bytes_are_a_bad_frame(frame: bytes) -> None:
    for decode in (frames.decode_command, frames.decode_event):
        with pytest.raises(BadFrame):
            decode(frame)


def test_an_event_is_no_command() -> None:
    with pytest.raises(BadFrame):
        frames.decode_command(frames.encode(Progress(job="a", attempt=1, step=1, steps=8)))


@pytest.mark.parametrize(
    "wrong", [{"width": 65}, {"width": 16384}, {"steps": 0}, {"count": 5}, {"strength": 0.0}, {"source": "x"}]
)
def test_a_request_out_of_its_bounds_is_a_bad_frame(wrong: dict[str, object]) -> None:
    message = msgspec.to_builtins(order())
    message["request"] |= wrong

    with pytest.raises(BadFrame):
        frames.decode_command(msgspec.msgpack.encode(message))


def test_a_frame_over_the_cap_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadFrame, match="over the limit"):
        frames.decode_command(bytes(frames.MAX_FRAME + 1))
