"""Where a picture is painted in part, and the window of its canvas that a model sees for that. Pure.

On a canvas too large to be painted in one piece only a window around the part is painted.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from protocol.request import ImageRequest, Margins, Region

GRID = 16  # pixels; windows lie on whole tokens
ROOM = 1.5  # times the native area of a model that is painted in one piece
CONTEXT = 64  # pixels of the old picture that a window shows around the part, where there are so many


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


def cost(request: ImageRequest, native_pixels: int, longest: float = inf) -> float:
    """Work in megapixel-forwards, for fairness and for estimates of time.

    That of the whole canvas where only a mask or the source itself tells what is painted.
    """
    box = expected(request, native_pixels, longest)
    return box.width * box.height * request.forwards * request.count / 1e6


def expected(request: ImageRequest, native_pixels: int, longest: float = inf) -> Box:
    """The window that will be painted, as far as the request tells: a mask may make it smaller."""
    if request.mask is not None:
        part = None
    elif request.region is not None:
        part = region_box(request.width, request.height, request.region)
    else:
        part = None if request.margins is None else _around_new(request, request.margins)
    if part is None:
        return Box(x=0, y=0, width=request.width, height=request.height)
    return window(request.width, request.height, part, native_pixels, longest)


def region_box(width: int, height: int, region: Region) -> Box:
    """A half of a picture of so many pixels, or the middle half of each side."""
    middle_x, middle_y = width // GRID * GRID // 2, height // GRID * GRID // 2
    match region:
        case Region.LEFT:
            return Box(x=0, y=0, width=middle_x, height=height)
        case Region.RIGHT:
            return Box(x=middle_x, y=0, width=width - middle_x, height=height)
        case Region.TOP:
            return Box(x=0, y=0, width=width, height=middle_y)
        case Region.BOTTOM:
            return Box(x=0, y=middle_y, width=width, height=height - middle_y)
        case Region.CENTRE:
            x, y = middle_x // GRID * GRID // 2, middle_y // GRID * GRID // 2
            return Box(x=x, y=y, width=width - 2 * x, height=height - 2 * y)


def window(width: int, height: int, part: Box, native_pixels: int, longest: float = inf) -> Box:
    """What to paint of a canvas: all of it where it is small enough, else the part with as much around it as fits.

    `longest` is the longest side that the model has learned: beyond it a small one paints grey.
    """
    if width * height <= ROOM * native_pixels and max(width, height) <= longest:
        return Box(x=0, y=0, width=width, height=height)
    across, down = _on_grid(part.x, part.width), _on_grid(part.y, part.height)

    def grown(around: int) -> Box:
        (x, wide), (y, tall) = _grown(across, around, width), _grown(down, around, height)
        return Box(x=x, y=y, width=wide, height=tall)

    around = CONTEXT
    found, wider = grown(around), grown(around + GRID)
    while wider != found and wider.width * wider.height <= native_pixels and max(wider.width, wider.height) <= longest:
        around += GRID
        found, wider = wider, grown(around + GRID)
    return found


def _around_new(request: ImageRequest, margins: Margins) -> Box | None:
    """The box around all that is new: a strip where that is one side alone, else the whole; None where it is none."""
    width, height = request.width, request.height
    match (margins.left, margins.top, margins.right, margins.bottom):
        case (0, 0, 0, 0):
            return None
        case (left, 0, 0, 0):
            return Box(x=0, y=0, width=left, height=height)
        case (0, top, 0, 0):
            return Box(x=0, y=0, width=width, height=top)
        case (0, 0, right, 0):
            return Box(x=width - right, y=0, width=right, height=height)
        case (0, 0, 0, bottom):
            return Box(x=0, y=height - bottom, width=width, height=bottom)
        case _:
            return Box(x=0, y=0, width=width, height=height)


def _on_grid(start: int, length: int) -> tuple[int, int]:
    """(start, end) of a span that begins and ends between tokens, in pixels."""
    return start // GRID * GRID, -(-(start + length) // GRID) * GRID


def _grown(span: tuple[int, int], around: int, length: int) -> tuple[int, int]:
    """(start, length) of a span with so much more on both sides, moved to lie within `length`."""
    wide = min(span[1] - span[0] + 2 * around, length)
    return max(0, min(span[0] - around, length - wide)), wide
