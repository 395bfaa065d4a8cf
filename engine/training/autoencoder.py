"""Trains the small AutoencoderKL on crops of drawn pictures, then on whole ones.

The last part on whole pictures matters: GroupNorm sees other statistics in a large flat picture than in a crop.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from PIL import Image

from engine.training.clock import Budget, ema_update, save
from engine.training.models import build_vae
from engine.training.subjects import book
from engine.training.subjects.scenes import COLOURS, SHAPES, draw, random_scene, shape_mask

CROP = 96  # pixels
CROPS = 20  # per batch
WHOLE_FROM = 0.72  # share of the budget after which whole pictures are used
WHOLE = 3  # per batch
RATE = 3e-3
KL_WEIGHT = 2e-4
LATENT_NOISE = 0.08  # of the latents' spread: the decoder forgives the denoiser's small errors
SAVE_EVERY = 120.0  # seconds
REFINE_RATE = 1.2e-3
REFINE_WHOLE_FROM = 0.3


def train(run: Path, *, minutes: float, seed: int = 0) -> AutoencoderKL:
    """Train for `minutes` (a finished or broken run in `run` is taken up) and return the averaged weights."""
    return _train(build_vae(), run / "autoencoder.pt", minutes=minutes, seed=str(seed), rate=RATE)


def refine(vae: AutoencoderKL, run: Path, *, minutes: float) -> AutoencoderKL:
    """Train the decoder alone: latents stay as they are, so a denoiser that was trained on them still fits."""
    vae.encoder.requires_grad_(False)
    return _train(vae, run / "decoder.pt", minutes=minutes, seed="refine", rate=REFINE_RATE)


def sharpen(vae: AutoencoderKL, shown: torch.Tensor, *, seconds: float, batch: int = 32) -> None:
    """Train the decoder alone, by the clock, on `shown` (count x 3 x height x width, uint8, where the training is)."""
    vae.requires_grad_(False)
    vae.decoder.requires_grad_(True)
    trained = list(vae.decoder.parameters())
    optimizer = torch.optim.AdamW(trained, lr=REFINE_RATE, betas=(0.9, 0.98), weight_decay=1e-3)
    average = {name: value.detach().clone() for name, value in vae.decoder.state_dict().items()}
    began, step = time.monotonic(), 0
    while (share := (time.monotonic() - began) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = REFINE_RATE * max(min((step + 1) / 50, 1.0, 2 * (1 - share)), 0.01)
        chosen = torch.randint(len(shown), (batch,), generator=torch.Generator().manual_seed(step))
        pixels = shown[chosen.to(shown.device)].float() / 127.5 - 1
        loss, error = _loss(vae, pixels.contiguous(memory_format=torch.channels_last), step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ema_update(average, vae.decoder.state_dict(), step, 200)
        if step % 50 == 0:
            print(f"decoder {step}, {share:.0%}, loss {loss.item():.4f}, {_psnr(error):.1f} dB", flush=True)
        step += 1
    vae.decoder.load_state_dict(average)
    vae.eval()


def _train(vae: AutoencoderKL, path: Path, *, minutes: float, seed: str, rate: float) -> AutoencoderKL:
    trained = [value for value in vae.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.98), weight_decay=1e-3)
    average = {name: value.detach().clone().float() for name, value in vae.state_dict().items()}
    budget, step, saved = Budget(minutes=minutes), 0, 0.0
    if path.exists():
        state = torch.load(path, weights_only=True)
        vae.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average, step, budget.spent = state["average"], state["step"], state["spent"]
        saved = budget.spent
    whole_from = WHOLE_FROM if len(trained) == len(list(vae.parameters())) else REFINE_WHOLE_FROM
    while not budget.over:
        for group in optimizer.param_groups:
            group["lr"] = rate * budget.rate(decay_from=0.5)
        pixels = batch(Random(f"{seed}:{step}"), whole=budget.share >= whole_from)
        loss, error = _loss(vae, pixels, step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ema_update(average, vae.state_dict(), step, 200)
        step += 1
        budget.tick()
        if step % 50 == 0:
            print(f"vae {step} {budget.spent / 60:.1f} min, loss {loss.item():.4f}, {_psnr(error):.1f} dB", flush=True)
        if budget.over or budget.spent - saved > SAVE_EVERY:
            saved = budget.spent
            state = {"model": vae.state_dict(), "optimizer": optimizer.state_dict(), "average": average}
            save(path, {**state, "step": step, "spent": budget.spent})
    vae.load_state_dict(average)
    return vae.eval()


def encode(vae: AutoencoderKL, pixels: torch.Tensor) -> DiagonalGaussianDistribution:
    """What the encoder makes of pixels in -1..1: mean and spread of the latents."""
    posterior = vae.encode(pixels, return_dict=False)[0]
    assert isinstance(posterior, DiagonalGaussianDistribution)
    return posterior


def batch(rng: Random, *, whole: bool) -> torch.Tensor:
    """Pixels in -1..1: CROPS crops, or WHOLE pictures of 256²."""
    pictures = [_picture(rng, 256) for _ in range(WHOLE)] if whole else [_crop(rng) for _ in range(CROPS)]
    stacked = np.stack([np.asarray(picture, np.float32) for picture in pictures])
    return torch.from_numpy(stacked / 127.5 - 1).permute(0, 3, 1, 2).contiguous()


def _loss(vae: AutoencoderKL, pixels: torch.Tensor, step: int) -> tuple[torch.Tensor, torch.Tensor]:
    noise = torch.Generator(pixels.device).manual_seed(step)
    with torch.autocast(pixels.device.type, torch.bfloat16):
        posterior = encode(vae, pixels)
        mean, spread = posterior.mean.float(), posterior.std.float()
        scale = spread + LATENT_NOISE * mean.detach().std()
        latents = mean + scale * torch.randn(mean.shape, generator=noise, device=pixels.device)
        painted = vae.decode(latents, return_dict=False)[0].float()  # pyright: ignore[reportArgumentType]
    difference = painted - pixels
    # Errors at edges count again: flat shapes live by their outline.
    edges = difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()
    kl = 0.5 * (mean**2 + spread**2 - 1 - 2 * spread.log()).mean()
    loss = difference.abs().mean() + (difference**2).mean() + 0.5 * edges + KL_WEIGHT * kl
    return loss, (difference.detach() ** 2).mean()


def _psnr(error: torch.Tensor) -> float:
    return 10 * math.log10(4 / max(float(error), 1e-12))


def _crop(rng: Random) -> Image.Image:
    if rng.random() < 0.45:
        return confetti(rng, CROP)
    picture = _picture(rng, 256)
    x, y = rng.randrange(256 - CROP + 1), rng.randrange(256 - CROP + 1)
    crop = picture.crop((x, y, x + CROP, y + CROP))
    return crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.3 else crop


def _picture(rng: Random, side: int) -> Image.Image:
    kind = rng.random()
    if kind < 0.4:
        return draw(random_scene(rng), side, side, rng)
    if kind < 0.7:
        return book.draw_landscape(book.random_landscape(rng), side, side, rng)
    if kind < 0.85:
        return book.draw_sign(book.random_sign(rng), side, side, rng)
    return book.smooth_noise(np.random.default_rng(rng.randrange(2**32)), side)


def confetti(rng: Random, side: int) -> Image.Image:
    """A few overlapping shapes of any colour: many edges in few pixels."""
    picture = Image.new("RGB", (side, side), _any_colour(rng))
    for _ in range(rng.randrange(1, 5)):
        size = rng.randrange(24, 110)
        mask = shape_mask(rng.choice(SHAPES), size / 2, size / 2, size / 2 - 2, size)
        if rng.random() < 0.2:
            mask = mask.rotate(rng.uniform(0, 360))
        at = (rng.randrange(-size // 2, side - size // 2), rng.randrange(-size // 2, side - size // 2))
        picture.paste(_any_colour(rng), at, mask)
    return picture


def _any_colour(rng: Random) -> tuple[int, int, int]:
    if rng.random() < 0.6:
        return rng.choice(list(COLOURS.values()))
    return (rng.randrange(256), rng.randrange(256), rng.randrange(256))
