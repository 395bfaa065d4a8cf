"""The device, its memory, and the policy by which a model of some size is kept in it."""

from __future__ import annotations

import gc
import logging
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import torch

GIB = 1024**3
WORKING_SPACE = 3 * GIB  # of a 1024² picture beside the weights: activations of transformer and decoder
TILED_SPACE = 3 * GIB // 2  # the same when the VAE works in tiles of TILE
LARGE_SPACE = 16 * GIB  # more than that: what the decoder takes for 2048² in one piece
TILE = 512  # pixels a side

# Shares of the published model's weights, as `python -m benchmarks.memory` computes them.
FP8_SHARE = 0.501  # of the transformer: its linear layers at one byte, the rest as it was
BLOCKS_SHARE = {"transformer": 0.061, "text_encoder": 0.147}  # two blocks, and what belongs to no block
LAYER_SHARE = {"transformer": 0.0064, "text_encoder": 0.097}  # the largest single layer

log = logging.getLogger(__name__)


class NoDevice(Exception):
    """The device that was asked for cannot paint; the message is one sentence."""


class Policy(StrEnum):
    """Where the weights lie, from the most memory on the device to the least. The VAE is small and stays there."""

    RESIDENT = "resident"  # everything on the device
    ENCODER_EVICTED = "encoder-evicted"  # the text encoder visits to encode, then goes back to main memory
    FP8_STORAGE = "fp8-storage"  # that, and the transformer at one byte a weight; it computes in the device's dtype
    GROUP_OFFLOAD = "group-offload"  # blocks come from main memory one after another
    SEQUENTIAL = "sequential"  # single layers do

    @property
    def whole(self) -> bool:
        """Whether the transformer lies on the device as it was trained."""
        return self in (Policy.RESIDENT, Policy.ENCODER_EVICTED)


class Storage(StrEnum):
    """What a weight of a linear layer is, wherever it lies."""

    PLAIN = "plain"  # a number of the dtype that computes
    INT8 = "int8"  # one byte, with a factor for each row
    FP8 = "fp8"  # the same, as a small floating-point number
    GGUF = "gguf"  # as the file has it, in blocks of 2 to 8 bits a weight


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Bytes of a model's parts as they are stored."""

    transformer: int
    text_encoder: int
    vae: int
    storage: Storage = Storage.PLAIN

    def allows(self, policy: Policy) -> bool:
        """Whether weights stored so can be kept so: what is packed already cannot be cast to fp8."""
        return self.storage is Storage.PLAIN or policy is not Policy.FP8_STORAGE

    def footprint(self, policy: Policy) -> int:
        """Bytes of the device that a 1024² picture takes at most under a policy."""
        visit = self.text_encoder + self.vae + GIB
        match policy:
            case Policy.RESIDENT:
                return self.transformer + self.text_encoder + self.vae + WORKING_SPACE
            case Policy.ENCODER_EVICTED:
                return max(self.transformer + self.vae + WORKING_SPACE, visit)
            case Policy.FP8_STORAGE:
                return max(int(self.transformer * FP8_SHARE) + self.vae + WORKING_SPACE, visit)
            case Policy.GROUP_OFFLOAD:
                return self._largest(BLOCKS_SHARE) + self.vae + TILED_SPACE
            case Policy.SEQUENTIAL:
                return self._largest(LAYER_SHARE) + self.vae + TILED_SPACE

    def _largest(self, shares: dict[str, float]) -> int:
        # what belongs to no block keeps its size, and so is a larger share of packed weights
        transformer = self.transformer * (1 if self.storage is Storage.PLAIN else 2)
        text_encoder = self.text_encoder * (2 if self.storage in (Storage.INT8, Storage.FP8) else 1)
        return int(max(transformer * shares["transformer"], text_encoder * shares["text_encoder"]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A device to paint on. `total` and `free` are bytes of its memory, 0 when unknown."""

    torch_device: torch.device
    dtype: torch.dtype
    total: int
    free: int
    wanted: Policy | None = None  # by the owner

    @property
    def name(self) -> str:
        """The device in words."""
        return torch.cuda.get_device_name(self.torch_device) if self.torch_device.type == "cuda" else "cpu"

    def policy(self, weights: Weights) -> Policy:
        """How a model is kept here: as asked for, else in the fastest way that fits."""
        if self.wanted is not None:
            return self.wanted
        if self.torch_device.type == "cpu":
            return Policy.RESIDENT
        allowed = (one for one in Policy if weights.allows(one))
        return next((one for one in allowed if weights.footprint(one) <= self.free), Policy.SEQUENTIAL)

    def tile(self, weights: Weights, policy: Policy) -> int | None:
        """Pixels a side beyond which the VAE works in tiles; None where it never need."""
        if policy in (Policy.GROUP_OFFLOAD, Policy.SEQUENTIAL):
            return TILE
        spare = self.free - weights.footprint(policy)
        return None if self.torch_device.type == "cpu" or spare >= LARGE_SPACE else 2 * TILE


def find_device(wanted: Literal["auto", "cpu", "cuda"], policy: str = "auto") -> Device:
    """The GPU in bf16 if there is one that may be used, else the processor in fp32. Raises NoDevice.

    `policy` is the name of one, or `auto`.
    """
    chosen = None if policy == "auto" else Policy(policy)
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        bytes_ = _main_memory()
        return Device(torch_device=torch.device("cpu"), dtype=torch.float32, total=bytes_, free=bytes_, wanted=chosen)
    if not torch.cuda.is_available():
        raise NoDevice("No CUDA device can be used here; give --device cpu, or install a CUDA build of torch.")
    name = torch.cuda.get_device_name()
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        sentence = f"{name} cannot compute in bf16, which this model needs (fp16 turns its pictures black)"
        if wanted == "cuda":
            raise NoDevice(f"{sentence}; give --device cpu.")
        log.warning("%s; painting on the processor.", sentence)
        return find_device("cpu", policy)
    free, total = torch.cuda.mem_get_info()
    return Device(torch_device=torch.device("cuda", 0), dtype=torch.bfloat16, total=total, free=free, wanted=chosen)


def wait_for(device: torch.device) -> None:
    """Until the device has done all it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def free_memory(device: torch.device) -> int:
    """Bytes of a CUDA device that nobody uses, torch's own cache counted as free."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def weight_bytes(*modules: torch.nn.Module) -> int:
    """Bytes of all weights as they are stored now."""
    return sum(_byte_count(parameter) for module in modules for parameter in module.parameters())


def _byte_count(value: torch.Tensor) -> int:
    """torchao's own tensors say how large they would be unpacked; what they are made of tells the truth."""
    flatten: Any = getattr(type(value), "__tensor_flatten__", None)
    if flatten is None:
        return value.nbytes
    return sum(_byte_count(getattr(value, name)) for name in flatten(value)[0])


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is a device, or the processor's allocator, saying that it has no more."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def release(device: torch.device) -> None:
    """Give unused memory back after a picture that did not fit."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def peak_memory(device: torch.device) -> int:
    """Most bytes in use on the painting device since the last call; of the whole process on the processor."""
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        return peak
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB


def _main_memory() -> int:
    if not hasattr(os, "sysconf"):
        return 0
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
