"""Tells which thing stands where a stage says that one stands: the emoji nearest to the pixels there, over poses.

Works on any picture, drawn or painted; knows nothing of models or words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.training.subjects.stage import Box, Stage, fitted, ground, layout, light_of

GRID = 32  # side, in pixels, of the square in which pictures are compared
POSES = tuple((dx, dy, grow) for grow in (0.94, 1.0, 1.06) for dx in (-0.05, 0.0, 0.05) for dy in (-0.05, 0.0, 0.05))

Pixels = NDArray[np.float32]


class Recogniser:
    """Knows the pictures (RGBA, by code) of the things that may be meant."""

    def __init__(self, codes: Sequence[str], pictures: Mapping[str, Image.Image]) -> None:
        self.codes, self.pictures = tuple(codes), pictures
        self._cutouts: dict[tuple[bool, str], Pixels] = {}

    def recognise(self, picture: Image.Image, stage: Stage, index: int) -> str:
        """The code of the thing that the RGB `picture` shows where `stage` has its prop `index`, a thing."""
        return self.ranking(picture, stage, index)[0]

    def ranking(self, picture: Image.Image, stage: Stage, index: int) -> list[str]:
        """All codes, the nearest first."""
        width, height = picture.size
        box = layout(stage, width, height)[index]
        bare = ground(stage, width, height)
        cutouts = np.stack([self._cutout(code, box) for code in self.codes])
        light = np.asarray(light_of(stage), np.float32)
        cover = cutouts[..., 3:]
        expected = _square(bare, box) * (1 - cover) + cutouts[..., :3] * light * cover
        flat = expected.reshape(len(self.codes), -1)
        sizes = (flat**2).sum(1)
        seen = np.stack([_square(picture, box, pose).ravel() for pose in POSES], 1)
        far = sizes[:, None] - 2 * flat @ seen + (seen**2).sum(0)
        order = far.min(1).argsort()
        return [self.codes[number] for number in order]

    def _cutout(self, code: str, box: Box) -> Pixels:
        """The thing in its box as GRID x GRID x 4 in 0..1."""
        key = (box.floor, code)
        if key not in self._cutouts:
            square = Image.new("RGBA", (128, 128))
            emoji = box.prop.emoji
            assert emoji is not None
            other = replace(box.prop, emoji=replace(emoji, code=code))
            thing = fitted(replace(box, prop=other, side=128), self.pictures)
            square.paste(thing, ((128 - thing.width) // 2, (128 - thing.height) // (1 if box.floor else 2)))
            small = _shares(square.convert("RGBa").resize((GRID, GRID), Image.Resampling.BOX))
            small[..., :3] /= np.maximum(small[..., 3:], 1e-3)
            self._cutouts[key] = small
        return self._cutouts[key]


def _square(picture: Image.Image, box: Box, pose: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Pixels:
    """What lies in the box, moved by shares of its side and grown, as GRID x GRID x 3 in 0..1."""
    dx, dy, grow = pose
    half, x, y = box.side * grow / 2, box.x + dx * box.side, box.y + dy * box.side
    edges = (x - half, y - half, x + half, y + half)
    small = picture.convert("RGB").resize((GRID, GRID), Image.Resampling.BOX, box=_inside(edges, picture.size))
    return _shares(small)


def _shares(picture: Image.Image) -> Pixels:
    return np.asarray(picture, np.float32) / np.float32(255)


def _inside(edges: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    left, top, right, bottom = edges
    return max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
