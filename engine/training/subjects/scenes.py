"""Flat scenes of one or two coloured shapes: what is in them, where it stands, and how it is drawn.

Knows nothing of words; `phrases.py` says scenes in two languages and `check.py` measures them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (226, 48, 52),
    "green": (52, 168, 78),
    "blue": (40, 92, 222),
    "yellow": (252, 214, 46),
    "orange": (248, 136, 28),
    "purple": (136, 66, 192),
    "black": (24, 24, 28),
    "white": (250, 250, 250),
    "pink": (250, 152, 194),
    "cyan": (56, 208, 222),
}
SHAPES = ("circle", "square", "triangle", "star", "heart", "ring", "cross", "diamond")
SIZES = {"small": 0.13, "medium": 0.21, "big": 0.32}  # radius as a share of the shorter side
PAIR_SIZES = {"small": 0.11, "medium": 0.17, "big": 0.22}
PLACES: dict[str, tuple[float, float]] = {
    "centre": (0.5, 0.5),
    "left": (0.22, 0.5),
    "right": (0.78, 0.5),
    "top": (0.5, 0.22),
    "bottom": (0.5, 0.78),
    "top left": (0.22, 0.22),
    "top right": (0.78, 0.22),
    "bottom left": (0.22, 0.78),
    "bottom right": (0.78, 0.78),
}  # x, y as shares of width and height
RELATIONS = ("left of", "right of", "above", "below")
SUPERSAMPLING = 3
# So little that the words nearly decide the picture: with 0.03 and 0.06 a model this small took noise for outlines.
JITTER, GROWTH = 0.006, 0.015  # of a place, as a share of the side; of a radius
MARGIN = 0.03  # between a shape and the edge, as a share of the shorter side


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One shape. `size` is small, medium or big."""

    shape: str
    colour: str
    size: str = "medium"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One item at a `place`, or two of which the first stands in `relation` to the second."""

    background: str
    items: tuple[Item, ...]
    place: str = "centre"
    relation: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """Where an item is drawn: centre and radius in pixels."""

    item: Item
    x: float
    y: float
    radius: float


def random_scene(rng: Random, *, held_out: bool = False) -> Scene:
    """A scene whose items are all of the held-out colour and shape combinations, or none of them."""
    background = "white" if rng.random() < 0.2 else rng.choice(list(COLOURS))
    free = [colour for colour in COLOURS if colour != background]
    if rng.random() < 0.5:
        item = _random_item(rng, free, held_out)
        place = "centre" if rng.random() < 0.3 else rng.choice(list(PLACES))
        return Scene(background=background, items=(item,), place=place)
    first = _random_item(rng, free, held_out)
    second = _random_item(rng, [colour for colour in free if colour != first.colour], held_out)
    return Scene(background=background, items=(first, second), relation=rng.choice(RELATIONS))


def is_held_out(colour: str, shape: str) -> bool:
    """Ten of the eighty combinations, each colour once: never drawn in training."""
    return (list(COLOURS).index(colour) * 3 + 5) % len(SHAPES) == SHAPES.index(shape)


def layout(scene: Scene, width: int, height: int, rng: Random | None = None) -> tuple[Spot, ...]:
    """Where the items of `scene` go in a picture of `width` x `height` pixels; `rng` adds a small jitter."""
    side = min(width, height)
    sizes = SIZES if len(scene.items) == 1 else PAIR_SIZES
    centres = _centres(scene)
    spots: list[Spot] = []
    for item, (x, y) in zip(scene.items, centres, strict=True):
        grow = 1.0 if rng is None else 1 + rng.uniform(-GROWTH, GROWTH)
        dx, dy = (0.0, 0.0) if rng is None else (rng.uniform(-JITTER, JITTER), rng.uniform(-JITTER, JITTER))
        radius = sizes[item.size] * side * grow
        edge = radius + MARGIN * side
        spots.append(
            Spot(
                item=item,
                x=min(max((x + dx) * width, edge), width - edge),
                y=min(max((y + dy) * height, edge), height - edge),
                radius=radius,
            )
        )
    return tuple(spots)


def draw(scene: Scene, width: int, height: int, rng: Random | None = None) -> Image.Image:
    """`scene` as an RGB picture of `width` x `height` pixels with smooth edges."""
    return draw_spots(scene.background, layout(scene, width, height, rng), width, height)


def draw_spots(background: str, spots: tuple[Spot, ...], width: int, height: int) -> Image.Image:
    """The items of `spots` on a plain background."""
    picture = Image.new("RGB", (width, height), COLOURS[background])
    for spot in spots:
        side = 2 * math.ceil(spot.radius) + 4
        left, top = math.floor(spot.x - side / 2), math.floor(spot.y - side / 2)
        mask = shape_mask(spot.item.shape, spot.x - left, spot.y - top, spot.radius, side)
        picture.paste(COLOURS[spot.item.colour], (left, top), mask)
    return picture


def shape_mask(shape: str, x: float, y: float, radius: float, side: int) -> Image.Image:
    """Coverage (0..255) of a shape around pixel (x, y) in a square of `side` pixels."""
    k = SUPERSAMPLING
    mask = Image.new("L", (side * k, side * k), 0)
    pen = ImageDraw.Draw(mask)
    if shape in ("circle", "ring"):
        _disc(pen, x * k, y * k, radius * k, 255)
        if shape == "ring":
            _disc(pen, x * k, y * k, radius * k * 0.55, 0)
    else:
        pen.polygon([((x + px * radius) * k, (y + py * radius) * k) for px, py in _OUTLINES[shape]], fill=255)
    return mask.reduce(k)


def _random_item(rng: Random, colours: list[str], held_out: bool) -> Item:
    size = rng.choices(("medium", "small", "big"), (0.5, 0.25, 0.25))[0]
    while True:
        colour, shape = rng.choice(colours), rng.choice(SHAPES)
        if is_held_out(colour, shape) == held_out:
            return Item(shape=shape, colour=colour, size=size)


def _centres(scene: Scene) -> list[tuple[float, float]]:
    if scene.relation is None:
        return [PLACES[scene.place]]
    near, far = 0.27, 0.73
    pairs = {
        "left of": [(near, 0.5), (far, 0.5)],
        "right of": [(far, 0.5), (near, 0.5)],
        "above": [(0.5, near), (0.5, far)],
        "below": [(0.5, far), (0.5, near)],
    }
    return pairs[scene.relation]


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: int) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _star() -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for index in range(10):
        angle, radius = -math.pi / 2 + index * math.pi / 5, 1.0 if index % 2 == 0 else 0.42
        points.append((radius * math.cos(angle), radius * math.sin(angle) + 0.05))
    return points


def _heart() -> list[tuple[float, float]]:
    """The usual 16 sin³ heart, scaled to the unit circle."""
    points: list[tuple[float, float]] = []
    for index in range(60):
        a = 2 * math.pi * index / 60
        y = 13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a)
        points.append((16 * math.sin(a) ** 3 / 17, -(y + 2.5) / 16))
    return points


_OUTLINES: dict[str, list[tuple[float, float]]] = {
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "triangle": [(0.0, -0.92), (0.98, 0.8), (-0.98, 0.8)],
    "star": _star(),
    "heart": _heart(),
    "cross": [
        *((-0.32, -0.95), (0.32, -0.95), (0.32, -0.32), (0.95, -0.32), (0.95, 0.32), (0.32, 0.32)),
        *((0.32, 0.95), (-0.32, 0.95), (-0.32, 0.32), (-0.95, 0.32), (-0.95, -0.32), (-0.32, -0.32)),
    ],
    "diamond": [(0.0, -1.0), (0.72, 0.0), (0.0, 1.0), (-0.72, 0.0)],
}
