"""Who lies on the GPU when: the policy for a size of memory, and what pictures are like under each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.worker.device import memory
from engine.worker.device.memory import GIB, Device, Policy, Weights
from engine.worker.device.offload import EvictedEncoder
from engine.worker.loading.loading import load, weigh
from engine.worker.pipeline.pipeline import Pipeline
from tests.support.likeness import assert_same_pixels
from tests.support.orders import order
from tests.support.painting import finish

GPU = torch.device("cuda", 0)
PUBLISHED = Weights(transformer=int(11.46 * GIB), text_encoder=int(7.49 * GIB), vae=int(0.16 * GIB))


def gpu(free: float, wanted: Policy | None = None) -> Device:
    return Device(torch_device=GPU, dtype=torch.bfloat16, total=80 * GIB, free=int(free * GIB), wanted=wanted)


@pytest.mark.parametrize(
    ("free", "policy", "tile"),
    [
        (80, Policy.RESIDENT, None),
        (23, Policy.RESIDENT, 1024),
        (22, Policy.ENCODER_EVICTED, 1024),
        (15, Policy.ENCODER_EVICTED, 1024),
        (14, Policy.FP8_STORAGE, 1024),
        (9, Policy.FP8_STORAGE, 1024),
        (8, Policy.GROUP_OFFLOAD, 512),
        (3, Policy.GROUP_OFFLOAD, 512),
        (2.5, Policy.SEQUENTIAL, 512),
        (1, Policy.SEQUENTIAL, 512),
    ],
)
def test_the_published_model_is_kept_in_the_fastest_way_that_fits(
    free: float, policy: Policy, tile: int | None
) -> None:
    device = gpu(free)

    assert device.policy(PUBLISHED) is policy
    assert device.tile(PUBLISHED, policy) == tile


def test_the_owners_choice_stands() -> None:
    assert gpu(80, Policy.SEQUENTIAL).policy(PUBLISHED) is Policy.SEQUENTIAL


def test_weights_are_weighed_before_they_are_loaded(tiny: Path) -> None:
    device = memory.find_device("cpu")
    parts = load(tiny, device)

    weights = weigh(tiny, device)

    assert weights.transformer == memory.weight_bytes(parts.transformer)
    assert weights.text_encoder == memory.weight_bytes(parts.text_encoder)
    assert weights.vae == memory.weight_bytes(parts.vae)


def painted(tiny: Path, policy: str) -> np.ndarray:
    device = memory.find_device("cpu", policy)
    pipeline = Pipeline(load(tiny, device), device)
    assert pipeline.policy == policy
    sample = pipeline.begin(order(guidance=2.0, negative="grey"), 0)
    while not sample.done:
        pipeline.step([sample])
    pixels = finish(pipeline, sample)
    assert isinstance(pixels, np.ndarray)
    return pixels.astype(int)


@pytest.mark.parametrize("policy", ["encoder-evicted", "group-offload", "sequential"])
def test_a_picture_is_the_same_wherever_the_weights_lie(tiny: Path, policy: str) -> None:
    assert_same_pixels(painted(tiny, "resident"), painted(tiny, policy))


def test_weights_of_one_byte_paint_nearly_the_same_picture_in_half_the_space(tiny: Path) -> None:
    exact, close = painted(tiny, "resident"), painted(tiny, "fp8-storage")
    device = memory.find_device("cpu", "fp8-storage")
    linear = load(tiny, device).transformer.layers[0].attention.to_q

    assert linear.weight.dtype is torch.float8_e4m3fn
    assert 10 * np.log10(255**2 / np.mean((exact - close) ** 2)) >= 30


def test_a_decoder_in_tiles_paints_nearly_the_same_picture(tiny: Path) -> None:
    device = memory.find_device("cpu")
    pipeline = Pipeline(load(tiny, device), device)
    sample = pipeline.begin(order(width=256, height=192, steps=1), 0)
    pipeline.step([sample])

    whole = finish(pipeline, sample)
    pipeline.make_room()
    pipeline.vae.tile(128)
    tiled = finish(pipeline, sample)

    assert isinstance(whole, np.ndarray)
    assert isinstance(tiled, np.ndarray)
    assert whole.shape == tiled.shape
    assert np.abs(whole.astype(int) - tiled.astype(int)).mean() < 8  # random weights; a trained VAE agrees better


class Traveller(torch.nn.Linear):
    """A module that writes down each journey instead of making it: there need not be a GPU."""

    def __init__(self, name: str, diary: list[str]) -> None:
        super().__init__(4, 4)
        self.name = name
        self.diary = diary

    def to(self, *places: Any, **_: Any) -> Traveller:
        self.diary.append(f"{self.name} to {torch.device(places[0]).type}")
        return self


def visiting(diary: list[str], *, free: int) -> EvictedEncoder:
    encoder, transformer = Traveller("encoder", diary), Traveller("transformer", diary)
    visitor = EvictedEncoder(encoder, transformer, GPU, lambda: free)
    diary.clear()
    return visitor


def test_the_text_encoder_leaves_the_gpu_after_encoding() -> None:
    diary: list[str] = []

    with visiting(diary, free=2 * GIB)():
        diary.append("encodes")

    assert diary == ["encoder to cuda", "encodes", "encoder to cpu"]


def test_the_transformer_steps_aside_when_both_do_not_fit() -> None:
    diary: list[str] = []

    with visiting(diary, free=0)():
        diary.append("encodes")

    assert diary == [
        "transformer to cpu",
        "encoder to cuda",
        "encodes",
        "encoder to cpu",
        "transformer to cuda",
    ]


def test_everybody_is_back_in_place_after_an_error() -> None:
    diary: list[str] = []

    with pytest.raises(MemoryError), visiting(diary, free=0)():
        raise MemoryError

    assert diary[-2:] == ["encoder to cpu", "transformer to cuda"]


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_only_a_lack_of_memory_is_called_one(error: Exception, full: bool) -> None:
    assert memory.is_out_of_memory(error) is full


def test_weights_are_counted_as_they_are_stored() -> None:
    assert memory.weight_bytes(torch.nn.Linear(4, 4, bias=False).to(torch.bfloat16)) == 32
