"""What a picture that is painted in part costs: that of the window which the model will see."""

from __future__ import annotations

import io
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.worker.edits.inpaint import lay_out
from protocol import geometry
from protocol.geometry import Box
from protocol.messages import Generate
from protocol.request import ImageRequest, Kind, Margins, Region
from tests.support.orders import request

NATIVE = 64 * 64
WIDTH, HEIGHT = 256, 160


def wish(**changes: object) -> ImageRequest:
    return request(kind=Kind.INPAINT, source="0" * 64, width=WIDTH, height=HEIGHT, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        *({"region": region} for region in Region),
        *({"margins": Margins(**{side: 48})} for side in ("left", "top", "right", "bottom")),
        {"margins": Margins(left=48, right=48, top=16, bottom=32)},
    ],
    ids=str,
)
def test_the_window_that_is_expected_is_the_one_that_is_painted(changes: dict[str, Margins | Region]) -> None:
    asked = wish(**changes)

    painted = lay_out(Generate(job="job", attempt=1, request=asked, wanted=(0,), source=_picture()), NATIVE).box

    assert geometry.expected(asked, NATIVE) == painted


def test_more_of_one_side_of_a_large_picture_costs_no_more_than_what_is_painted() -> None:
    small = wish(margins=Margins(left=48))
    large = request(kind=Kind.INPAINT, source="0" * 64, width=4 * WIDTH, height=HEIGHT, margins=Margins(left=48))

    assert geometry.cost(large, NATIVE) == geometry.cost(small, NATIVE) < WIDTH * HEIGHT * small.forwards / 1e6


def test_what_only_a_mask_tells_costs_as_much_as_the_whole_picture() -> None:
    asked = wish(mask="1" * 64, region=Region.LEFT, count=2)

    assert geometry.expected(asked, NATIVE) == Box(x=0, y=0, width=WIDTH, height=HEIGHT)
    assert geometry.cost(asked, NATIVE) == WIDTH * HEIGHT * 8 * 2 / 1e6


def _picture() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def test_what_is_longer_than_the_model_has_learned_is_painted_in_a_window() -> None:
    beside = Box(x=256, y=0, width=128, height=256)

    assert geometry.window(384, 256, beside, 256 * 256, 384) == Box(x=0, y=0, width=384, height=256)
    assert geometry.window(384, 256, beside, 256 * 256, 336) == Box(x=128, y=0, width=256, height=256)
    assert geometry.window(256, 384, Box(x=0, y=0, width=256, height=128), 256 * 256, 336).height == 256


@given(
    sides=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    shares=st.tuples(*[st.floats(0, 1)] * 4),
    native=st.sampled_from([32, 64, 256]),
    longest=st.sampled_from([32.0, 96.0, 336.0, inf]),
)
def test_a_window_holds_its_part_lies_within_its_canvas_and_is_found(
    sides: tuple[int, int], shares: tuple[float, ...], native: int, longest: float
) -> None:
    width, height = (16 * side for side in sides)
    x, y = int(shares[0] * (width - 1)), int(shares[1] * (height - 1))
    part = Box(x=x, y=y, width=1 + int(shares[2] * (width - x - 1)), height=1 + int(shares[3] * (height - y - 1)))

    seen = geometry.window(width, height, part, native**2, longest)

    assert 0 <= seen.x <= part.x
    assert 0 <= seen.y <= part.y
    assert part.x + part.width <= seen.x + seen.width <= width
    assert part.y + part.height <= seen.y + seen.height <= height
