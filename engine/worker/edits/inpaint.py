"""Painting a part of a picture: which part, what lies under it before, and how old and new meet after.

What is not painted stays as it is to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from engine.worker.image import blend, fill, schedule
from engine.worker.image.blend import Mask
from engine.worker.image.pixels import BadSource, Pixels, cover, decode_source, thumbnail
from protocol import geometry
from protocol.geometry import GRID, Box
from protocol.messages import Generate
from protocol.request import ImageRequest, Margins, Region

HALF = 128  # of 255: from here on a mask paints, and a pixel of the source is kept
# Noise levels below which new positions of the latent are free, from the one that touches the old to the fifth; until
# then they stay the fill, which goes on from there, so that what is painted beside them agrees with the old. As in
# "Differential Diffusion" (Levin and Fried, 2023); tried on the starter, where more positions gain nothing.
FREE_BELOW = (0.35, 0.6, 0.7, 0.8, 0.86)
ALWAYS = 2.0  # above every noise level


class NothingToPaint(Exception):
    """No pixel of the canvas is to be painted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Canvas:
    """The finished picture before anything is painted; what is new is filled from its surroundings."""

    pixels: Pixels
    paint: Mask
    box: Box  # the window that is painted
    is_new: bool  # there is nothing but a fill under what is painted

    @property
    def seen(self) -> Pixels:
        """The pixels of the window."""
        return self.pixels[self.box.slices]

    def free_below(self, factor: int) -> torch.Tensor:
        """(h, w) in fp32: below which noise level each position of the window is painted, 0 for those that never are.

        What is painted is scaled as diffusers does it (nearest neighbour), and besides what is so thin that it falls
        between the neighbours. `factor` pixels are a position.
        """
        paint = torch.from_numpy(self.paint[self.box.slices].astype(np.float32))[None, None]
        nearest = paint[:, :, ::factor, ::factor]
        touched = functional.max_pool2d(paint, factor)
        seen = _grown_by_one(nearest)
        free = torch.maximum(nearest, touched * (1 - seen))
        levels = ALWAYS * free
        near = 1 - free
        for level in FREE_BELOW if self.is_new else ():
            nearer, near = near, _grown_by_one(near)
            levels = torch.where(near > nearer, level, levels)
        return levels[0, 0]

    def composed(self, painted: Pixels) -> Pixels:
        """The finished picture, given the window as painted."""
        whole = self.pixels.copy()
        under = whole[self.box.slices]
        under[:] = blend.joined(under, painted, self.paint[self.box.slices], is_new=self.is_new)
        return whole

    def preview(self, painted: Pixels, factor: int) -> Pixels:
        """The whole picture small, given the window at one pixel for `factor`."""
        small = thumbnail(self.pixels, factor)
        y, x = self.box.y // factor, self.box.x // factor
        small[y : y + painted.shape[0], x : x + painted.shape[1]] = painted
        return small


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What keeps the rest of a picture in place while a part of it is painted. Tensors as a sample's latent."""

    canvas: Canvas
    encoded: torch.Tensor
    noise: torch.Tensor
    free_below: torch.Tensor

    def noised(self, sigma: float) -> torch.Tensor:
        """The latent of what lies there before, at noise level `sigma`."""
        return schedule.noised(self.encoded, self.noise, sigma) if sigma > 0 else self.encoded

    def blended(self, latent: torch.Tensor, sigma: float) -> torch.Tensor:
        """The latent with all that is kept at noise level `sigma`, as ZImageInpaintPipeline has it after each step."""
        return torch.where(self.free_below > sigma, latent, self.noised(sigma))


def lay_out(order: Generate, native_pixels: int, longest: float = inf) -> Canvas:
    """The canvas of an order of kind INPAINT. Raises BadSource, NothingToPaint."""
    request = order.request
    source = decode_source(order.source or b"", "RGBA")
    if order.mask is not None:
        mask = decode_source(order.mask, "L").resize(source.size, Image.Resampling.BILINEAR)
        pixels = _placed(source, request.width, request.height).convert("RGB")
        paint, is_new = np.asarray(_placed(mask, request.width, request.height)) >= HALF, False
    elif request.region is not None:
        pixels = _placed(source, request.width, request.height).convert("RGB")
        paint, is_new = region_mask(request, request.region), False
    elif request.margins is not None:
        pixels = _surrounded(source, request, request.margins)
        paint, is_new = margins_mask(request, request.margins), True
    else:
        layer = _placed(source, request.width, request.height)
        solid = layer.getchannel("A").point([0] * HALF + [255] * (256 - HALF))
        layer.putalpha(solid)
        pixels, paint, is_new = fill.filled(layer), np.asarray(solid) == 0, True
    if not paint.any():
        raise NothingToPaint
    box = geometry.window(request.width, request.height, _around(paint), native_pixels, longest)
    return Canvas(pixels=np.asarray(pixels), paint=paint, box=box, is_new=is_new)


def region_mask(request: ImageRequest, region: Region) -> Mask:
    """True in that region."""
    paint = np.zeros((request.height, request.width), dtype=np.bool_)
    paint[geometry.region_box(request.width, request.height, region).slices] = True
    return paint


def margins_mask(request: ImageRequest, margins: Margins) -> Mask:
    """Everything but the source."""
    paint = np.ones((request.height, request.width), dtype=np.bool_)
    paint[margins.top : request.height - margins.bottom, margins.left : request.width - margins.right] = False
    return paint


def _placed(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Cropped where it is larger by less than a token, so that no pixel changes; else scaled to cover and cropped."""
    x, y = picture.width - width, picture.height - height
    if 0 <= x < GRID and 0 <= y < GRID:
        return picture.crop((x // 2, y // 2, x // 2 + width, y // 2 + height))
    return cover(picture, width, height)


def _surrounded(source: Image.Image, request: ImageRequest, margins: Margins) -> Pixels:
    """Raises BadSource."""
    width = request.width - margins.left - margins.right
    height = request.height - margins.top - margins.bottom
    if width < 1 or height < 1:
        raise BadSource("the margins leave no room for the source")
    inner = _placed(source.convert("RGB"), width, height)
    return fill.surrounded(inner, request.width, request.height, margins.left, margins.top)


def _around(paint: Mask) -> Box:
    """The box around all that is painted, of which there is something."""
    columns, rows = np.flatnonzero(paint.any(axis=0)), np.flatnonzero(paint.any(axis=1))
    left, top = int(columns[0]), int(rows[0])
    return Box(x=left, y=top, width=int(columns[-1]) + 1 - left, height=int(rows[-1]) + 1 - top)


def _grown_by_one(positions: torch.Tensor) -> torch.Tensor:
    """(1, 1, h, w) with all neighbours."""
    return functional.max_pool2d(positions, 3, stride=1, padding=1)
