"""Writes the starter folder: bf16 weights, configs, tokenizer and its card, each file replaced in one rename."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import msgspec
import torch

from engine.training.models import Parts
from engine.training.subjects.knows import knows

STARTER = Path(__file__).resolve().parents[1] / "starter"
SHAPES = {
    "1:1": [256, 256],
    "2:3": [208, 320],
    "3:2": [320, 208],
    "3:4": [224, 288],
    "4:3": [288, 224],
    "9:16": [192, 336],
    "16:9": [336, 192],
}  # width, height in pixels; every side a multiple of 16, every area close to 256²


def export(parts: Parts, folder: Path = STARTER, *, latent_rgb: list[list[float]], bias: list[float]) -> None:
    """Write `parts` as a diffusers folder in bf16. `latent_rgb` (16 x 3) and `bias` go into the card.

    The modules are rounded to bf16 in place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".starter-") as temporary:
        written = Path(temporary)
        parts.pipeline().to(dtype=torch.bfloat16).save_pretrained(written, safe_serialization=True)
        for path in written.rglob("config.json"):  # diffusers writes where it read a part: a path of this machine
            config = json.loads(path.read_text(encoding="utf-8"))
            config.pop("_name_or_path", None)
            path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        (written / "zimagine.json").write_text(card(latent_rgb, bias), encoding="utf-8")
        _replace(written, folder)


def card(latent_rgb: list[list[float]], bias: list[float]) -> str:
    """The ModelCard as JSON text; the same weights and word lists give the same bytes."""
    values = {
        "id": "zimagine-starter-2",
        "name": "Zimagine Starter",
        "shapes": SHAPES,
        "max_side": 1344,  # the longest shape, twice upscaled
        "max_pixels": 1064960,
        "steps": {"default": 8, "min": 1, "max": 60},
        "prompt_tokens": 256,
        "features": [
            "text",
            "image",
            "inpaint",
            "outpaint",
            "vary",
            "variety",
            "upscale",
            "creative",
            "guidance",
            "quality",
        ],
        "native_pixels": 65536,
        "variety_reach": 6.0,
        "latent_rgb": [[round(value, 5) for value in row] for row in latent_rgb],
        "latent_rgb_bias": [round(value, 5) for value in bias],
        "licence": "MIT",
        "knows": msgspec.to_builtins(knows()),
    }
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def _replace(written: Path, folder: Path) -> None:
    """Move every file over its predecessor, so that a reader never meets half a file."""
    for source in sorted(path for path in written.rglob("*") if path.is_file()):
        target = folder / source.relative_to(written)
        target.parent.mkdir(parents=True, exist_ok=True)
        source.chmod(0o644)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            source.replace(target)
