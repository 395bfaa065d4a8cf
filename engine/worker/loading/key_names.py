"""How the parts of a model are called inside files that people share, and how diffusers and transformers call them.

Works on names alone: the values may be tensors or what a file's head says of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from engine.worker.loading.weight_files import Entry

Value = TypeVar("Value")

# Where a part lies in a file that holds it among others; the first prefix that occurs is the one.
PREFIXES = {
    "transformer": ("model.diffusion_model.", "diffusion_model."),
    "text_encoder": ("text_encoders.qwen3_4b.transformer.model.", "text_encoders.qwen3_4b.", "model."),
    "vae": ("vae.", "first_stage_model."),
}
COMFY_TRANSFORMER = (
    ("final_layer.", "all_final_layer.2-1."),
    ("x_embedder.", "all_x_embedder.2-1."),
    (".attention.out.", ".attention.to_out.0."),
    (".attention.q_norm.", ".attention.norm_q."),
    (".attention.k_norm.", ".attention.norm_k."),
)
FUSED = (".attention.qkv.weight", ".attention.qkv.bias")
LLAMA_CPP = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
# What lies beside a weight of one byte: the factor that gives it its size back, and words for others' kernels.
SCALES = (".weight_scale", ".scale_weight", ".weight_scale_inv")
BESIDE = (*SCALES, ".input_scale", ".scale_input", ".output_scale", ".comfy_quant")
QUANTO = ((".weight._data", ".weight"), (".weight._scale", ".weight_scale"))


def part(weights: Mapping[str, Value], name: str) -> dict[str, Value]:
    """The tensors of one part, without the prefix under which they lie."""
    for prefix in PREFIXES[name]:
        if any(key.startswith(prefix) for key in weights):
            return {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
    return dict(weights)


def holds(weights: Mapping[str, object], name: str) -> bool:
    """Whether a file says by its prefixes that it holds this part among others."""
    return any(key.startswith(prefix) for key in weights for prefix in PREFIXES[name][:2])


def content(weights: Mapping[str, Value]) -> dict[str, Value]:
    """Without the factors and notes beside weights of one byte."""

    def beside(key: str) -> bool:
        return any(key.endswith(ending) and f"{key.removesuffix(ending)}.weight" in weights for ending in BESIDE)

    return {key: value for key, value in weights.items() if key != "scaled_fp8" and not beside(key)}


def of_quanto(weights: Mapping[str, Value]) -> dict[str, Value]:
    """Weights of one byte and their factors as others call them."""

    def named(key: str) -> str:
        ending = next(((theirs, ours) for theirs, ours in QUANTO if key.endswith(theirs)), None)
        return key if ending is None else key.removesuffix(ending[0]) + ending[1]

    return {named(key): value for key, value in weights.items()}


def strangers(weights: Iterable[str]) -> list[str]:
    """What a file of several parts holds besides all of them."""
    keys = list(weights)
    roots = tuple(prefix for prefixes in PREFIXES.values() for prefix in prefixes[:2])
    if not any(key.startswith(roots) for key in keys):
        return []
    return sorted(key for key in keys if not key.startswith(roots) and key != "scaled_fp8")


def transformer(weights: Mapping[str, Any]) -> dict[str, Any]:
    """A transformer's tensors under diffusers' names, from those or from ComfyUI's."""
    if not any(key.endswith(FUSED) for key in weights):
        return dict(weights)
    named: dict[str, Any] = {}
    for key, value in weights.items():
        for theirs, ours in COMFY_TRANSFORMER:
            key = key.replace(theirs, ours)
        if key.endswith(FUSED):
            for letter, third in zip("qkv", _thirds(value), strict=True):
                named[key.replace(".qkv.", f".to_{letter}.")] = third
        else:
            named[key] = value
    return named


def text_encoder(weights: Mapping[str, Value]) -> dict[str, Value]:
    """A Qwen3 model's tensors under transformers' names, from those or from llama.cpp's; the language head is left."""
    named: dict[str, Value] = {}
    for key, value in weights.items():
        if (block := re.fullmatch(r"blk\.(\d+)\.(\w+)\.(\w+)", key)) and block[2] in LLAMA_CPP:
            named[f"layers.{block[1]}.{LLAMA_CPP[block[2]]}.{block[3]}"] = value
        elif key == "token_embd.weight":
            named["embed_tokens.weight"] = value
        elif key == "output_norm.weight":
            named["norm.weight"] = value
        else:
            named[key] = value
    return named


def vae(weights: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """A VAE's tensors under diffusers' names, from those or from the layout of ComfyUI's `ae.safetensors`."""
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    if not any(key.startswith(("encoder.down.", "decoder.up.")) for key in weights):
        return dict(weights)
    return convert_ldm_vae_checkpoint(dict(weights), config)


def _thirds(value: Any) -> Any:
    """Query, key and value lie below each other."""
    if isinstance(value, Entry):
        shape = (value.shape[0] // 3, *value.shape[1:])
        return [Entry(shape=shape, size=value.size // 3, packed=value.packed)] * 3
    return value.chunk(3, dim=0)
