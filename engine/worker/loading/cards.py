"""The card of a model: brought along, built in, or made up around its VAE. Known from its files, without torch."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from engine.worker.loading.sources import PUBLISHED, PUBLISHED_BASE, Beside, Source, find, hub_id
from engine.worker.loading.weight_files import LoadingProblem, read_json
from protocol.card import Z_IMAGE, Z_IMAGE_TURBO, ModelCard, StepRange

CARD = "zimagine.json"  # in a model's folder; beside NAME.safetensors it is NAME.zimagine.json
LATER = ("lora", "enhance")  # depends on what lies in another folder, and on how well the text encoder writes
UNSAID = 32  # pixels a side that diffusers takes a VAE to be trained at where its configuration does not say
TURBO = "z-image-turbo"
# The models of the family by their transformer's width and their scheduler's shift: each was trained with its own.
FAMILY: Mapping[Any, ModelCard] = {(3840, 3.0): Z_IMAGE_TURBO, (3840, 6.0): Z_IMAGE}
ASPECTS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9")


def read_card(source: Source) -> ModelCard:
    """`zimagine.json` beside the weights; built in for the published model; a plain one for any other folder.

    A transformer file without a card of its own has that of its folder under its own name. Raises LoadingProblem.
    """
    file = source.transformer
    if file is None:
        return _of_folder(source.folder)
    beside = file.with_suffix(f".{CARD}")
    if beside.exists():
        return _read(beside)
    return msgspec.structs.replace(_of_folder(source.folder), id=file.stem, name=file.stem)


def expected_card(model: str, *, device: str, beside: Beside) -> ModelCard | None:
    """The card of a model that is about to be loaded; None where its files do not tell.

    Without what depends on more than the files, such as LoRAs: the engine adds that once it has the model.
    """
    try:
        sources = {find(model, gpu=gpu, beside=beside) for gpu in _may_be_gpu(model, device)}
        if len(sources) != 1:
            return None
        card = read_card(sources.pop())
    except (LoadingProblem, PackageNotFoundError):  # the engine will say so
        return None
    features = tuple(feature for feature in card.features if feature not in LATER)
    return msgspec.structs.replace(card, features=features, loras=(), unused_tensors={}, controls=())


def _may_be_gpu(model: str, device: str) -> tuple[bool, ...]:
    """Whether the engine will paint on a GPU, where that changes the model; both where only torch can say."""
    if model != "auto" or device == "cpu" or version("torch").endswith("+cpu"):
        return (False,)
    return (True,) if device == "cuda" or shutil.which("nvidia-smi") else (False, True)


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


def _of_folder(folder: Path) -> ModelCard:
    if (folder / CARD).exists():
        return _read(folder / CARD)
    own = hub_id(folder) or folder.name
    name = own.rpartition("/")[2]
    if own.lower() in (TURBO, PUBLISHED.lower()):
        return Z_IMAGE_TURBO
    if own.lower() in (Z_IMAGE.id, PUBLISHED_BASE.lower()):
        return Z_IMAGE
    relative = _relative(folder) or (Z_IMAGE_TURBO if TURBO in name.lower() else None)
    if relative is not None:  # made of it
        return msgspec.structs.replace(relative, id=own, name=name, licence="")
    native = int(read_json(folder / "vae" / "config.json").get("sample_size", UNSAID))
    return msgspec.structs.replace(generic_card(name, native=native), id=own)


def _relative(folder: Path) -> ModelCard | None:
    """The published model of which a folder's own is a child, as far as its files tell."""
    try:
        width = read_json(folder / "transformer" / "config.json").get("dim")
        shift = read_json(folder / "scheduler" / "scheduler_config.json").get("shift")
    except LoadingProblem:
        return None
    return FAMILY.get((width, shift))


def _read(file: Path) -> ModelCard:
    try:
        return msgspec.json.decode(file.read_bytes(), type=ModelCard)
    except msgspec.MsgspecError as error:
        raise LoadingProblem(f"{file} is no model card: {error}.") from error


def _size(aspect: str, side: int) -> tuple[int, int]:
    across, down = (int(part) for part in aspect.split(":"))
    ratio = (across / down) ** 0.5
    return max(16, round(side * ratio / 16) * 16), max(16, round(side / ratio / 16) * 16)
