"""When two pictures are the same picture: what the design promises, and no more.

Equal bytes are promised of one model and one request in the same company only. Two models, or two rows of one forward,
may sum in another order: kernels choose it by the processor and by where weights happen to lie in memory.
"""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image

LATENTS = 1e-5  # of the largest value, in fp32
LEVELS, SHARE = 1, 0.001  # in the PNG: how far, and of how many values


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference as a part of the largest value."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


def assert_same_latents(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert ours.shape == theirs.shape
    assert relative(ours, theirs) <= LATENTS, f"{relative(ours, theirs):.1e} apart"


def assert_same_pixels(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    difference = np.abs(ours.astype(int) - theirs.astype(int))
    assert difference.max() <= LEVELS, f"{difference.max()} levels apart"
    differ = int((difference > 0).sum())
    assert differ <= math.ceil(SHARE * difference.size), f"{differ} of {difference.size} values differ"


def decoded(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture))).astype(int)
