"""From a model's name to its parts and its card: finds the folder, checks it file by file, loads it.

Everything that can be wrong with a folder is said in one sentence, as LoadingProblem.
"""

from __future__ import annotations

import json
import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import msgspec
from diffusers import AutoencoderKL, ZImageTransformer2DModel
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from transformers import PreTrainedTokenizerBase, Qwen2Tokenizer, Qwen3Model

from engine.protocol import Z_IMAGE_TURBO, ModelCard, StepRange
from engine.worker.codec import Codec
from engine.worker.memory import Place, Policy, Weights, is_out_of_memory
from engine.worker.placing import settle_transformer

STARTER = Path(__file__).resolve().parents[1] / "starter"
PUBLISHED = "Tongyi-MAI/Z-Image-Turbo"
CARD = "zimagine.json"
CLASSES = {
    "transformer": "ZImageTransformer2DModel",
    "text_encoder": "Qwen3Model",
    "tokenizer": "Qwen2Tokenizer",
    "vae": "AutoencoderKL",
    "scheduler": "FlowMatchEulerDiscreteScheduler",
}
WITH_WEIGHTS = ("transformer", "text_encoder", "vae")
ASPECTS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9")
FETCH = f"hf download {PUBLISHED}"

log = logging.getLogger(__name__)


class LoadingProblem(Exception):
    """A model cannot be used; the message is one sentence for the log and the people who wait."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The components of a ZImagePipeline in the dtype in which they will paint, and the model's card."""

    transformer: ZImageTransformer2DModel
    text_encoder: Qwen3Model
    tokenizer: PreTrainedTokenizerBase
    vae: AutoencoderKL
    shift: float
    card: ModelCard
    policy: Policy = Policy.RESIDENT
    tile: int | None = None  # pixels a side beyond which the VAE works in tiles


def find(model: str, place: Place) -> Path:
    """The folder of `starter`, a path, a hub id (only what is on disk already), or `auto`."""
    if model == "starter":
        return STARTER
    if model == "auto":
        return _automatic(place)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise LoadingProblem(f"{model} is a file; a model is a diffusers folder with a model_index.json.")
    if model.count("/") != 1 or model.startswith((".", "/", "~")):
        raise LoadingProblem(f"There is no model folder {model}.")
    return _cached(model)


def load(folder: Path, place: Place) -> Parts:
    """All parts of a folder in the place's dtype, transformer and VAE where its policy wants them.

    The text encoder waits in main memory. Raises LoadingProblem.
    """
    check(folder)
    weights = weigh(folder, place)
    policy = place.policy(weights)
    scheduler = _json(folder / "scheduler" / "scheduler_config.json")
    if scheduler.get("use_dynamic_shifting"):
        raise LoadingProblem(f"{folder} shifts its schedule by size, which Z-Image models do not.")
    try:
        transformer = _whole(ZImageTransformer2DModel, folder / "transformer", place)
        transformer = settle_transformer(transformer, policy, place)  # before the next comes into main memory
        vae = _whole(AutoencoderKL, folder / "vae", place).to(place.device)
        text_encoder = _whole(Qwen3Model, folder / "text_encoder", place)
        tokenizer = Qwen2Tokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AssertionError) as error:
        if is_out_of_memory(error):
            raise LoadingProblem(f"{folder} does not fit into the memory that is free.") from error
        reason = (str(error).strip() or "its configuration contradicts itself").splitlines()[0]
        raise LoadingProblem(f"{folder} does not load: {reason}.") from error
    return Parts(
        transformer=transformer,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        vae=vae,
        shift=float(scheduler.get("shift", 3.0)),
        card=read_card(folder, vae),
        policy=policy,
        tile=place.tile(weights, policy),
    )


def weigh(folder: Path, place: Place) -> Weights:
    """What the parts will take, from the heads of their files."""

    def part(name: str) -> int:
        return sum(sum(_tensors(file).values()) for file in _weight_files(folder / name)) * place.dtype.itemsize

    return Weights(transformer=part("transformer"), text_encoder=part("text_encoder"), vae=part("vae"))


def _whole(kind: Any, folder: Path, place: Place) -> Any:
    """One component, to be run only. A weight that its files lack would stay random without a word."""
    there = {name for file in _weight_files(folder) for name in _tensors(file)}
    module = kind.from_pretrained(folder, local_files_only=True, dtype=place.dtype)
    # a text encoder saved with its language head has its names under "model."
    missing = [name for name in module.state_dict() if name not in there and f"model.{name}" not in there]
    if missing:
        raise LoadingProblem(f"The weights in {folder} lack {missing[0]} and {len(missing) - 1} more.")
    return module.eval().requires_grad_(False)


