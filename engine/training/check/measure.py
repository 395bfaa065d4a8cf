"""Measures in pixels whether a picture shows a scene: background, colours, place, relation and shapes.

Works on any picture, drawn or painted; knows nothing of models or words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.training.subjects.scenes import COLOURS, PLACES, SHAPES, Scene, layout, shape_mask

GRID = 48  # side, in pixels, of the square in which outlines are compared
LEAST_OVERLAP = 0.6  # intersection over union with the expected shape
AREA_RANGE = (0.3, 3.0)  # of the area that the scene asks for
FRAME = 0.035  # width of the border that must be background, as a share of the shorter side

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is right. `colours` and `shapes` have one entry per item; place and relation are None when not asked."""

    background: bool
    colours: tuple[bool, ...]
    shapes: tuple[bool, ...]
    place: bool | None
    relation: bool | None

    @property
    def right(self) -> bool:
        """Everything at once."""
        said = [self.background, *self.colours, *self.shapes, self.place, self.relation]
        return all(value is not False for value in said)


def judge(picture: Image.Image, scene: Scene) -> Verdict:
    """Compare an RGB picture with what `scene` asks for."""
    labels = nearest_colours(picture)
    height, width = labels.shape
    names = list(COLOURS)
    masks = [_opened(labels == names.index(item.colour)) for item in scene.items]
    wanted = [_area(spot.item.shape, spot.radius) for spot in layout(scene, width, height)]
    colours = tuple(AREA_RANGE[0] < mask.sum() / area < AREA_RANGE[1] for mask, area in zip(masks, wanted, strict=True))
    shapes = tuple(_is_shape(mask, item.shape) for mask, item in zip(masks, scene.items, strict=True))
    centres = [_centre(mask) for mask in masks]
    place = relation = None
    if scene.relation is None:
        place = _place(centres[0], width, height) == scene.place
    else:
        relation = _relation(centres[0], centres[1]) == scene.relation
    return Verdict(
        background=_is_background(labels, names.index(scene.background)),
        colours=colours,
        shapes=shapes,
        place=place,
        relation=relation,
    )


def nearest_colours(picture: Image.Image) -> NDArray[np.int64]:
    """For each pixel (height x width) the index of the nearest of the ten colours."""
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    palette = np.asarray(list(COLOURS.values()), np.float32)
    return ((pixels[:, :, None] - palette) ** 2).sum(-1).argmin(-1)


def best_shape(mask: Mask) -> tuple[str, float]:
    """The shape whose outline overlaps most, and by how much (0..1); ("", 0) for an empty mask."""
    if not mask.any():
        return "", 0.0
    found = _framed(mask)
    scores = {shape: _overlap(found, template) for shape, template in _templates().items()}
    best = max(scores, key=lambda shape: scores[shape])
    return best, scores[best]


def _is_shape(mask: Mask, shape: str) -> bool:
    best, overlap = best_shape(mask)
    return best == shape and overlap > LEAST_OVERLAP


def _is_background(labels: NDArray[np.int64], wanted: int) -> bool:
    edge = max(2, round(FRAME * min(labels.shape)))
    inner = np.zeros(labels.shape, bool)
    inner[edge:-edge, edge:-edge] = True
    return bool((labels[~inner] == wanted).mean() > 0.9)


def _opened(mask: Mask) -> Mask:
    """Without the thin lines that a soft edge leaves between two colours: eroded, then dilated by two pixels."""
    for _ in range(2):
        mask = _shifted(mask, np.logical_and)
    for _ in range(2):
        mask = _shifted(mask, np.logical_or)
    return mask


def _shifted(mask: Mask, join: np.ufunc) -> Mask:
    padded = np.pad(mask, 1)
    result = join(join(padded[:-2, 1:-1], padded[2:, 1:-1]), join(padded[1:-1, :-2], padded[1:-1, 2:]))
    return join(result, mask)


def _centre(mask: Mask) -> tuple[float, float]:
    if not mask.any():
        return math.nan, math.nan
    rows, columns = np.nonzero(mask)
    return (float(columns.min() + columns.max() + 1) / 2, float(rows.min() + rows.max() + 1) / 2)


def _place(centre: tuple[float, float], width: int, height: int) -> str:
    """The nearest of the nine places; big shapes are drawn nearer to the middle, so the bounds lie near it."""
    x, y = centre[0] / width - 0.5, centre[1] / height - 0.5
    column = "" if abs(x) < 0.075 else "left" if x < 0 else "right"
    row = "" if abs(y) < 0.075 else "top" if y < 0 else "bottom"
    name = f"{row} {column}".strip() or "centre"
    return name if name in PLACES else ""


def _relation(a: tuple[float, float], b: tuple[float, float]) -> str:
    dx, dy = a[0] - b[0], a[1] - b[1]
    if math.isnan(dx) or max(abs(dx), abs(dy)) < 1:
        return ""
    if abs(dx) > abs(dy):
        return "left of" if dx < 0 else "right of"
    return "above" if dy < 0 else "below"


def _framed(mask: Mask) -> Mask:
    """The mask's bounding box, centred in a square and scaled to GRID."""
    rows, columns = np.nonzero(mask)
    box = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    side = max(box.shape)
    square = np.zeros((side, side), np.uint8)
    top, left = (side - box.shape[0]) // 2, (side - box.shape[1]) // 2
    square[top : top + box.shape[0], left : left + box.shape[1]] = box * 255
    small = Image.fromarray(square).resize((GRID, GRID), Image.Resampling.BOX)
    return np.asarray(small) > 127


@cache
def _templates() -> dict[str, Mask]:
    return {shape: _framed(np.asarray(shape_mask(shape, 60, 60, 55, 120)) > 127) for shape in SHAPES}


@cache
def _unit_area(shape: str) -> float:
    return float((np.asarray(shape_mask(shape, 60, 60, 50, 120), np.float32) / 255).sum()) / 50**2


def _area(shape: str, radius: float) -> float:
    """Pixels that a shape covers."""
    return _unit_area(shape) * radius**2


def _overlap(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())
