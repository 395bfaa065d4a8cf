"""What sets pictures of one prompt apart, or keeps them near another: noise on its embedding, noise from two seeds.

Everything is drawn on the processor from seeds alone, apart from the generator that draws a picture's own noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from protocol.request import Blend, ImageRequest

SHARE = 0.5  # of an embedding's values that are moved
EARLY = 0.25  # of a picture's steps that see the moved embedding: they settle what is where, the rest follows the words
STREAM = 0x56415249  # of 32 bits, as seeds are; keeps these draws from repeating those of the latent
PARALLEL = 1e-6  # below this sine of the angle between two noises there is no arc between them


def early_steps(steps: int) -> int:
    """How many of a picture's steps see the moved embedding."""
    return math.ceil(EARLY * steps)


def moved(caption: torch.Tensor, request: ImageRequest, seed: int, *, reach: float) -> torch.Tensor:
    """An embedding (tokens, width) with seeded noise on part of its values, in each token's own measure.

    At variety 1 the noise reaches `reach` standard deviations of a token's values to either side.
    """

    def draw(one: int) -> torch.Tensor:
        return _offsets(caption.shape, one)

    offsets = turned(draw(seed), request.blend, draw).to(caption.device)
    measure = caption.float().std(dim=-1, keepdim=True)
    return (caption.float() + request.variety * reach * measure * offsets).to(caption.dtype)


def turned(own: torch.Tensor, blend: Blend | None, draw: Callable[[int], torch.Tensor]) -> torch.Tensor:
    """Noise turned towards what `draw` makes of the blend's seed, which may be turned itself; as it is without one."""
    if blend is None:
        return own
    return slerp(own, turned(draw(blend.seed), blend.toward, draw), blend.amount)


def slerp(start: torch.Tensor, end: torch.Tensor, amount: float) -> torch.Tensor:
    """`amount` of the way from one noise to another along the arc between them, so that it stays as strong as noise."""
    a, b = start.double(), end.double()
    cosine = float((a * b).sum() / (a.norm() * b.norm()))
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if math.sin(angle) < PARALLEL:
        return torch.lerp(start, end, amount)
    here, there = math.sin((1 - amount) * angle) / math.sin(angle), math.sin(amount * angle) / math.sin(angle)
    return (here * a + there * b).to(start.dtype)


def _offsets(shape: torch.Size, seed: int) -> torch.Tensor:
    """(tokens, width): for SHARE of the values between -1 and 1, for the rest 0."""
    generator = torch.Generator().manual_seed(STREAM ^ seed)
    offsets = torch.rand(shape, generator=generator) * 2 - 1
    return offsets * (torch.rand(shape, generator=generator) < SHARE)
