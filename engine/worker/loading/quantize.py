"""Weights of one byte by torchao: those of the linear layers of all blocks, which are nearly everything.

Embeddings, first and last layers and norms stay as they were: they are small, and pictures suffer from them first.
"""

from __future__ import annotations

import torch

from engine.worker.device.memory import Storage
from engine.worker.loading.weight_files import Entry, LoadingProblem

BLOCKS = ("layers", "noise_refiner", "context_refiner")
NO_TORCHAO = "int8 and fp8 weights need one more package: pip install -e .[torchao]"


def quantize(module: torch.nn.Module, storage: Storage) -> None:
    """Replace the weights of the linear layers in its blocks. They compute in the dtype that they had."""
    if storage not in (Storage.INT8, Storage.FP8):
        return
    try:
        from torchao.quantization import Float8WeightOnlyConfig, Int8WeightOnlyConfig, quantize_
    except ModuleNotFoundError as error:
        raise LoadingProblem(NO_TORCHAO) from error
    config = Int8WeightOnlyConfig() if storage is Storage.INT8 else Float8WeightOnlyConfig()
    quantize_(module, config, filter_fn=lambda part, name: isinstance(part, torch.nn.Linear) and in_block(name))
    module.requires_grad_(False)


def in_block(name: str) -> bool:
    """Whether a layer belongs to one of a transformer's or text encoder's blocks."""
    return name.split(".", 1)[0] in BLOCKS


def size_of(name: str, entry: Entry, storage: Storage, dtype: torch.dtype) -> int:
    """Bytes that a tensor of a file will take."""
    if entry.packed:
        return entry.size
    linear = len(entry.shape) == 2 and in_block(name)
    return entry.count * (1 if linear and storage in (Storage.INT8, Storage.FP8) else dtype.itemsize)
