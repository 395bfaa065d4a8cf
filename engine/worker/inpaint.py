"""Painting a part of a picture: which part, what lies under it before, and how old and new meet after.

What is not painted stays as it is to the last bit. On a canvas too large to be painted in one piece only a window
around the part is painted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn import functional

from engine.protocol import Generate
from engine.request import ImageRequest, Margins, Region
from engine.worker import denoise, images
from engine.worker.images import BadSource, Pixels

GRID = 16  # pixels; windows lie on whole tokens
ROOM = 1.5  # times the native area of a model that is painted in one piece
CONTEXT = 64  # pixels of the old picture that a window shows around the part, where there are so many
HALF = 128  # of 255: from here on a mask paints, and a pixel of the source is kept
# Pixels over which the new fades in, all of them in the painted part: over what was there, or over nothing but fill.
FADE, FADE_NEW = 4, 8
DISSOLVE = 32  # pixels beyond the edge of a source over which its outermost pixels go on

Mask = npt.NDArray[np.bool_]  # height, width; true where it is painted


class NothingToPaint(Exception):
    """No pixel of the canvas is to be painted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A rectangle of the canvas in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """To index rows and columns of an array with."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


@dataclass(frozen=True, kw_only=True, slots=True)
class Canvas:
    """The finished picture before anything is painted; what is new is filled from its surroundings."""

    pixels: Pixels
    paint: Mask
    box: Box  # the window that is painted
    fade: int  # pixels

    @property
    def window(self) -> Pixels:
        """The pixels that the model sees."""
        return self.pixels[self.box.slices]

    def latent_mask(self, factor: int) -> torch.Tensor:
        """(h, w) in fp32, 1 where the window is painted, `factor` pixels a position.

        As diffusers scales it (nearest neighbour), and besides what is so thin that it falls between the neighbours.
        """
        paint = torch.from_numpy(self.paint[self.box.slices].astype(np.float32))[None, None]
        nearest = paint[:, :, ::factor, ::factor]
        touched = functional.max_pool2d(paint, factor)
        seen = functional.max_pool2d(nearest, 3, stride=1, padding=1)
        return torch.maximum(nearest, touched * (1 - seen))[0, 0]

    def composed(self, painted: Pixels) -> Pixels:
        """The finished picture, given the window as painted."""
        whole = self.pixels.copy()
        under = whole[self.box.slices]
        weight = _faded(self.paint[self.box.slices], self.fade)[:, :, None]
        under[:] = np.rint(under + weight * (painted.astype(np.float32) - under)).astype(np.uint8)
        return whole

    def preview(self, painted: Pixels, factor: int) -> Pixels:
        """The whole picture small, given the window at one pixel for `factor`."""
        small = images.thumbnail(self.pixels, factor)
        y, x = self.box.y // factor, self.box.x // factor
        small[y : y + painted.shape[0], x : x + painted.shape[1]] = painted
        return small


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What keeps the rest of a picture in place while a part of it is painted. Tensors as a sample's latent."""

    canvas: Canvas
    encoded: torch.Tensor
    noise: torch.Tensor
    mask: torch.Tensor

    def blended(self, latent: torch.Tensor, sigma: float) -> torch.Tensor:
        """The latent with all that is kept at noise level `sigma`, as ZImageInpaintPipeline has it after each step."""
        kept = denoise.noised(self.encoded, self.noise, sigma) if sigma > 0 else self.encoded
        return (1 - self.mask) * kept + self.mask * latent


def lay_out(order: Generate, native_pixels: int) -> Canvas:
    """The canvas of an order of kind INPAINT. Raises BadSource, NothingToPaint."""
    request = order.request
    source = images.decode_source(order.source or b"", "RGBA")
    if order.mask is not None:
        mask = images.decode_source(order.mask, "L").resize(source.size, Image.Resampling.BILINEAR)
        pixels = _placed(source, request.width, request.height).convert("RGB")
        paint, fade = np.asarray(_placed(mask, request.width, request.height)) >= HALF, FADE
    elif request.region is not None:
        pixels = _placed(source, request.width, request.height).convert("RGB")
        paint, fade = region_mask(request, request.region), FADE
    elif request.margins is not None:
        pixels = _surrounded(source, request, request.margins)
        paint, fade = margins_mask(request, request.margins), FADE_NEW
    else:
        layer = _placed(source, request.width, request.height)
        solid = layer.getchannel("A").point([0] * HALF + [255] * (256 - HALF))
        layer.putalpha(solid)
        pixels, paint, fade = filled(layer), np.asarray(solid) == 0, FADE_NEW
    if not paint.any():
        raise NothingToPaint
    return Canvas(pixels=np.asarray(pixels), paint=paint, box=window(paint, native_pixels), fade=fade)


