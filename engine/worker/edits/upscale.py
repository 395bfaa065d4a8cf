"""A picture made larger: enlarged, then repainted tile by tile, so that memory does not grow with its size.

What is coarser than a token stays the source's at every step. So neighbouring tiles agree on it and meet without a
seam, and no tile paints the whole prompt for itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isqrt

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn import functional

from engine.worker.image import schedule
from engine.worker.image.pixels import Pixels, cover, covering_box, to_tensor
from engine.worker.image.vae import Vae

GRID = 16  # pixels; tiles lie on whole tokens
COARSE = 2  # latent positions a side; what spans more is held to the source while a tile is painted
COLOUR_CELL = 32  # pixels a side over which the mean colour of a painted tile is that of the source


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A rectangle of the large picture, in pixels. `left` and `top` feather into what is painted already."""

    x: int
    y: int
    width: int
    height: int
    left: int = 0
    top: int = 0


def tiles(width: int, height: int, native_pixels: int) -> tuple[Tile, ...]:
    """Overlapping tiles of at most the model's native area that cover the picture, row by row."""
    side = isqrt(native_pixels) // GRID * GRID
    columns, rows = _spans(width, side), _spans(height, side)
    return tuple(
        Tile(x=x, y=y, width=min(side, width), height=min(side, height), left=left, top=top)
        for y, top in rows
        for x, left in columns
    )


def _spans(length: int, side: int) -> list[tuple[int, int]]:
    """(start, overlap with the one before) of spans of `side` that cover `length` evenly."""
    if length <= side:
        return [(0, 0)]
    overlap = max(GRID, side // 8 // GRID * GRID)
    gaps = -(-(length - side) // (side - overlap))
    starts = [round((length - side) * index / gaps / GRID) * GRID for index in range(gaps + 1)]
    return [(0, 0), *((second, first + side - second) for first, second in pairwise(starts))]


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """Holds the coarse features of a tile to its source. Tensors as a sample's latent, (16, 1, h, w)."""

    encoded: torch.Tensor
    noise: torch.Tensor

    def noised(self, sigma: float) -> torch.Tensor:
        """The source's own latent at noise level `sigma`."""
        return schedule.noised(self.encoded, self.noise, sigma) if sigma > 0 else self.encoded

    def held(self, latent: torch.Tensor, sigma: float) -> torch.Tensor:
        """The latent at noise level `sigma` with the coarse features that the source has there."""
        wanted = self.noised(sigma)
        change = functional.avg_pool2d((wanted - latent).transpose(0, 1), COARSE)
        size = latent.shape[2:]
        return latent + functional.interpolate(change, size=size, mode="bilinear").transpose(0, 1)


class Sheet:
    """The large picture while its tiles are made: enlarged source, and over it what is done so far."""

    def __init__(self, source: Image.Image, width: int, height: int, *, native_pixels: int) -> None:
        self._source = source
        self._box = covering_box(source, width, height)
        self.tiles = tiles(width, height, native_pixels)
        self.pixels: Pixels = np.array(cover(source, width, height))

    def source_of(self, tile: Tile) -> Pixels:
        """The enlarged source under a tile."""
        left, top, right, bottom = self._box
        height, width, _ = self.pixels.shape
        across, down = (right - left) / width, (bottom - top) / height
        box = (
            left + tile.x * across,
            top + tile.y * down,
            left + (tile.x + tile.width) * across,
            top + (tile.y + tile.height) * down,
        )
        size = (tile.width, tile.height)
        return np.asarray(self._source.resize(size, Image.Resampling.LANCZOS, box=box))

    def paste(self, tile: Tile, painted: Pixels) -> None:
        """Lay a painted tile over the picture, feathered where it overlaps earlier ones."""
        weight = _ramp(tile.height, tile.top)[:, None, None] * _ramp(tile.width, tile.left)[None, :, None]
        under = self.pixels[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
        mixed = under + weight * (painted.astype(np.float32) - under)
        under[:] = np.rint(mixed).astype(np.uint8)


class TiledCanvas(Sheet):
    """A sheet whose tiles the model repaints."""

    def __init__(
        self, source: Image.Image, width: int, height: int, *, native_pixels: int, noise: torch.Tensor
    ) -> None:
        super().__init__(source, width, height, native_pixels=native_pixels)
        self._noise = noise  # (1, 16, height / 8, width / 8): one field, so that overlaps agree
        self._factor = height // noise.shape[2]

    def anchor(self, tile: Tile, vae: Vae) -> Anchor:
        """What a tile is held to: the source under it, and its part of the noise."""
        encoded = vae.encode(to_tensor(self.source_of(tile)))
        return Anchor(encoded=encoded[0].unsqueeze(1), noise=self._noise_of(tile)[0].unsqueeze(1))

    def _noise_of(self, tile: Tile) -> torch.Tensor:
        """(1, 16, h, w)."""
        x, y = tile.x // self._factor, tile.y // self._factor
        width, height = tile.width // self._factor, tile.height // self._factor
        return self._noise[:, :, y : y + height, x : x + width]

    def settled(self, tile: Tile, painted: Pixels) -> Pixels:
        """A painted tile without the drift of colours that decoding leaves: on average over each cell the source's."""
        source = self.source_of(tile)
        size = (max(1, tile.width // COLOUR_CELL), max(1, tile.height // COLOUR_CELL))
        settled = painted.astype(np.float32)
        for channel in range(3):
            wanted, found = (
                np.asarray(Image.fromarray(pixels[:, :, channel]).resize(size, Image.Resampling.BOX), dtype=np.float32)
                for pixels in (source, painted)
            )
            drift = Image.fromarray(wanted - found).resize((tile.width, tile.height), Image.Resampling.BICUBIC)
            settled[:, :, channel] += np.asarray(drift)
        return np.rint(settled.clip(0, 255)).astype(np.uint8)


def _ramp(length: int, feather: int) -> npt.NDArray[np.float32]:
    """Weights of a tile along one side: rising over the overlap, then 1."""
    weights = np.ones(length, dtype=np.float32)
    weights[:feather] = (np.arange(feather, dtype=np.float32) + 0.5) / max(feather, 1)
    return weights
