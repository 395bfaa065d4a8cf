"""From a model's folder and files to its parts and its card: checked part by part, then loaded.

Everything that can be wrong with them is said in one sentence, as LoadingProblem.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, ZImageTransformer2DModel
from transformers import PreTrainedTokenizerBase, Qwen2Tokenizer, Qwen3Model

from engine.worker.device.memory import Device, Policy, Storage, Weights, is_out_of_memory
from engine.worker.device.offload import settle_transformer
from engine.worker.loading import key_names, prequantized, single_file
from engine.worker.loading.cards import generic_card, read_card
from engine.worker.loading.quantize import quantize, size_of
from engine.worker.loading.sources import PUBLISHED, STARTER, WITH_WEIGHTS, Beside, Source, advice, check, find
from engine.worker.loading.weight_files import Entry, LoadingProblem, entries, is_gguf, read_json, weight_files
from protocol.card import ModelCard

__all__ = [
    "PUBLISHED",
    "STARTER",
    "Beside",
    "LoadingProblem",
    "Parts",
    "Source",
    "advice",
    "check",
    "find",
    "generic_card",
    "load",
    "read_card",
    "weigh",
]


log = logging.getLogger(__name__)

TIMES = 1000  # in which models of this kind count the noise levels
# What a scheduler's configuration may say: read here, or without a meaning where nothing is shifted by size.
OF_SCHEDULE = (
    "shift", "num_train_timesteps", "use_dynamic_shifting", "base_shift", "max_shift", "base_image_seq_len",
    "max_image_seq_len", "time_shift_type",
)  # fmt: skip


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
    storage: Storage = Storage.PLAIN
    tile: int | None = None  # pixels a side beyond which the VAE works in tiles
    notice: str = ""  # what of a file is not used, for the owner


def load(source: Source | Path, device: Device, storage: Storage = Storage.PLAIN) -> Parts:
    """All parts in the device's dtype, transformer and VAE where its policy wants them. A path is a diffusers folder.

    `storage` PLAIN, INT8 or FP8 is what the owner asks for. The text encoder waits in main memory. Raises
    LoadingProblem.
    """
    source = _as_source(source)
    check(source)
    for part in WITH_WEIGHTS:
        if source.file(part) is None:
            prequantized.check(source.folder / part)
    card = read_card(source)
    storage = _storage(source, storage)
    weights = weigh(source, device, storage)
    policy = device.policy(weights)
    if not weights.allows(policy):
        raise LoadingProblem(f"Weights stored as {storage} are packed already; engine.memory cannot be {policy}.")
    shift = _shift(source.folder)
    try:
        transformer = _part(source, "transformer", device)
        quantize(transformer, storage)
        transformer = settle_transformer(transformer, policy, device)  # before the next comes into main memory
        vae = _part(source, "vae", device).to(device.torch_device)
        text_encoder = _part(source, "text_encoder", device)
        quantize(text_encoder, storage)
        tokenizer = Qwen2Tokenizer.from_pretrained(source.folder / "tokenizer", local_files_only=True)
    except (
        OSError,
        ValueError,
        RuntimeError,
        KeyError,
        TypeError,
        AssertionError,
        ImportError,
        AttributeError,
    ) as error:
        if is_out_of_memory(error):
            raise LoadingProblem(f"{source.name} does not fit into the memory that is free.") from error
        reason = (str(error).strip() or "its configuration contradicts itself").splitlines()[0]
        raise LoadingProblem(f"{source.name} does not load: {reason}.") from error
    return Parts(
        transformer=transformer,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        vae=vae,
        shift=shift,
        card=card,
        notice=_notice(source),
        policy=policy,
        storage=storage,
        tile=device.tile(weights, policy),
    )


def weigh(source: Source | Path, device: Device, storage: Storage = Storage.PLAIN) -> Weights:
    """What the parts will take, from the heads of their files."""
    source = _as_source(source)
    storage = _storage(source, storage)

    def size(part: str) -> int:
        kept = Storage.PLAIN if part == "vae" else storage
        return sum(size_of(name, entry, kept, device.dtype) for name, entry in _heads(source, part).items())

    transformer, text_encoder, vae = map(size, WITH_WEIGHTS)
    return Weights(transformer=transformer, text_encoder=text_encoder, vae=vae, storage=storage)


def _as_source(source: Source | Path) -> Source:
    return Source(folder=source) if isinstance(source, Path) else source


def _storage(source: Source, wanted: Storage) -> Storage:
    """How the weights are stored in the end. A GGUF file has said so itself."""
    if source.transformer is None or not is_gguf(source.transformer):
        return wanted
    if wanted not in (Storage.PLAIN, Storage.GGUF):
        raise LoadingProblem(f"{source.transformer} is packed already; engine.weights can only be plain.")
    return Storage.GGUF


def _shift(folder: Path) -> float:
    """How far the schedule is shifted. Raises LoadingProblem where its configuration asks for another course."""
    told = read_json(folder / "scheduler" / "scheduler_config.json")
    if told.get("use_dynamic_shifting"):
        raise LoadingProblem(f"{folder} shifts its schedule by size, which Z-Image models do not.")
    for name, value in told.items():
        if not name.startswith("_") and name not in OF_SCHEDULE and value:
            raise LoadingProblem(f"The scheduler of {folder} asks for {name}, which is not known here.")
    if told.get("num_train_timesteps", TIMES) != TIMES:
        raise LoadingProblem(f"The scheduler of {folder} counts {told['num_train_timesteps']} times, not {TIMES}.")
    shift = told.get("shift", 1.0)  # diffusers' own, where nothing is said
    if isinstance(shift, bool) or not isinstance(shift, int | float) or shift <= 0:
        raise LoadingProblem(f"The scheduler of {folder} has a shift of {shift}.")
    return float(shift)


def _notice(source: Source) -> str:
    """What a file of several parts holds besides them, in one sentence, or nothing."""
    strange = key_names.strangers(entries(source.transformer)) if source.transformer is not None else []
    if not strange:
        return ""
    said = (
        f"{source.transformer} holds {strange[0]} and {len(strange) - 1} more, which belong to no part of this model."
    )
    log.warning("%s", said)
    return said


def _heads(source: Source, part: str) -> dict[str, Entry]:
    """What is known of a part's tensors before they are read."""
    file, folder = source.file(part), source.folder / part
    if file is None and prequantized.method(folder) is not None:
        plain = single_file.without_weights(part, folder).state_dict()
        return {name: Entry(shape=tuple(value.shape), size=0) for name, value in plain.items()}
    if file is None:
        return {name: entry for each in weight_files(folder) for name, entry in entries(each).items()}
    found = key_names.content(key_names.part(entries(file), part))
    if part != "text_encoder":
        return found
    return {name: Entry(shape=entry.shape, size=entry.size) for name, entry in key_names.text_encoder(found).items()}


