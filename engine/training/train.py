"""Trains the starter from nothing and writes `engine/starter`: `python -m engine.training.train`.

Tokenizer, autoencoder, latents, denoiser; each stage leaves a file in the run's folder and is taken up from it.
"""

from __future__ import annotations

import argparse
import json
import os
from functools import cache
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import Qwen2Tokenizer

from engine.training import autoencoder, denoiser
from engine.training.export import STARTER, export
from engine.training.latents import Norm, norm_of, pool, preview_fit
from engine.training.models import build
from engine.training.precision import fastest
from engine.training.subjects.book import HAN_FONT
from engine.training.tokens import learn_tokenizer

RUNS = Path(__file__).resolve().parent / "runs"
POOL_HALF, POOL_WHOLE = 24_000, 16_000  # pictures over all sizes


def main() -> None:
    """Parse the options and run the stages that are not finished yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=RUNS / "a", help="folder of the run; an unfinished run is resumed")
    parser.add_argument("--out", type=Path, default=STARTER, help="the diffusers folder to write")
    parser.add_argument("--vae-minutes", type=float, default=24)
    parser.add_argument("--minutes", type=float, default=340, help="for the denoiser")
    parser.add_argument("--refine-minutes", type=float, default=8, help="for the decoder alone, at the end")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-compile", action="store_true", help="where there is no C++ compiler")
    options = parser.parse_args()
    if hasattr(os, "nice"):
        os.nice(19)
    torch.set_num_threads(options.threads)
    options.run.mkdir(parents=True, exist_ok=True)
    if not HAN_FONT.exists():
        print(f"{HAN_FONT} is not here (Debian: fonts-noto-cjk): no Chinese signs")
    run(options)


def run(options: argparse.Namespace) -> None:
    """All stages."""
    vae = autoencoder.train(options.run, minutes=options.vae_minutes)
    parts = build(_tokenizer(options.run), seed=1)
    norm = _norm(vae, options.run)
    parts.vae.load_state_dict(vae.state_dict())
    parts.vae.register_to_config(scaling_factor=norm.scale, shift_factor=norm.shift)
    matrix, bias = preview_fit(vae, norm)

    @cache
    def pools(width: int, height: int) -> Tensor:
        sizes, total = (denoiser.HALF, POOL_HALF) if (width, height) in denoiser.HALF else (denoiser.WHOLE, POOL_WHOLE)
        return pool(vae, options.run, width, height, int(total * sizes[width, height]))

    painter = denoiser.Painter.of(parts, minutes=options.minutes, dtype=fastest(torch.device("cpu")))
    path = options.run / "denoiser.pt"
    if path.exists():
        painter.load(path)
    if not options.no_compile:
        painter.compile()

    def snapshot() -> None:
        export(painter.averaged(parts), options.out, latent_rgb=matrix, bias=bias)
        print(f"exported step {painter.step} to {options.out}", flush=True)

    denoiser.train(painter, parts, pools, norm, path, snapshot)
    snapshot()
    refined = autoencoder.refine(vae, options.run, minutes=options.refine_minutes)
    parts.vae.load_state_dict(refined.state_dict())
    snapshot()


def _tokenizer(folder: Path) -> Qwen2Tokenizer:
    """The run's tokenizer: learned once, for the weights belong to its numbering."""
    path = folder / "tokenizer"
    if not path.exists():
        learn_tokenizer().save_pretrained(path)
    return Qwen2Tokenizer.from_pretrained(path)


def _norm(vae: AutoencoderKL, folder: Path) -> Norm:
    """The latents' norm, measured once per run."""
    path = folder / "norm.json"
    if not path.exists():
        norm = norm_of(pool(vae, folder, 128, 128, int(POOL_HALF * denoiser.HALF[128, 128])))
        path.write_text(json.dumps({"shift": norm.shift, "scale": norm.scale}))
    return Norm(**json.loads(path.read_text()))


if __name__ == "__main__":
    main()
