"""How large a picture is painted: by its shape, or from another picture; what a cleaned PNG says of itself. Pure.

A shape is a ratio ("3:2") or a size in pixels ("768x512"); those of the card have their own sizes.
"""

from __future__ import annotations

import math
import re
import struct

from bot.jobs.errors import SizeUnfit, UnknownShape
from protocol.card import ModelCard

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
LATENT = 8  # pixels of a position of the latent on each side
TOKEN = 16  # pixels of a token: sides of a canvas are multiples of it
ROOM = 1.5  # times the area of its largest shape that a model still paints well in one piece
LEAST = 0.25  # times its native area below which it does not
_RATIO, _PIXELS = re.compile(r"([1-9]\d{0,2}):([1-9]\d{0,2})"), re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")


def size_of(shape: str, card: ModelCard) -> tuple[int, int]:
    """Width and height in pixels of a shape: the card's, else in whole tokens, where the model paints it well.

    Raises UnknownShape for what is none, and SizeUnfit.
    """
    if shape in card.shapes:
        return card.shapes[shape]
    if asked := asked_pixels(shape):
        width, height = asked
    elif ratio := _RATIO.fullmatch(shape):
        width, height = (math.sqrt(card.native_pixels * r) for r in (_aspect(ratio), 1 / _aspect(ratio)))
    else:
        raise UnknownShape(shape=shape, shapes=", ".join(card.shapes))
    size = _whole_tokens(width), _whole_tokens(height)
    least, most = _areas(card)
    if not least <= size[0] * size[1] <= most or max(size) > card.longest:
        raise SizeUnfit(shape=shape, least=math.isqrt(round(least)), most=math.isqrt(round(most)), longest=card.longest)
    return size


def asked_pixels(shape: str) -> tuple[int, int] | None:
    """Width and height of a shape that is a size in pixels, as they were asked for; None for a ratio."""
    pixels = _PIXELS.fullmatch(shape)
    return (int(pixels[1]), int(pixels[2])) if pixels else None


def in_one_piece(width: int, height: int, card: ModelCard) -> tuple[int, int]:
    """This size, cut down to whole tokens, where the model paints it well in one piece; else one of its proportions."""
    area = width * height
    least, most = _areas(card)
    if least <= area <= most and min(width, height) >= TOKEN:
        return width // TOKEN * TOKEN, height // TOKEN * TOKEN
    scale = math.sqrt(card.native_pixels / area)
    return _whole_tokens(scale * width), _whole_tokens(scale * height)


def around(length: int, factor: float) -> tuple[int, int]:
    """What is new on both sides, in whole positions of the latent, of a span that is seen `factor` times smaller."""
    new = length - round(length / factor / LATENT) * LATENT
    before = new // 2 // LATENT * LATENT
    return before, new - before


def nearest_shape(card: ModelCard, width: int, height: int) -> str:
    """The shape whose aspect is nearest to that of a picture, by ratio."""

    def distance(shape: str) -> float:
        w, h = card.shapes[shape]
        return abs(math.log(w / h) - math.log(width / height))

    return min(card.shapes, key=distance)


def png_size(picture: bytes) -> tuple[int, int]:
    """Width and height in pixels from the header of a PNG; square where it is none."""
    if len(picture) < 24 or not picture.startswith(PNG_SIGNATURE):
        return 1, 1
    width, height = struct.unpack(">II", picture[16:24])
    return max(width, 1), max(height, 1)


def is_partly_transparent(picture: bytes) -> bool:
    """Whether a cleaned PNG has kept its transparency: then something in it is transparent, and something is not."""
    return len(picture) > 25 and picture[25] == 6  # the colour type in its header: RGBA


def _areas(card: ModelCard) -> tuple[float, float]:
    """The smallest and the largest area, in pixels, that the model paints well in one piece."""
    return LEAST * card.native_pixels, ROOM * max(width * height for width, height in card.shapes.values())


def _aspect(ratio: re.Match[str]) -> float:
    return int(ratio[1]) / int(ratio[2])


def _whole_tokens(length: float) -> int:
    return max(TOKEN, round(length / TOKEN) * TOKEN)
