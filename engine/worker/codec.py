"""The VAE between pixels and latents, in the scale in which the transformer paints."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL

from engine.worker import images
from engine.worker.images import Pixels


class Codec:
    """Encodes and decodes single pictures on the VAE's own device and in its own dtype."""

    def __init__(self, vae: AutoencoderKL) -> None:
        config: Any = vae.config
        self.vae: Any = vae
        self.factor: int = 2 ** (len(config.block_out_channels) - 1)  # pixels per latent position on each side
        self.native: int = config.sample_size  # pixels a side it was trained at
        self._scale: float = config.scaling_factor
        self._shift: float = config.shift_factor or 0.0

    def encode(self, picture: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Pictures (n, 3, height, width) in -1..1 to latents in fp32.

        With a generator they are drawn as diffusers' img2img draws them, without one they are the mean.
        """
        posterior = self.vae.encode(picture.to(self.vae.device, self.vae.dtype)).latent_dist
        latent = posterior.mode() if generator is None else posterior.sample(generator)
        return (latent.float() - self._shift) * self._scale

    def decode(self, latent: torch.Tensor) -> Pixels:
        """One latent (1, 16, height / 8, width / 8) to pixels."""
        latent = latent.to(self.vae.dtype) / self._scale + self._shift
        return images.to_pixels(self.vae.decode(latent, return_dict=False)[0][0])

    @torch.inference_mode()
    def fit_preview(self, *, side: int = 256) -> tuple[torch.Tensor, torch.Tensor]:
        """Matrix (16, 3) and bias (3,) that turn this VAE's latents into RGB in 0..1, by least squares.

        Fitted on smooth fields of colour that it encodes; for models whose card brings no matrix.
        """
        generator = torch.Generator().manual_seed(0)
        fields = torch.rand((4, 3, 8, 8), generator=generator)
        pictures = torch.nn.functional.interpolate(fields, size=(side, side), mode="bilinear")
        latents = self.encode(2 * pictures - 1).cpu()
        colours = torch.nn.functional.avg_pool2d(pictures, self.factor)
        rows = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
        rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1).double()
        wanted = colours.permute(0, 2, 3, 1).reshape(-1, 3).double()
        # a little ridge keeps channels that carry no colour from blowing up
        ridge = 1e-3 * len(rows) * torch.eye(rows.shape[1], dtype=torch.float64)
        solution = torch.linalg.solve(rows.T @ rows + ridge, rows.T @ wanted).float()
        return solution[:-1], solution[-1]
