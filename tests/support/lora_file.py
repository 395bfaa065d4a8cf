"""A LoRA file of random numbers for a model folder, strong enough to be seen in the picture."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

RANK = 4
CHANGED = (".attention.to_q.weight", ".attention.to_out.0.weight", ".feed_forward.w2.weight")


def write(file: Path, model: Path, *, seed: int = 0, strength: float = 0.1) -> Path:
    """Save a LoRA for some layers of each block of this model's transformer."""
    (weights,) = (model / "transformer").glob("*.safetensors")
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, torch.Tensor] = {}
    with safe_open(weights, framework="pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118  no mapping
            if name.endswith(CHANGED):
                rows, columns = tensors.get_slice(name).get_shape()
                stem = f"diffusion_model.{name.removesuffix('.weight')}"
                state[f"{stem}.lora_A.weight"] = torch.randn(RANK, columns, generator=generator)
                state[f"{stem}.lora_B.weight"] = torch.randn(rows, RANK, generator=generator) * strength
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, file)
    return file


def merge(transformer: torch.nn.Module, file: Path, weight: float) -> None:
    """Add the file to a transformer's own weights, as `fuse` would."""
    with safe_open(file, framework="pt") as tensors, torch.no_grad():
        for name in tensors.keys():  # noqa: SIM118
            if name.endswith(".lora_A.weight"):
                up = tensors.get_tensor(name.replace("lora_A", "lora_B"))
                layer = transformer.get_submodule(name.removeprefix("diffusion_model.").removesuffix(".lora_A.weight"))
                layer.weight += weight * up @ tensors.get_tensor(name)  # pyright: ignore[reportOperatorIssue]
