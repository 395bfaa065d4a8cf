"""What each memory policy and each storage of weights takes of a GPU with the published model, computed.

From its configuration, on the meta device.

    python -m benchmarks.memory

No weights and no GPU are needed. Weights are exact; the space for activations is the engine's own allowance.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, ZImageTransformer2DModel
from rich.console import Console
from rich.table import Table
from transformers import Qwen3Config, Qwen3Model

from engine.worker.device.memory import (
    BLOCKS_SHARE,
    FP8_SHARE,
    GIB,
    LAYER_SHARE,
    Device,
    Policy,
    Storage,
    Weights,
    weight_bytes,
)
from engine.worker.loading.quantize import in_block

TRANSFORMER: dict[str, Any] = {
    "in_channels": 16,
    "dim": 3840,
    "n_layers": 30,
    "n_refiner_layers": 2,
    "n_heads": 30,
    "n_kv_heads": 30,
    "cap_feat_dim": 2560,
    "axes_dims": [32, 48, 48],
    "axes_lens": [1536, 512, 512],
}
TEXT_ENCODER: dict[str, Any] = {
    "vocab_size": 151936,
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "tie_word_embeddings": True,
}
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 16,
    "norm_num_groups": 32,
    "sample_size": 1024,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}
# Bits a weight takes, its block's factors counted: https://github.com/ggml-org/llama.cpp/wiki/Tensor-Encoding-Schemes
GGUF_BITS = {"Q8_0": 8.5, "Q6_K": 6.5625, "Q5_K": 5.5, "Q4_K": 4.5}
CARDS = (4, 6, 8, 10, 12, 16, 24, 32)  # GiB that people's cards have
TAKEN = 0.5  # GiB of them that the driver and the desktop have taken


def main() -> None:
    """Print the table."""
    transformer, text_encoder, vae = published()
    weights = Weights(
        transformer=weight_bytes(transformer), text_encoder=weight_bytes(text_encoder), vae=weight_bytes(vae)
    )
    parameters = sum(one.numel() for module in (transformer, text_encoder, vae) for one in module.parameters())
    title = f"{parameters / 1e9:.2f} billion weights in bf16: transformer, text encoder, VAE"
    table = Table(title=f"{title} {' + '.join(f'{_gib(part):.2f}' for part in _parts(weights))} GiB")
    for heading in ("policy", "GiB for 1024²", "chosen on a card of"):
        table.add_column(heading)
    for policy in Policy:
        cards = [f"{card} GiB" for card in CARDS if _card(card).policy(weights) is policy]
        table.add_row(policy.value, f"{_gib(weights.footprint(policy)):.1f}", ", ".join(cards) or "none of these")
    Console(width=100).print(table)
    Console(width=100).print(storages(transformer, text_encoder, weights))
    for name, assumed, exact in shares(transformer, text_encoder):
        print(f"{name}: {exact:.4f} of its weights; the engine counts with {assumed}")


def storages(transformer: torch.nn.Module, text_encoder: torch.nn.Module, plain: Weights) -> Table:
    """What the parts take in each storage, and a 1024² picture under three policies, in GiB."""
    table = Table(title="weights that are stored otherwise, and GiB for 1024²")
    for heading in ("weights", "transformer", "text encoder", "resident", "encoder-evicted", "group-offload"):
        table.add_column(heading)
    for name, weights in stored(transformer, text_encoder, plain).items():
        policies = (Policy.RESIDENT, Policy.ENCODER_EVICTED, Policy.GROUP_OFFLOAD)
        sizes = (weights.transformer, weights.text_encoder, *map(weights.footprint, policies))
        table.add_row(name, *(f"{_gib(size):.2f}" for size in sizes))
    return table


def stored(transformer: torch.nn.Module, text_encoder: torch.nn.Module, plain: Weights) -> dict[str, Weights]:
    """Weights of the published model by how they are stored; GGUF files with all linear layers of blocks in a format.

    A text encoder in GGUF is unpacked, so it stays as it is.
    """
    found = {"plain": plain}
    for storage in (Storage.INT8, Storage.FP8):
        found[storage.value] = Weights(
            transformer=packed(transformer, 8),
            text_encoder=packed(text_encoder, 8),
            vae=plain.vae,
            storage=storage,
        )
    for name, bits in GGUF_BITS.items():
        found[f"GGUF {name}"] = Weights(
            transformer=packed(transformer, bits),
            text_encoder=plain.text_encoder,
            vae=plain.vae,
            storage=Storage.GGUF,
        )
    return found


def packed(module: torch.nn.Module, bits: float) -> int:
    """Bytes of a module whose linear layers in blocks take so many bits a weight."""

    def size(name: str, value: torch.Tensor) -> float:
        return value.numel() * bits / 8 if value.dim() == 2 and in_block(name) else value.nbytes

    return int(sum(size(name, value) for name, value in module.named_parameters()))


def published() -> tuple[torch.nn.Module, torch.nn.Module, torch.nn.Module]:
    """Transformer, text encoder and VAE in bf16, without a byte of weights."""
    with torch.device("meta"):
        modules: tuple[Any, ...] = (
            ZImageTransformer2DModel(**TRANSFORMER),
            Qwen3Model(Qwen3Config(**TEXT_ENCODER)),
            AutoencoderKL(**VAE),
        )
    transformer, text_encoder, vae = (module.to(torch.bfloat16) for module in modules)
    return transformer, text_encoder, vae


def shares(transformer: Any, text_encoder: Any) -> list[tuple[str, float, float]]:
    """(name, what the engine counts with, exact) of what lies on the device under the frugal policies."""
    found: list[tuple[str, float, float]] = []
    for name, module in (("transformer", transformer), ("text_encoder", text_encoder)):
        whole = weight_bytes(module)
        lists = [child for child in module.children() if isinstance(child, torch.nn.ModuleList)]
        outside = whole - sum(weight_bytes(child) for child in lists)
        block = max(weight_bytes(one) for child in lists for one in child)
        layer = max(sum(one.nbytes for one in part.parameters(recurse=False)) for part in module.modules())
        found.append(
            (f"two blocks of the {name} and what belongs to none", BLOCKS_SHARE[name], (2 * block + outside) / whole)
        )
        found.append((f"largest layer of the {name}", LAYER_SHARE[name], layer / whole))
    whole = weight_bytes(transformer)
    transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.bfloat16)
    return [*found, ("transformer in fp8", FP8_SHARE, weight_bytes(transformer) / whole)]


def _card(size: int) -> Device:
    total, free = size * GIB, int((size - TAKEN) * GIB)
    return Device(torch_device=torch.device("cuda", 0), dtype=torch.bfloat16, total=total, free=free)


def _parts(weights: Weights) -> tuple[int, int, int]:
    return weights.transformer, weights.text_encoder, weights.vae


def _gib(size: int) -> float:
    return size / GIB


if __name__ == "__main__":
    main()
