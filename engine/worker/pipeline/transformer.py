"""One forward of the transformer for all samples that share it: rows of any size, caption and time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import isqrt
from typing import Any

import torch

from engine.worker.adapters.controlnet import ControlNet
from engine.worker.device import memory
from engine.worker.device.acceleration import NATIVE, Attention, compile_blocks
from engine.worker.image import schedule
from engine.worker.image.tokens import PATCH
from engine.worker.pipeline.sample import PaintedSample
from engine.worker.scheduling import forward_time
from engine.worker.scheduling.forward_time import ForwardTime


class Forward:
    """The transformer as it runs. `attention` is a name of `acceleration.BACKENDS`."""

    def __init__(
        self, transformer: Any, device: torch.device, *, attention: str = NATIVE, compiled: bool = False
    ) -> None:
        self._transformer = transformer
        self._device = device
        self._attention = Attention(transformer, attention)
        self._compiled = compiled
        if compiled:
            compile_blocks(transformer)

    def predictions(self, samples: Sequence[PaintedSample], control: ControlNet | None) -> list[torch.Tensor]:
        """What the model says of each sample, shaped as its latent, fp32; under guidance both rows made into one."""
        guided = [(sample, words) for sample in samples if (words := sample.conditioning.negative) is not None]
        everyone = [*samples, *(sample for sample, _ in guided)]
        captions = [*(sample.words for sample in samples), *(words for _, words in guided)]
        times = schedule.model_times([sample.sigmas[sample.position] for sample in everyone], self._device)
        latents = [sample.latent.to(self._transformer.dtype) for sample in everyone]
        controlled = any(sample.guide is not None for sample in samples)
        self._attention.before((row for sample in samples for row in sample.lengths), controlled=controlled)
        hints = (
            control.blocks([sample.guide for sample in everyone], latents, times, captions)
            if control is not None
            else None
        )
        outputs = self._transformer(latents, times, captions, return_dict=False, controlnet_block_samples=hints)[0]
        predictions = [output.float() for output in outputs]
        negative = {id(sample): one for (sample, _), one in zip(guided, predictions[len(samples) :], strict=True)}
        return [
            schedule.guided(one, negative[id(sample)], sample.request.guidance) if id(sample) in negative else one
            for sample, one in zip(samples, predictions, strict=False)
        ]

    def measure(self, native: int) -> ForwardTime:
        """Time forwards of noise up to about `native` tokens, to know what sharing one gains on this device."""
        if self._compiled:
            self._seconds(2, 4 * forward_time.CAPTION, mixed=True)  # the graphs with a mask; measuring makes the others
        try:
            return forward_time.measured(self._seconds, native)
        except (torch.OutOfMemoryError, MemoryError):
            memory.release(self._device)
            return forward_time.UNMEASURED

    def _seconds(self, rows: int, tokens: int, *, mixed: bool = False) -> float:
        """Of one forward with so many rows and image tokens in each. `mixed` makes one caption longer."""
        config, dtype = self._transformer.config, self._transformer.dtype
        side = isqrt(tokens)
        shape = (config.in_channels, 1, PATCH * side, PATCH * (tokens // side))
        pictures = [torch.randn(shape, dtype=dtype, device=self._device)] * rows
        captions = [torch.randn(forward_time.CAPTION, config.cap_feat_dim, dtype=dtype, device=self._device)] * rows
        if mixed:
            captions[0] = captions[0].repeat(2, 1)
        self._attention.before((tokens, len(caption)) for caption in captions)
        memory.wait_for(self._device)
        began = time.perf_counter()
        self._transformer(pictures, torch.zeros(rows, device=self._device), captions, return_dict=False)
        memory.wait_for(self._device)
        return time.perf_counter() - began
