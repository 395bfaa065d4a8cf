"""Catches pictures that are none: numbers that are not finite, or nothing but black."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

from engine.worker.images import Pixels

BLACK = 2  # of 255: a real picture of a dark night still has a brighter pixel somewhere


class FlatPicture(Exception):
    """The picture came out black or not finite, also when painted again at higher precision."""


@contextmanager
def full_precision(*modules: torch.nn.Module) -> Generator[None]:
    """These modules in fp32 for a while. bf16 weights come back unchanged: each is exactly an fp32 number."""
    before = [next(module.parameters()).dtype for module in modules]
    try:
        with torch.inference_mode(mode=False):
            for module in modules:
                module.to(dtype=torch.float32)  # may not fit
        yield
    finally:
        with torch.inference_mode(mode=False):
            for module, dtype in zip(modules, before, strict=True):
                module.to(dtype=dtype)


def broken(pixels: Pixels, finite: bool) -> bool:
    """Whether this is what an overflow looks like, not a picture. `finite` tells of the latent."""
    return not finite or int(pixels.max()) <= BLACK
