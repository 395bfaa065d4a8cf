"""Catches pictures that are none: numbers that are not finite, nothing but black, or one and the same colour."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

from engine.worker.image.pixels import Pixels
from engine.worker.pipeline.sample import Sample

BLACK = 2  # of 255: a real picture of a dark night still has a brighter pixel somewhere


class FlatPicture(Exception):
    """The picture came out flat or not finite, also when painted again at higher precision."""


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


def broken(sample: Sample, pixels: Pixels, finite: bool) -> bool:
    """Whether this is what an overflow looks like, not a picture: `finite` tells of the latent.

    A tile or a part may be as flat as what it was painted over: a night sky, a white wall.
    """
    if not finite or not _is_flat(pixels):
        return not finite
    under = sample.under
    return under is None or not _is_flat(under)


def _is_flat(pixels: Pixels) -> bool:
    return int(pixels.max()) <= BLACK or bool((pixels == pixels[0, 0]).all())