def expected_window(request: ImageRequest, native_pixels: int) -> tuple[int, int]:
    """Width and height of what the model will paint, as far as the request tells: a mask may make it smaller."""
    if request.mask is None and request.region is not None:
        paint = region_mask(request, request.region)
    elif request.mask is None and request.margins is not None:
        paint = margins_mask(request, request.margins)
    else:
        return request.width, request.height
    if not paint.any():
        return request.width, request.height
    box = window(paint, native_pixels)
    return box.width, box.height


def region_mask(request: ImageRequest, region: Region) -> Mask:
    """A half of the picture, or the middle half of each side."""
    paint = np.zeros((request.height, request.width), dtype=np.bool_)
    middle_x, middle_y = request.width // GRID * GRID // 2, request.height // GRID * GRID // 2
    match region:
        case Region.LEFT:
            paint[:, :middle_x] = True
        case Region.RIGHT:
            paint[:, middle_x:] = True
        case Region.TOP:
            paint[:middle_y] = True
        case Region.BOTTOM:
            paint[middle_y:] = True
        case Region.CENTRE:
            y, x = middle_y // GRID * GRID // 2, middle_x // GRID * GRID // 2
            paint[y : request.height - y, x : request.width - x] = True
    return paint


def margins_mask(request: ImageRequest, margins: Margins) -> Mask:
    """Everything but the source."""
    paint = np.ones((request.height, request.width), dtype=np.bool_)
    paint[margins.top : request.height - margins.bottom, margins.left : request.width - margins.right] = False
    return paint


def window(paint: Mask, native_pixels: int) -> Box:
    """What to paint of a canvas: all of it where it is small enough, else the part with as much around it as fits."""
    height, width = paint.shape
    if width * height <= ROOM * native_pixels:
        return Box(x=0, y=0, width=width, height=height)
    columns, rows = np.flatnonzero(paint.any(axis=0)), np.flatnonzero(paint.any(axis=1))
    across, down = _on_grid(columns[0], columns[-1]), _on_grid(rows[0], rows[-1])
    around = CONTEXT
    while _grown(across, around + GRID, width)[1] * _grown(down, around + GRID, height)[1] <= native_pixels:
        around += GRID
    (x, wide), (y, tall) = _grown(across, around, width), _grown(down, around, height)
    return Box(x=x, y=y, width=wide, height=tall)


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


def _placed(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Cropped where it is larger by less than a token, so that no pixel changes; else scaled to cover and cropped."""
    x, y = picture.width - width, picture.height - height
    if 0 <= x < GRID and 0 <= y < GRID:
        return picture.crop((x // 2, y // 2, x // 2 + width, y // 2 + height))
    return images.cover(picture, width, height)


def _surrounded(source: Image.Image, request: ImageRequest, margins: Margins) -> Pixels:
    """The source in its place; around it its outermost pixels go on, and dissolve into all its colours.

    Raises BadSource.
    """
    width = request.width - margins.left - margins.right
    height = request.height - margins.top - margins.bottom
    if width < 1 or height < 1:
        raise BadSource("the margins leave no room for the source")
    inner = _placed(source.convert("RGB"), width, height)
    layer = Image.new("RGBA", (request.width, request.height))
    layer.paste(inner, (margins.left, margins.top))
    sides = ((margins.top, margins.bottom), (margins.left, margins.right))
    going_on = np.pad(np.asarray(inner, dtype=np.float32), (*sides, (0, 0)), mode="edge")
    away = np.maximum(*np.ix_(*(_away(length, *side) for length, side in zip((height, width), sides, strict=True))))
    share = np.minimum(away / DISSOLVE, 1)[:, :, None]
    return np.rint(going_on + share * (np.asarray(filled(layer)) - going_on)).astype(np.uint8)


def _away(length: int, before: int, after: int) -> npt.NDArray[np.float32]:
    """How many pixels each position of a side of the canvas lies outside the source."""
    return np.concatenate(
        [np.arange(before, 0, -1), np.zeros(length), np.arange(1, after + 1)], dtype=np.float32, casting="same_kind"
    )


def _on_grid(first: int, last: int) -> tuple[int, int]:
    """(start, end) of a span that begins and ends between tokens, in pixels."""
    return int(first) // GRID * GRID, -(-(int(last) + 1) // GRID) * GRID


def _grown(span: tuple[int, int], around: int, length: int) -> tuple[int, int]:
    """(start, length) of a span with so much more on both sides, moved to lie within `length`."""
    wide = min(span[1] - span[0] + 2 * around, length)
    return max(0, min(span[0] - around, length - wide)), wide


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
