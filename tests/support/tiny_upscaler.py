"""A folder of transformers' Swin2SRForImageSuperResolution with tiny weights, written in a moment.

Its first and last convolutions copy each pixel; in between a random transformer adds a little of its own.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

OWN = 0.02  # how much the transformer adds


def write(folder: Path, *, upscale: int = 2, window: int = 4, seed: int = 0) -> Path:
    """Save such a model into `folder`; 100 kB."""
    config = Swin2SRConfig(
        image_size=16,
        embed_dim=12,
        depths=[2],
        num_heads=[2],
        window_size=window,
        mlp_ratio=2.0,
        upscale=upscale,
        upsampler="pixelshuffledirect",
    )
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        model = Swin2SRForImageSuperResolution(config)
        body = model.swin2sr
        for convolution in (body.first_convolution, model.upsample.conv):
            convolution.weight.zero_()
            convolution.bias.zero_()
        for channel in range(3):
            body.first_convolution.weight[channel, channel, 1, 1] = 1.0
            model.upsample.conv.weight[channel * upscale**2 : (channel + 1) * upscale**2, channel, 1, 1] = 1.0
        body.conv_after_body.weight.mul_(OWN)
        body.conv_after_body.bias.zero_()
    model.save_pretrained(folder)
    return folder
