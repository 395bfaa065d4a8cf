"""The pass for fine detail: a finished latent is noised again, a little, and painted once more at the same size."""

from __future__ import annotations

import torch

from engine.worker.image import schedule
from engine.worker.pipeline.sample import PaintedSample
from protocol.request import DETAIL_SHARE, ImageRequest

APART = 0x9E3779B9  # turns a seed into another: the picture's own noise is in it already (torch keeps 32 bits)


def sigmas(request: ImageRequest, shift: float) -> tuple[float, ...]:
    """The last quarter of a schedule, whatever the steps of the picture: from 0.5 down to 0 with shift 3.

    Nothing where the request wants no such pass.
    """
    steps = request.detail_steps
    return schedule.sigmas(DETAIL_SHARE * steps, shift)[-steps - 1 :] if steps else ()


def begin(sample: PaintedSample) -> None:
    """After its last step: noise of its own seed over what was painted, and back to a first step.

    What stands outside the mask of an inpainting keeps the noise that it has in every step.
    """
    generator = torch.Generator().manual_seed(sample.seed ^ APART)
    noise = torch.randn(sample.latent.shape, generator=generator, dtype=torch.float32).to(sample.latent.device)
    sigma = sample.detail[0]
    sample.latent = sample.held(schedule.noised(sample.latent, noise, sigma), sigma)
    sample.before += sample.steps
    sample.sigmas, sample.detail = sample.detail, ()
    sample.position = 0
