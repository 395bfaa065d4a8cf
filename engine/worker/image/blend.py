"""How old and new meet in a picture of which a part was painted: the new takes on the colours, and fades in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from engine.worker.image.pixels import Pixels

# Pixels over which the new fades in, all of them in the painted part: over what was there, or over nothing but fill.
FADE, FADE_NEW = 4, 8
CELL, CELLS = 8, 5  # pixels a side over which a drift is averaged; then over so many such cells a side, twice
TRUST = 0.05  # share of kept pixels around a cell at which their drift counts by half

Mask = npt.NDArray[np.bool_]  # height, width; true where it is painted


def joined(under: Pixels, painted: Pixels, paint: Mask, *, is_new: bool) -> Pixels:
    """The pixels `under`, with those `painted` over them where `paint` is true; all others as they were.

    `is_new` says that there was nothing but a fill. Sides are multiples of 8 pixels.
    """
    settled = painted + _drift(under, painted, paint)
    weight = _faded(paint, FADE_NEW if is_new else FADE)[:, :, None]
    return np.rint((under + weight * (settled - under)).clip(0, 255)).astype(np.uint8)


def _drift(under: Pixels, painted: Pixels, paint: Mask) -> npt.NDArray[np.float32]:
    """By how much a VAE has changed the colours of what was to be kept, on average; less and less farther away.

    It changes what is new beside it by as much.
    """
    kept = torch.from_numpy((~paint).astype(np.float32))[None]
    change = torch.from_numpy((under.astype(np.float32) - painted).transpose(2, 0, 1).copy())
    cells = functional.avg_pool2d(torch.cat([change * kept, kept])[None], CELL)
    for _ in range(2):
        cells = functional.avg_pool2d(cells, CELLS, stride=1, padding=CELLS // 2)
    drift = cells[:, :3] / (cells[:, 3:] + TRUST)
    return functional.interpolate(drift, size=paint.shape, mode="bilinear")[0].numpy().transpose(1, 2, 0)


def _faded(paint: Mask, fade: int) -> npt.NDArray[np.float32]:
    """How much of the new shows: 0 where nothing is painted, rising to 1 over `fade` pixels, less in thin parts."""
    depth, inner = np.zeros(paint.shape, dtype=np.float32), paint
    for _ in range(2 * fade):
        depth += inner
        inner = _eroded(inner)
    reach = max(1, min(fade, int(depth.max()) // 2))
    return np.minimum(depth / reach, 1)


def _eroded(paint: Mask) -> Mask:
    """Without its outermost pixels; beyond the edge of the picture it is thought to go on."""
    wider = np.pad(paint, 1, mode="edge")
    rows = wider[:-2] & wider[1:-1] & wider[2:]
    return rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
