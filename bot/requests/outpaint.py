"""A finished picture on a larger canvas: seen from farther away, or with more of one side. Pure.

Margins are multiples of 8 pixels, so that no position of the latent is half old and half new.
"""

from __future__ import annotations

from functools import partial

import msgspec

from bot.jobs.errors import TooLarge
from bot.jobs.job import Job, Picture
from bot.requests.derive import Continue
from bot.requests.sizes import TOKEN, around, in_one_piece, nearest_shape
from protocol.card import ModelCard
from protocol.request import ImageRequest, Margins, Region


def zoomed(old: Job, picture: Picture, *, card: ModelCard, seed: int, factor: float) -> ImageRequest:
    """The picture `factor` times smaller in the middle of a canvas of its own size."""
    width, height = in_one_piece(picture.width, picture.height, card)
    left, right = around(width, factor)
    top, bottom = around(height, factor)
    margins = Margins(left=left, top=top, right=right, bottom=bottom)
    return _outpainted(old, picture, card, seed, width, height, margins)


def panned(old: Job, picture: Picture, *, card: ModelCard, seed: int, side: Region) -> ImageRequest:
    """The picture as it is, with more on one side: half of it, or as much as is painted in one piece beside it.

    Raises TooLarge where the picture is too tall or too wide for that.
    """
    width, height = picture.width // TOKEN * TOKEN, picture.height // TOKEN * TOKEN
    sideways = side in (Region.LEFT, Region.RIGHT)
    along, across = (width, height) if sideways else (height, width)
    longest = max(max(shape) for shape in card.shapes.values())
    if across > longest:
        raise TooLarge(width=width, height=height, most=longest)
    more = max(TOKEN, min(along // 2, card.native_pixels // (2 * across)) // TOKEN * TOKEN)
    margins = Margins(**{side.value: more})
    if sideways:
        width += more
    else:
        height += more
    return _outpainted(old, picture, card, seed, width, height, margins)


ZOOM: dict[str, Continue] = {
    "zoom15": partial(zoomed, factor=1.5),
    "zoom2": partial(zoomed, factor=2.0),
}
PAN: dict[str, Continue] = {
    f"pan-{side}": partial(panned, side=side) for side in (Region.LEFT, Region.RIGHT, Region.TOP, Region.BOTTOM)
}


def _outpainted(
    old: Job, picture: Picture, card: ModelCard, seed: int, width: int, height: int, margins: Margins
) -> ImageRequest:
    request = old.request.outpainted(source=picture.blob, seed=seed, width=width, height=height, margins=margins)
    # The shape is what later variations are painted in.
    return msgspec.structs.replace(request, shape=nearest_shape(card, width, height))
