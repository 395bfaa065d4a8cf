"""The flow-matching schedule and one Euler step for samples at different times; no scheduler object, no state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

SHIFT = 3.0  # of the published scheduler_config.json


def sigmas(steps: int, shift: float = SHIFT) -> tuple[float, ...]:
    """`steps + 1` noise levels from 1 down to 0, in fp32 as diffusers' FlowMatchEulerDiscreteScheduler has them.

    Eight steps with shift 3: 1, .9545, .9, .8333, .75, .6429, .5, .3, 0.
    """
    even = np.array(torch.linspace(1.0, 1 / steps, steps).tolist(), dtype=np.float32)
    shifted = shift * even / (1 + (shift - 1) * even)
    return (*(float(value) for value in shifted), 0.0)


def model_time(sigma: float) -> torch.Tensor:
    """The time the transformer is told for a noise level: 0 is pure noise, 1 the picture. A scalar in fp32.

    Goes by way of 1000 sigma, as the pipeline does, so that the last bit agrees.
    """
    return (1000 - torch.tensor(sigma, dtype=torch.float32) * 1000) / 1000


def model_times(levels: Sequence[float], device: torch.device) -> torch.Tensor:
    """`model_time` of each, (n,), on a device that need not wait for them."""
    times = torch.stack([model_time(sigma) for sigma in levels])
    if device.type != "cuda":
        return times.to(device)
    return times.pin_memory().to(device, non_blocking=True)


def noised(picture: torch.Tensor, noise: torch.Tensor, sigma: float) -> torch.Tensor:
    """A picture's latent at noise level `sigma`."""
    level = np.float32(sigma)
    return float(level) * noise + float(np.float32(1) - level) * picture


def euler(latent: torch.Tensor, velocity: torch.Tensor, sigma: float, following: float) -> torch.Tensor:
    """From noise level `sigma` to `following`, in fp32. `velocity` points from picture to noise.

    The difference is a plain number: a tensor would wait for a GPU until it is there.
    """
    return latent + float(np.float32(following) - np.float32(sigma)) * velocity


def estimate(latent: torch.Tensor, velocity: torch.Tensor, sigma: float) -> torch.Tensor:
    """The finished latent as it looks from here, given latent and velocity at noise level `sigma`."""
    return latent - sigma * velocity


def guided(positive: torch.Tensor, negative: torch.Tensor, guidance: float) -> torch.Tensor:
    """Away from the negative prompt, on diffusers' scale: 0 would be off."""
    return positive + guidance * (positive - negative)
