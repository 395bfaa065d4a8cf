"""How large a picture is painted that starts from another one, and what a cleaned PNG says of itself. Pure."""

from __future__ import annotations

import math
import struct

from protocol.card import ModelCard

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
LATENT = 8  # pixels of a position of the latent on each side
TOKEN = 16  # pixels of a token: sides of a canvas are multiples of it
ROOM = 1.5  # times the area of its largest shape that a model still paints well in one piece
LEAST = 0.25  # times its native area below which it does not


def in_one_piece(width: int, height: int, card: ModelCard) -> tuple[int, int]:
    """This size, cut down to whole tokens, where the model paints it well in one piece; else one of its proportions."""
    largest = max(width * height for width, height in card.shapes.values())
    area = width * height
    if LEAST * card.native_pixels <= area <= ROOM * largest and min(width, height) >= TOKEN:
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


def _whole_tokens(length: float) -> int:
    return max(TOKEN, round(length / TOKEN) * TOKEN)
