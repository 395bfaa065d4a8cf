"""Where the weights lie and in which precision: the device, the dtype, and when the text encoder must leave."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import torch

GIB = 1024**3
RESIDENT_FREE = 22 * GIB  # free at start, with which the published model (19.1 GiB in bf16) stays whole
WORKING_SPACE = 3 * GIB  # of a 1024² picture beside the weights: activations of transformer and decoder

log = logging.getLogger(__name__)


class NoDevice(Exception):
    """The device that was asked for cannot paint; the message is one sentence."""


class Policy(StrEnum):
    """What happens to the weights between two pictures."""

    RESIDENT = "resident"  # everything stays on the painting device
    ENCODER_LEAVES = "encoder-leaves"  # the text encoder visits the GPU to encode, then goes back to main memory


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A device to paint on. `total` and `free` are bytes of its memory, 0 when unknown."""

    device: torch.device
    dtype: torch.dtype
    total: int
    free: int

    @property
    def name(self) -> str:
        """The device in words."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def policy(self, weights: int) -> Policy:
        """How a model of `weights` bytes is kept here."""
        if self.device.type == "cpu" or self.free >= min(RESIDENT_FREE, weights + WORKING_SPACE):
            return Policy.RESIDENT
        return Policy.ENCODER_LEAVES


def find_place(wanted: Literal["auto", "cpu", "cuda"]) -> Place:
    """The GPU in bf16 if there is one that may be used, else the processor in fp32. Raises NoDevice."""
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return Place(device=torch.device("cpu"), dtype=torch.float32, total=_main_memory(), free=_main_memory())
    if not torch.cuda.is_available():
        raise NoDevice("No CUDA device can be used here; give --device cpu, or install a CUDA build of torch.")
    name = torch.cuda.get_device_name()
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        sentence = f"{name} cannot compute in bf16, which this model needs (fp16 turns its pictures black)"
        if wanted == "cuda":
            raise NoDevice(f"{sentence}; give --device cpu.")
        log.warning("%s; painting on the processor.", sentence)
        return find_place("cpu")
    free, total = torch.cuda.mem_get_info()
    return Place(device=torch.device("cuda", 0), dtype=torch.bfloat16, total=total, free=free)


class Resident:
    """A text encoder that stays where it is."""

    def __init__(self, encoder: Any, device: torch.device) -> None:
        self._encoder = encoder.to(device)

    @contextmanager
    def __call__(self) -> Generator[Any]:
        """The encoder, ready to run."""
        yield self._encoder


class Visiting:
    """A text encoder that comes to the GPU to encode. The transformer steps aside when both do not fit.

    `free` says how many bytes of the device are free now.
    """

    def __init__(self, encoder: Any, transformer: Any, device: torch.device, free: Callable[[], int]) -> None:
        self._encoder = encoder.to("cpu")
        self._transformer = transformer
        self._device = device
        self._free = free
        self._size = weight_bytes(encoder)

    @contextmanager
    def __call__(self) -> Generator[Any]:
        """The encoder on the GPU, and off it again afterwards."""
        aside = self._free() < self._size + GIB
        try:
            if aside:
                self._transformer.to("cpu")
                torch.cuda.empty_cache()
            yield self._encoder.to(self._device)
        finally:
            self._encoder.to("cpu")
            torch.cuda.empty_cache()
            if aside:
                self._transformer.to(self._device)


def free_memory(device: torch.device) -> int:
    """Bytes of a CUDA device that nobody uses, torch's own cache counted as free."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def weight_bytes(*modules: torch.nn.Module) -> int:
    """Bytes of all weights as they are stored now."""
    return sum(parameter.nbytes for module in modules for parameter in module.parameters())


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
