"""The VAE between pixels and latents, in the scale in which the transformer paints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL

from engine.worker.image.pixels import Pixels, to_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingPixels:
    """A picture on its way out of the VAE: on a GPU beside the next steps, on the processor there at once."""

    pixels: torch.Tensor  # (height, width, 3), bytes in main memory
    finite: torch.Tensor  # whether every number of its latent was one; a scalar in main memory
    done: torch.cuda.Event | None

    @property
    def ready(self) -> bool:
        """Whether `wait` returns at once."""
        return self.done is None or self.done.query()

    def wait(self) -> tuple[Pixels, bool]:
        """The pixels, and whether the latent was finite."""
        if self.done is not None:
            self.done.synchronize()
        return self.pixels.numpy(), bool(self.finite)


class Vae:
    """Encodes and decodes single pictures on the VAE's own device and in its own dtype.

    With `aside` a GPU decodes on a stream of its own. `tile` is as in `tile()`.
    """

    def __init__(self, vae: AutoencoderKL, *, aside: bool = False, tile: int | None = None) -> None:
        config: Any = vae.config
        self.model: Any = vae
        self.factor: int = 2 ** (len(config.block_out_channels) - 1)  # pixels per latent position on each side
        self.channels: int = config.latent_channels
        self.native: int = config.sample_size  # pixels a side it was trained at
        self._scale: float = config.scaling_factor
        self._shift: float = config.shift_factor or 0.0
        self._stream = torch.cuda.Stream(self.model.device) if aside and self.model.device.type == "cuda" else None

        if tile is not None:
            self.tile(tile)

    def tile(self, side: int) -> None:
        """From now on work in overlapping tiles on pictures of more than `side` pixels a side, to save memory."""
        self.model.enable_tiling()
        self.model.tile_sample_min_size = side
        self.model.tile_latent_min_size = side // self.factor

    def encode(self, picture: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Pictures (n, 3, height, width) in -1..1 to latents in fp32.

        With a generator they are drawn as diffusers' img2img draws them, without one they are the mean.
        """
        posterior = self.model.encode(picture.to(self.model.device, self.model.dtype)).latent_dist
        latent = posterior.mode() if generator is None else posterior.sample(generator)
        return (latent.float() - self._shift) * self._scale

    def skip(self, shape: tuple[int, ...], generator: torch.Generator) -> None:
        """Leave a generator as it is after `encode` drew a latent of this shape with it."""
        torch.randn(shape, generator=generator, dtype=self.model.dtype)

    def decode(self, latent: torch.Tensor) -> PendingPixels:
        """Begin to turn one latent (1, 16, height / 8, width / 8) into pixels."""
        if self._stream is None:
            pixels = self._decoded(latent)
            return PendingPixels(pixels=pixels.cpu(), finite=torch.isfinite(latent).all().cpu(), done=None)
        self._stream.wait_stream(torch.cuda.current_stream(self.model.device))
        latent.record_stream(self._stream)  # its memory is not given to the next step while it is read here
        with torch.cuda.stream(self._stream):
            pixels, finite = _to_host(self._decoded(latent)), _to_host(torch.isfinite(latent).all())
        done = torch.cuda.Event()
        done.record(self._stream)
        return PendingPixels(pixels=pixels, finite=finite, done=done)

    def _decoded(self, latent: torch.Tensor) -> torch.Tensor:
        latent = latent.to(self.model.dtype) / self._scale + self._shift
        return to_bytes(self.model.decode(latent, return_dict=False)[0][0])

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


def _to_host(tensor: torch.Tensor) -> torch.Tensor:
    """A copy in page-locked memory, which alone does not hold up whoever asks for it."""
    there = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return there.copy_(tensor, non_blocking=True)
