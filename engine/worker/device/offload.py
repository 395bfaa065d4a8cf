"""Puts transformer and text encoder where the memory policy wants them, and brings them to the device when they run."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from diffusers.hooks import apply_group_offloading

from engine.worker.device.memory import GIB, Device, Policy, free_memory, weight_bytes

Lender = Callable[[], AbstractContextManager[Any]]  # a module, on the device for as long as the context lasts


def settle_transformer(transformer: Any, policy: Policy, device: Device) -> Any:
    """The transformer, to be called as if it lay on the device."""
    match policy:
        case Policy.RESIDENT | Policy.ENCODER_EVICTED:
            transformer.to(device.torch_device)
        case Policy.FP8_STORAGE:
            transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=device.dtype)
            transformer.to(device.torch_device)
        case Policy.GROUP_OFFLOAD | Policy.SEQUENTIAL:
            _offload(transformer, policy, device)
    return transformer


def lend_encoder(encoder: Any, transformer: Any, policy: Policy, device: Device) -> Lender:
    """The text encoder, to be borrowed for each prompt."""
    match policy:
        case Policy.RESIDENT:
            return ResidentEncoder(encoder, device.torch_device)
        case Policy.ENCODER_EVICTED | Policy.FP8_STORAGE:
            if device.torch_device.type == "cpu":  # there is nowhere else to go
                return ResidentEncoder(encoder, device.torch_device)
            return EvictedEncoder(encoder, transformer, device.torch_device, lambda: free_memory(device.torch_device))
        case Policy.GROUP_OFFLOAD | Policy.SEQUENTIAL:
            _offload(encoder, policy, device)
            return HookedEncoder(encoder)


def _offload(module: Any, policy: Policy, device: Device) -> None:
    """Blocks, or single layers, come from main memory when their turn is and leave afterwards."""
    if policy is Policy.SEQUENTIAL:
        apply_group_offloading(module, onload_device=device.torch_device, offload_type="leaf_level")
        return
    apply_group_offloading(
        module,
        onload_device=device.torch_device,
        offload_type="block_level",
        num_blocks_per_group=1,
        use_stream=device.torch_device.type == "cuda",  # the next block comes while this one computes
    )


class HookedEncoder:
    """A text encoder whose weights come and go by themselves."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder

    @contextmanager
    def __call__(self) -> Generator[Any]:
        """The encoder, ready to run."""
        yield self._encoder


class ResidentEncoder(HookedEncoder):
    """A text encoder that stays on the device."""

    def __init__(self, encoder: Any, device: torch.device) -> None:
        super().__init__(encoder.to(device))


class EvictedEncoder:
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
