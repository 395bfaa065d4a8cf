"""One part of a model out of one file, as ComfyUI users have it, or GGUF. Configurations are local: no hub is asked.

What is said of a file holds for a folder of files with weights of one byte as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, ZImageTransformer2DModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from transformers import Qwen3Config, Qwen3Model

from engine.worker.loading import key_names
from engine.worker.loading.unpack import header_notes, unpacked
from engine.worker.loading.weight_files import LoadingProblem, gguf_tensors, is_gguf, weight_files

Tensors = dict[str, torch.Tensor]

WORDS = {"transformer": "Z-Image transformer", "text_encoder": "Qwen3 text encoder", "vae": "VAE of this model"}

# What files bring that no picture depends on: a norm that nobody calls, the language head, tables that are computed
# anew, what the training of a VAE needed.
IDLE = {
    "transformer": re.compile(r"norm_final\.weight"),
    "text_encoder": re.compile(r"lm_head\.\w+|output\.weight|rope_freqs\.weight|.*rotary_emb\.inv_freq"),
    "vae": re.compile(r"(loss|model_ema)\..+"),
}


def load_transformer(file: Path, folder: Path, dtype: torch.dtype) -> ZImageTransformer2DModel:
    """A transformer in ComfyUI's or diffusers' layout, also raw or scaled fp8, which is unpacked. GGUF stays packed."""
    empty = without_weights("transformer", folder)
    weights = _fitting(empty, key_names.transformer(_part(file, "transformer", dtype)), file, "transformer")
    if not is_gguf(file):
        return _filled(empty, weights, dtype)
    return _packed(empty, weights, folder, dtype)


def load_text_encoder(file: Path, folder: Path, dtype: torch.dtype) -> Qwen3Model:
    """A Qwen3 text encoder with or without its language head; GGUF is unpacked."""
    weights = key_names.text_encoder(_part(file, "text_encoder", dtype))
    empty = without_weights("text_encoder", folder)
    return _filled(empty, _fitting(empty, weights, file, "text_encoder"), dtype)


def load_vae(file: Path, folder: Path, dtype: torch.dtype) -> AutoencoderKL:
    """A VAE in diffusers' layout, or in that of `ae.safetensors`."""
    if is_gguf(file):
        raise LoadingProblem(f"{file} is GGUF; a VAE is read from safetensors files only.")
    config: Any = AutoencoderKL.load_config(str(folder), local_files_only=True)
    weights = key_names.vae(_part(file, "vae", dtype), config)
    empty = without_weights("vae", folder)
    return _filled(empty, _fitting(empty, weights, file, "vae"), dtype)


def without_weights(part: str, folder: Path) -> Any:
    """A part as its folder's configuration has it, without memory for its weights."""
    with init_empty_weights():
        if part == "text_encoder":
            return Qwen3Model(Qwen3Config.from_pretrained(folder, local_files_only=True))
        kind: Any = ZImageTransformer2DModel if part == "transformer" else AutoencoderKL
        config = kind.load_config(str(folder), local_files_only=True)
        config.pop("quantization_config", None)
        return kind.from_config(config)


def _part(file: Path, name: str, dtype: torch.dtype) -> Tensors:
    """The tensors of one part in this dtype; those of GGUF's block formats as they are."""
    if is_gguf(file):
        return key_names.part(_read_gguf(file), name)
    weights: Tensors = {}
    header: dict[str, str] = {}
    try:
        for each in weight_files(file) if file.is_dir() else [file]:
            weights |= load_file(each)
            with safe_open(each, framework="pt") as opened:
                header |= opened.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise LoadingProblem(f"{file} cannot be read: {error}.") from error
    weights = key_names.part(key_names.of_quanto(weights), name)
    return unpacked(weights, key_names.part(header_notes(header, file), name), file, dtype)


def _read_gguf(file: Path) -> Tensors:
    """Tensors of a GGUF file: block formats as diffusers' GGUFParameter, plain numbers as tensors."""
    from diffusers.models.model_loading_utils import load_gguf_checkpoint

    gguf_tensors(file)  # says in one sentence what is wrong with it
    try:
        return load_gguf_checkpoint(str(file))
    except ValueError as error:
        raise LoadingProblem(f"{file}: {str(error).splitlines()[0]}") from error


def _fitting(empty: torch.nn.Module, weights: Tensors, file: Path, name: str) -> Tensors:
    """Exactly the tensors that the part has, each in its shape. What it has no place for would change the picture."""
    wanted = empty.state_dict()
    missing = [key for key in wanted if key not in weights]
    if missing:
        raise LoadingProblem(f"{file} is no {WORDS[name]}: it lacks {missing[0]} and {len(missing) - 1} more.")
    refuse_unknown(str(file), weights.keys() - wanted.keys(), name)
    fitting: Tensors = {}
    for key, place in wanted.items():
        value = weights[key]
        shape = tuple(getattr(value, "quant_shape", value.shape))
        if shape != tuple(place.shape):
            if _sides(shape) != _sides(place.shape):
                theirs, ours = "x".join(map(str, shape)), "x".join(map(str, place.shape))
                raise LoadingProblem(f"{file} does not fit its configuration: {key} is {theirs}, not {ours}.")
            # some GGUF files keep the pad tokens, one row each, as plain vectors
            value = _unpacked(value).reshape(place.shape)
        fitting[key] = value
    return fitting


def refuse_unknown(what: str, names: Iterable[str], part: str) -> None:
    """Raise LoadingProblem if any of these tensors, for which a part has no place, is more than idle."""
    if unknown := sorted(name for name in names if not IDLE[part].fullmatch(name)):
        raise LoadingProblem(
            f"{what} brings {unknown[0]} and {len(unknown) - 1} more, for which a {WORDS[part]} has no place."
        )


def _sides(shape: tuple[int, ...] | torch.Size) -> list[int]:
    return [side for side in shape if side != 1]


def _in_blocks(value: torch.Tensor) -> bool:
    kind: Any = getattr(value, "quant_type", None)  # diffusers calls bf16 a quantisation as well
    return kind is not None and kind.name != "BF16"


def _unpacked(value: torch.Tensor) -> torch.Tensor:
    if not hasattr(value, "quant_type"):
        return value
    from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor

    return dequantize_gguf_tensor(value)


def _filled(empty: Any, weights: Tensors, dtype: torch.dtype) -> Any:
    plain = {key: _unpacked(value).to(dtype) for key, value in weights.items()}
    empty.load_state_dict(plain, assign=True)
    return empty


def _packed(empty: torch.nn.Module, weights: Tensors, folder: Path, dtype: torch.dtype) -> ZImageTransformer2DModel:
    """Linear layers keep GGUF's blocks and unpack them in each forward; all else is unpacked now."""
    from diffusers import GGUFQuantizationConfig

    linear = {f"{key}.weight" for key, module in empty.named_modules() if isinstance(module, torch.nn.Linear)}
    kept = {
        key: value if key in linear and _in_blocks(value) else _unpacked(value).to(dtype)
        for key, value in weights.items()
    }
    kind: Any = ZImageTransformer2DModel  # whose hints do not know that it takes tensors
    return kind.from_single_file(
        kept,
        config=str(folder),
        local_files_only=True,
        quantization_config=GGUFQuantizationConfig(compute_dtype=dtype),
        dtype=dtype,
    )
