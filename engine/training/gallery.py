"""Paints the examples of the starter's card for the playground's welcome page: `python -m engine.training.gallery`.

Each as the bot paints it for the same words and seed, so a press on it gives the same picture.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from diffusers import ZImagePipeline
from PIL import Image

from engine.training.export import STARTER
from engine.training.subjects.knows import EXAMPLES_EN, EXAMPLES_ZH

EXAMPLES = {"en-US": EXAMPLES_EN, "zh-CN": EXAMPLES_ZH}
OUT = Path(__file__).resolve().parents[2] / "playground" / "page" / "gallery"
QUALITY = 88  # of WebP: 5 to 9 KB a picture


def paint(pipeline: ZImagePipeline, prompt: str, seed: int) -> Image.Image:
    """The picture of 256² that these words get with this seed."""
    generator = torch.Generator().manual_seed(seed)
    output = pipeline(prompt, width=256, height=256, num_inference_steps=8, guidance_scale=0.0, generator=generator)
    return output.images[0]  # pyright: ignore[reportAttributeAccessIssue]


def main() -> None:
    """Write pictures and list into the folder that is called as the card's id."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=STARTER)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    card = json.loads((options.model / "zimagine.json").read_text(encoding="utf-8"))
    folder = options.out / card["id"]
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = ZImagePipeline.from_pretrained(options.model, use_safetensors=True, dtype=torch.float32)
    shown: dict[str, list[dict[str, str | int]]] = {}
    for language, examples in EXAMPLES.items():
        shown[language] = []
        for number, (prompt, seed) in enumerate(examples.items(), start=1):
            name = f"{language[:2]}-{number}.webp"
            paint(pipeline, prompt, seed).save(folder / name, quality=QUALITY, method=6)
            shown[language].append({"src": name, "prompt": prompt, "seed": seed})
    text = json.dumps(shown, indent=1, ensure_ascii=False) + "\n"
    (folder / "gallery.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
