"""What lies under the new parts of a picture before they are painted: the colours around them, going on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.worker.image.pixels import Pixels

RIM = 8  # pixels whose mean goes on, since a VAE paints the outermost ones a little off
EVEN = 4  # pixels beyond the edge of a source over which its outermost pixel turns into that mean
DISSOLVE = 64  # pixels beyond the edge over which that mean dissolves into the colours of the whole


def surrounded(source: Image.Image, width: int, height: int, left: int, top: int) -> Pixels:
    """A picture in its place on a canvas of this size; around it its edges go on, and dissolve into its colours."""
    layer = Image.new("RGBA", (width, height))
    layer.paste(source, (left, top))
    inner = np.asarray(source, dtype=np.float32)
    sides = ((top, height - top - source.height), (left, width - left - source.width))
    outermost = np.pad(inner, (*sides, (0, 0)), mode="edge")
    going_on = np.pad(_with_even_rim(inner), (*sides, (0, 0)), mode="edge")
    spans = zip((source.height, source.width), sides, strict=True)
    away = np.maximum(*np.ix_(*(_away(length, *side) for length, side in spans)))[:, :, None]
    going_on = outermost + np.minimum(away / EVEN, 1) * (going_on - outermost)
    return np.rint(going_on + np.minimum(away / DISSOLVE, 1) * (np.asarray(filled(layer)) - going_on)).astype(np.uint8)


def filled(layer: Image.Image) -> Image.Image:
    """An RGBA picture as RGB: what is transparent takes the colours around it, the smoother the farther away."""
    levels = [layer]
    while levels[-1].getchannel("A").getextrema()[0] == 0 and max(levels[-1].size) > 1:
        levels.append(levels[-1].reduce(2))
    under = levels.pop().convert("RGB")
    while levels:
        level = levels.pop()
        under = under.resize(level.size, Image.Resampling.BICUBIC)
        under.paste(level.convert("RGB"), mask=level.getchannel("A"))
    return under


def _with_even_rim(inner: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """With the mean of the pixels along each edge in the place of the outermost."""
    rows = inner.copy()
    rows[0], rows[-1] = inner[:RIM].mean(axis=0), inner[-RIM:].mean(axis=0)
    even = rows.copy()
    even[:, 0], even[:, -1] = rows[:, :RIM].mean(axis=1), rows[:, -RIM:].mean(axis=1)
    return even


def _away(length: int, before: int, after: int) -> npt.NDArray[np.float32]:
    """How many pixels each position of a side of the canvas lies outside the source."""
    return np.concatenate(
        [np.arange(before, 0, -1), np.zeros(length), np.arange(1, after + 1)], dtype=np.float32, casting="same_kind"
    )
