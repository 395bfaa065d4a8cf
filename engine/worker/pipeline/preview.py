"""How samples look while they are painted: one pixel per latent position, by the colours of the model's latents."""

from __future__ import annotations

import torch

from engine.worker.image.pixels import Pixels, preview_pixels
from engine.worker.image.vae import Vae
from engine.worker.pipeline.sample import Sample
from protocol.card import ModelCard


class Previews:
    """The colours are the card's; where it brings none, they are fitted to the VAE."""

    def __init__(self, card: ModelCard, vae: Vae, device: torch.device) -> None:
        if any(value for row in card.latent_rgb for value in row):
            matrix, bias = torch.tensor(card.latent_rgb), torch.tensor(card.latent_rgb_bias)
        else:
            matrix, bias = vae.fit_preview()
        self.matrix, self.bias = matrix.to(device), bias.to(device)
        self._factor = vae.factor

    def of(self, sample: Sample) -> Pixels:
        """The whole picture, whatever part or tile of it is being painted."""
        return sample.preview(lambda latent: preview_pixels(latent, self.matrix, self.bias), self._factor)
