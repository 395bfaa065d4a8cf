"""Stages: one or two things (emoji, or a sign with a text) on a plain ground or in a place, and how they are drawn.

Knows names only as what an `Emoji` carries; `stage_phrases.py` says stages in two languages.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from engine.training.subjects import book, places, scenes
from engine.training.subjects.book import Sign
from engine.training.subjects.emoji import Emoji
from engine.training.subjects.scenes import COLOURS

SIZES = {"small": 0.38, "medium": 0.62, "big": 0.82}  # longest side of a thing as a share of the picture's shorter
PAIR_SIZES = {"small": 0.28, "medium": 0.42, "big": 0.48}
RELATIONS = (*scenes.RELATIONS, "on", "under")
FLYING = {"transport-air", "sky-weather"}  # sections whose things have no shadow under them
GROUNDED = {"fog", "tornado", "thermometer", "closed umbrella", "umbrella on ground", "seat", "snowman"}
FLOATING = {"balloon", "kite", "bee", "butterfly", "dove", "parachute", "fireworks"}
KINDS = {"plain": 0.44, "place": 0.2, "pair": 0.2, "pair in place": 0.08, "with sign": 0.06, "empty place": 0.02}
# How a thing looks is learned where it stands alone, always in the same place; the rest must not be forgotten.
ALONE = {"plain": 0.8, "place": 0.1, "pair": 0.06, "pair in place": 0.02, "with sign": 0.01, "empty place": 0.01}
SIZE_SHARES = {"medium": 0.86, "small": 0.07, "big": 0.07}
HELD_OUT = 12  # one pair of things in so many is never drawn in training

Pictures = Mapping[str, Image.Image]


@dataclass(frozen=True, kw_only=True, slots=True)
class Prop:
    """What stands on a stage: an emoji or a sign; `size` is small, medium or big."""

    emoji: Emoji | None = None
    sign: Sign | None = None
    size: str = "medium"

    @property
    def flies(self) -> bool:
        """Whether it is in the air by nature."""
        if self.emoji is None:
            return False
        name = self.emoji.english[0]
        return (self.emoji.section in FLYING and name not in GROUNDED) or name in FLOATING


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """Up to two props, the first in `relation` to the second; `ground` is a colour, or a place at a `time`.

    `spot` is one of the nine places of a plain picture, for one small thing.
    """

    props: tuple[Prop, ...]
    ground: str
    time: str = "day"
    relation: str | None = None
    spot: str = "centre"

    @property
    def plain(self) -> bool:
        return self.ground in COLOURS


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """Where a prop is drawn: its middle and its longest side in pixels.

    With `shade` there is a shadow under it; with `floor` its lower edge is that of the box, however low it is.
    """

    prop: Prop
    x: float
    y: float
    side: float
    shade: bool
    floor: bool


def is_held_out(a: Emoji, b: Emoji) -> bool:
    """Whether these two are never shown together in training."""
    return a != b and zlib.crc32("+".join(sorted((a.code, b.code))).encode()) % HELD_OUT == 0


def random_stage(
    rng: Random, cast: Sequence[Emoji], *, kinds: Mapping[str, float] = KINDS, held_out: bool = False
) -> Stage:
    """A stage with things of `cast`; with `held_out`, pairs that training never shows."""
    kind = rng.choices(list(kinds), list(kinds.values()))[0]
    ground = "white" if rng.random() < 0.35 else rng.choice(list(COLOURS))
    time = "day"
    if "place" in kind or (kind == "with sign" and rng.random() < 0.3):
        ground = rng.choice(places.PLACES)
        time = "day" if ground in places.TIMELESS else rng.choices(places.TIMES, (0.5, 0.25, 0.25))[0]
    if kind == "empty place":
        return Stage(props=(), ground=ground, time=time)
    size = rng.choices(list(SIZE_SHARES), list(SIZE_SHARES.values()))[0]
    if kind in ("plain", "place"):
        spot = "centre"
        if kind == "plain" and rng.random() < 0.05:
            spot, size = rng.choice(list(scenes.PLACES)), "small"
        return Stage(props=(Prop(emoji=rng.choice(cast), size=size),), ground=ground, time=time, spot=spot)
    if kind == "with sign":
        sign = book.random_sign(rng)
        props = [Prop(emoji=rng.choice(cast)), Prop(sign=sign)]
        rng.shuffle(props)
        return Stage(props=tuple(props), ground=ground, time=time, relation=rng.choice(("left of", "right of")))
    first, second = _couple(rng, cast, held_out)
    relation = rng.choices(RELATIONS, (0.24, 0.24, 0.14, 0.14, 0.12, 0.12))[0]
    sizes = ("medium", "medium")
    if first == second:
        relation = "left of"
    elif rng.random() < 0.12:
        sizes = rng.choice((("small", "medium"), ("medium", "small"), ("big", "small"), ("small", "big")))
    props = tuple(Prop(emoji=thing, size=size) for thing, size in zip((first, second), sizes, strict=True))
    return Stage(props=props, ground=ground, time=time, relation=relation)


def _couple(rng: Random, cast: Sequence[Emoji], held_out: bool) -> tuple[Emoji, Emoji]:
    first = rng.choice(cast)
    if not held_out and rng.random() < 0.12:
        return first, first
    while True:
        first, second = rng.choice(cast), rng.choice(cast)
        if first != second and is_held_out(first, second) == held_out:
            return first, second


def layout(stage: Stage, width: int, height: int) -> tuple[Box, ...]:
    """Where the props of `stage` go in a picture of `width` x `height` pixels: always in the same place.

    Where they moved by a few pixels, or came in three sizes as often, 200 things were smears after 6,000 steps.
    """
    side = min(width, height)
    sizes = [(SIZES if len(stage.props) == 1 else PAIR_SIZES)[prop.size] for prop in stage.props]
    free = stage.plain and stage.relation is None
    return tuple(
        Box(prop=prop, x=x * width, y=y * height, side=size * side, shade=shade, floor=shade and not free)
        for prop, size, (x, y, shade) in zip(stage.props, sizes, _spots(stage, sizes, side / height), strict=True)
    )


def _spots(stage: Stage, sizes: list[float], unit: float) -> list[tuple[float, float, bool]]:
    """Middles as shares of the picture, and whether the prop stands; `unit` is the shorter side over the height."""
    standing = [not prop.flies and stage.ground != "space" for prop in stage.props]
    floor = 0.9 if not stage.plain else 0.72
    tall = [size * unit for size in sizes]
    if stage.relation is None:
        if not stage.props:
            return []
        if stage.plain or stage.ground == "space":
            return [(*scenes.PLACES[stage.spot], standing[0])]
        return [(0.5, floor - tall[0] / 2 if standing[0] else max(0.36, tall[0] / 2 + 0.02), standing[0])]
    if stage.relation in ("left of", "right of"):
        xs = (0.26, 0.74) if stage.relation == "left of" else (0.74, 0.26)
        high = 0.5 if stage.plain or stage.ground == "space" else 0.3
        return [
            (x, floor - size / 2 if stands else high, stands)
            for x, size, stands in zip(xs, tall, standing, strict=True)
        ]
    over, under = (0, 1) if stage.relation in ("above", "on") else (1, 0)
    touching = stage.relation in ("on", "under")
    bottom = 0.97 if not stage.plain else 0.94
    low = bottom - tall[under] / 2
    gap = -0.05 if touching else 0.03
    high = max(low - tall[under] / 2 - gap * unit - tall[over] / 2, tall[over] / 2 + 0.01)
    spots = [(0.5, 0.0, False)] * 2
    spots[over], spots[under] = (0.5, high, False), (0.5, low, standing[under])
    return spots


def draw(stage: Stage, pictures: Pictures, width: int, height: int) -> Image.Image:
    """`stage` as an RGB picture of `width` x `height` pixels."""
    picture = ground(stage, width, height)
    boxes = layout(stage, width, height)
    for box in sorted(boxes, key=lambda box: -box.y):  # the upper one stands on the lower
        put(picture, box, fitted(box, pictures), light_of(stage))
    return picture


def ground(stage: Stage, width: int, height: int) -> Image.Image:
    """The picture without its props."""
    if stage.plain:
        return Image.new("RGB", (width, height), COLOURS[stage.ground])
    return places.backdrop(stage.ground, stage.time, width, height).copy()


def light_of(stage: Stage) -> tuple[float, float, float]:
    """What the place leaves of a thing's colours."""
    return (1.0, 1.0, 1.0) if stage.plain or stage.ground in places.TIMELESS else places.LIGHT[stage.time]


