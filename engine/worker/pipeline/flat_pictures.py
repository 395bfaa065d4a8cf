"""Catches pictures that are none: numbers that are not finite, nothing but black, or one and the same colour."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

from engine.worker.image.pixels import Pixels, is_flat
from engine.worker.pipeline.sample import Sample


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
    return not finite or (is_flat(pixels) and not sample.may_be_flat)