def _part(source: Source, part: str, device: Device) -> Any:
    """One component, to be run only."""
    folder, file = source.folder / part, source.file(part)
    if file is None and prequantized.is_ours(folder):
        file = folder
    match part:
        case "transformer" if file is not None:
            module = single_file.load_transformer(file, folder, device.dtype)
        case "text_encoder" if file is not None:
            module = single_file.load_text_encoder(file, folder, device.dtype)
        case "vae" if file is not None:
            module = single_file.load_vae(file, folder, device.dtype)
        case "transformer":
            module = _of_folder(ZImageTransformer2DModel, folder, device)
        case "text_encoder":
            module = _of_folder(Qwen3Model, folder, device)
        case _:
            module = _of_folder(AutoencoderKL, folder, device)
    return module.eval().requires_grad_(False)


def _of_folder(kind: Any, folder: Path, device: Device) -> Any:
    """A component out of its folder. A weight that its files lack would stay random without a word."""
    there = {name for file in weight_files(folder) for name in entries(file)}
    if prequantized.method(folder) is not None:
        try:
            packed = kind.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=device.dtype)
        except (ImportError, AttributeError) as error:  # a package of another version than the library expects
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise LoadingProblem(f"The weights in {folder} cannot be unpacked: {reason}.") from error
        plain = single_file.without_weights(folder.name, folder)
        return prequantized.unpacked(packed, plain, folder, device.dtype)
    module = kind.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=device.dtype)
    # a text encoder saved with its language head has its names under "model."
    missing = [name for name in module.state_dict() if name not in there and f"model.{name}" not in there]
    if missing:
        raise LoadingProblem(f"The weights in {folder} lack {missing[0]} and {len(missing) - 1} more.")
    ours = set(module.state_dict())
    stems = {name.removeprefix("model.") if folder.name == "text_encoder" else name for name in there}
    single_file.refuse_unknown(str(folder), stems - ours, folder.name)
    if folder.name == "transformer" and module.config.siglip_feat_dim:
        raise LoadingProblem(f"{folder} is that of a model which sees pictures (siglip_feat_dim), not read here.")
    return module
