"""Control pictures as a ControlNet wants them: edges found in any picture, a sketch as white lines on black.

Edges need kornia (`pip install -e .[control]`); what else works without it is told by `available`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import torch
from PIL import Image, ImageOps

from engine.worker.image.pixels import Pixels
from protocol.request import ControlKind

# Of kornia's gradient of a picture in 0..1. About OpenCV's 100 and 200 of 8-bit pictures, with which edges for
# ControlNets are made.
WEAK, STRONG = 0.05, 0.1
DARK, BRIGHT = 32, 223  # of 255
NEITHER = 0.03  # share of pixels between black and white up to which a picture is a drawing of lines


def available(kinds: Sequence[ControlKind]) -> tuple[ControlKind, ...]:
    """Those of these kinds that can be prepared on this machine."""
    return tuple(kind for kind in kinds if kind is not ControlKind.CANNY or find_spec("kornia") is not None)


def prepared(picture: Image.Image, kind: ControlKind, device: torch.device) -> Image.Image:
    """The RGB picture as the ControlNet was shown such pictures when it was trained."""
    lines = np.asarray(picture.convert("L"))
    match kind:
        case ControlKind.CANNY:
            return picture if _is_white_on_black(lines) else Image.fromarray(edges(np.asarray(picture), device))
        case ControlKind.SCRIBBLE if lines.mean() > BRIGHT / 2:  # ink on paper
            return ImageOps.invert(picture)
        case _:
            return picture


def edges(pixels: Pixels, device: torch.device) -> Pixels:
    """Canny's edges of (height, width, 3) bytes, white on black, in three equal channels."""
    from kornia.filters import canny

    picture = torch.from_numpy(pixels.transpose(2, 0, 1).copy()).to(device).float()[None] / 255
    found = canny(picture, WEAK, STRONG)[1][0, 0]
    return (found * 255).to(torch.uint8).cpu().numpy()[:, :, None].repeat(3, axis=2)


def _is_white_on_black(lines: Pixels) -> bool:
    """Whether these are edges already: nearly all pixels black or white, most of them black."""
    between = ((lines > DARK) & (lines < BRIGHT)).mean()
    return bool(between <= NEITHER and (lines >= BRIGHT).mean() < 0.3)