def fitted(box: Box, pictures: Pictures) -> Image.Image:
    """The box's prop as RGBA, its longest side as long as the box's."""
    if box.prop.emoji is not None:
        trimmed = pictures[box.prop.emoji.code]
    else:
        assert box.prop.sign is not None
        trimmed = board(box.prop.sign)
    scale = box.side / max(trimmed.size)
    return trimmed.resize(
        (max(round(trimmed.width * scale), 1), max(round(trimmed.height * scale), 1)), Image.Resampling.LANCZOS
    )


def put(picture: Image.Image, box: Box, thing: Image.Image, light: tuple[float, float, float]) -> None:
    """Draw `thing` into its box, with a shadow where it stands. It stands on the box's lower edge."""
    bottom = box.y + (box.side if box.floor else thing.height) / 2
    top = bottom - thing.height
    left = box.x - thing.width / 2
    if box.shade:
        wide, high = max(int(thing.width * 0.86), 4), max(int(box.side * 0.09), 3)
        shade = places.shadow(wide, high)
        at = (round(box.x - shade.width / 2), round(bottom - shade.height / 2 - high * 0.15))
        tone = tuple(int(value * 0.35) for value in np.asarray(picture.resize((1, 1)))[0, 0])
        picture.paste(Image.new("RGB", shade.size, tone), at, shade)  # pyright: ignore[reportArgumentType]
    if light != (1.0, 1.0, 1.0):
        red, green, blue, alpha = thing.split()
        bands = [
            band.point(lambda value, share=share: int(value * share))
            for band, share in zip((red, green, blue), light, strict=True)
        ]
        thing = Image.merge("RGBA", (*bands, alpha))
    picture.paste(thing, (round(left), round(top)), thing)


@lru_cache(maxsize=256)
def board(sign: Sign) -> Image.Image:
    """A board on a post as RGBA: like the book's, but to stand beside something."""
    side = 256
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((side * 0.46, side * 0.5, side * 0.54, side - 1), fill=(150, 102, 62, 255))
    box = (2, side * 0.08, side - 3, side * 0.74)
    pen.rounded_rectangle(box, side * 0.08, fill=(*COLOURS[sign.board], 255), outline=(110, 74, 48, 255), width=8)
    font = book.font(sign.text, int(side * book.letter_size(sign.text) * 1.26))
    pen.text((side / 2, side * 0.41), sign.text, fill=(*COLOURS[sign.ink], 255), font=font, anchor="mm")
    return picture
