"""The card of a model that is being loaded: brought along, built in, or made up around its VAE."""

from __future__ import annotations

from pathlib import Path

import msgspec
from diffusers import AutoencoderKL

from engine.card import Z_IMAGE_TURBO, ModelCard, StepRange
from engine.worker.codec import Codec
from engine.worker.weight_files import LoadingProblem

CARD = "zimagine.json"  # in a model's folder; beside NAME.safetensors it is NAME.zimagine.json
ASPECTS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9")


def read_card(folder: Path, vae: AutoencoderKL, file: Path | None = None) -> ModelCard:
    """`zimagine.json` beside the weights; built in for the published model; a plain one for any other folder.

    A transformer `file` without a card of its own has that of its folder under its own name.
    """
    if file is None:
        return _of_folder(folder, vae)
    beside = file.with_suffix(f".{CARD}")
    if beside.exists():
        return _read(beside)
    return msgspec.structs.replace(_of_folder(folder, vae), id=file.stem, name=file.stem)


def generic_card(name: str, *, native: int) -> ModelCard:
    """A card for a model that brings none: sizes around its VAE's `native` side in pixels."""
    side = min(max(native, 64), 1024)
    return ModelCard(
        id=name,
        name=name,
        shapes={aspect: _size(aspect, side) for aspect in ASPECTS},
        max_side=4 * side,
        max_pixels=16 * side * side,
        native_pixels=side * side,
        steps=StepRange(default=8),
        prompt_tokens=512,
        features=Z_IMAGE_TURBO.features,
    )


def _of_folder(folder: Path, vae: AutoencoderKL) -> ModelCard:
    if (folder / CARD).exists():
        return _read(folder / CARD)
    names = (folder.name, *(parent.name for parent in folder.parents))
    if any("z-image-turbo" in name.lower() for name in names):
        return Z_IMAGE_TURBO
    return generic_card(folder.name, native=Codec(vae).native)


def _read(file: Path) -> ModelCard:
    try:
        return msgspec.json.decode(file.read_bytes(), type=ModelCard)
    except msgspec.MsgspecError as error:
        raise LoadingProblem(f"{file} is no model card: {error}.") from error


def _size(aspect: str, side: int) -> tuple[int, int]:
    across, down = (int(part) for part in aspect.split(":"))
    ratio = (across / down) ** 0.5
    return max(16, round(side * ratio / 16) * 16), max(16, round(side / ratio / 16) * 16)