def check(folder: Path) -> None:
    """Raise LoadingProblem unless this is a complete folder of class ZImagePipeline with whole weight files."""
    index = _json(folder / "model_index.json")
    if index.get("_class_name") != "ZImagePipeline":
        raise LoadingProblem(f"{folder} is of class {index.get('_class_name')}, not ZImagePipeline.")
    for name, wanted in CLASSES.items():
        found = index.get(name)
        class_name = found[1] if isinstance(found, list) and len(found) == 2 else None
        if class_name not in (wanted, f"{wanted}Fast"):
            raise LoadingProblem(f"The {name} of {folder} is of class {class_name}, not {wanted}.")
        if not (folder / name).is_dir():
            raise LoadingProblem(f"{folder} has no {name}.")
    for name in WITH_WEIGHTS:
        _json(folder / name / "config.json")
        for file in _weight_files(folder / name):
            _tensors(file)


def read_card(folder: Path, vae: AutoencoderKL) -> ModelCard:
    """`zimagine.json` beside the weights; built in for the published model; a plain one for any other folder."""
    file = folder / CARD
    if file.exists():
        try:
            return msgspec.json.decode(file.read_bytes(), type=ModelCard)
        except msgspec.MsgspecError as error:
            raise LoadingProblem(f"{file} is no model card: {error}.") from error
    names = (folder.name, *(parent.name for parent in folder.parents))
    if any("z-image-turbo" in name.lower() for name in names):
        return Z_IMAGE_TURBO
    return generic_card(folder.name, native=Codec(vae).native)


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


def _size(aspect: str, side: int) -> tuple[int, int]:
    across, down = (int(part) for part in aspect.split(":"))
    ratio = (across / down) ** 0.5
    return max(16, round(side * ratio / 16) * 16), max(16, round(side / ratio / 16) * 16)


def _automatic(place: Place) -> Path:
    if place.device.type != "cuda":
        return STARTER
    try:
        folder = _cached(PUBLISHED)
        check(folder)
    except LoadingProblem as problem:
        log.info("%s", problem)
        return STARTER
    return folder


def advice(model: str, folder: Path, place: Place) -> str:
    """Where `auto` had to take the starter: why, and how to get the real model. Otherwise nothing."""
    if model != "auto" or folder != STARTER:
        return ""
    lack = f"{PUBLISHED} is not complete on disk" if place.device.type == "cuda" else "there is no supported GPU"
    return f"The starter paints because {lack}; the real model (33 GB) comes with: {FETCH}"


def _cached(repository: str) -> Path:
    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise LoadingProblem(
            f"{repository} is not on this machine; fetch it with: hf download {repository}."
        ) from error


def _weight_files(folder: Path) -> Iterator[Path]:
    """Every file of weights that a component needs, from its index when it is split."""
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    if indexes:
        for name in sorted(set(_json(indexes[0]).get("weight_map", {}).values())):
            yield folder / name
        return
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise LoadingProblem(f"{folder} has no weights (*.safetensors).")
    yield from files


def _tensors(file: Path) -> dict[str, int]:
    """The names in a safetensors file, each with how many values it has.

    Its head says how long it must be: an interrupted download is shorter.
    """
    if not file.is_file():
        raise LoadingProblem(f"{file} is missing.")
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            size = file.stat().st_size
            if length > size:
                raise LoadingProblem(f"{file} is cut off or no safetensors file.")
            head = json.loads(stream.read(length))
    except (OSError, ValueError, struct.error) as error:
        raise LoadingProblem(f"{file} cannot be read: {error}.") from error
    ends = {name: entry["data_offsets"][1] for name, entry in head.items() if name != "__metadata__"}
    whole = 8 + length + max(ends.values(), default=0)
    if size < whole:
        raise LoadingProblem(f"{file} is cut off: {size} bytes of {whole}.")
    return {name: prod(head[name]["shape"]) for name in ends}


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise LoadingProblem(f"{file} is missing.") from error
    except (OSError, ValueError) as error:
        raise LoadingProblem(f"{file} cannot be read: {error}.") from error
    if not isinstance(value, dict):
        raise LoadingProblem(f"{file} is not a JSON object.")
    return value
