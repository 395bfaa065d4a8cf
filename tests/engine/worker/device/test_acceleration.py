"""Attention backends and compiled blocks: the same pictures, and no backend that cannot mask where a mask is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch.compiler.config

from engine.worker.device import acceleration
from engine.worker.device.acceleration import Attention, BackendUnusable
from engine.worker.device.memory import find_device
from engine.worker.loading.loading import load
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample
from tests.engine.worker.pipeline.test_parity import painted
from tests.support.likeness import assert_same_latents
from tests.support.orders import order


class Recorder:
    """A transformer that notes its backends."""

    def __init__(self, *missing: str) -> None:
        self.backends: list[str] = []
        self._missing = missing

    def set_attention_backend(self, name: str) -> None:
        if name in self._missing:
            raise RuntimeError("flash-attn is not installed.")
        self.backends.append(name)


@pytest.mark.parametrize("name", ["flash", "flash3", "sage"])
def test_a_backend_that_cannot_mask_steps_aside_where_rows_differ_in_length(name: str) -> None:
    transformer = Recorder()
    attention = Attention(transformer, name)

    for rows in ([(64, 32)], [(64, 32), (64, 32)], [(64, 32), (64, 64)], [(64, 32), (96, 32)], [(64, 32)]):
        attention.before(rows)

    own = acceleration.BACKENDS[name]
    assert transformer.backends == [own, "native", own]


def test_a_backend_that_can_mask_stays() -> None:
    transformer = Recorder()
    attention = Attention(transformer, "cudnn")

    attention.before([(64, 32), (96, 64)])

    assert transformer.backends == ["_native_cudnn"]


def test_xformers_is_not_offered_because_it_is_silently_wrong_with_masks() -> None:
    assert "xformers" not in acceleration.BACKENDS.values()


def test_a_backend_that_is_not_installed_is_said_in_a_sentence() -> None:
    with pytest.raises(
        BackendUnusable, match="attention backend flash cannot be used here: flash-attn is not installed"
    ):
        Attention(Recorder("flash"), "flash")


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("flash", "pip install flash-attn"),
        ("flash3", "https://github.com/Dao-AILab/flash-attention"),
        ("sage", "https://github.com/thu-ml/SageAttention"),  # diffusers names a version that PyPI does not have
    ],
)
def test_a_refused_backend_is_told_with_a_way_to_get_it(pipeline: Pipeline, name: str, way: str) -> None:
    with pytest.raises(BackendUnusable) as refusal:
        Attention(pipeline.transformer, name)

    assert way in str(refusal.value)
    assert str(refusal.value).count("\n") == 0


def company(pipeline: Pipeline) -> list[Sample]:
    return [
        pipeline.begin(order(steps=2), 0),
        pipeline.begin(order(steps=2, width=144, prompt="a cat, " * 9), 0),
        pipeline.begin(order(steps=2, guidance=2.0, negative="grey"), 0),
    ]


def test_mixed_lengths_are_painted_right_under_a_backend_that_refuses_masks(pipeline: Pipeline, tiny: Path) -> None:
    device = find_device("cpu")
    other = Pipeline(load(tiny, device), device, attention="_native_flash")  # stands for flash: it runs on a processor
    try:
        ours, theirs = painted(other, *company(other)), painted(pipeline, *company(pipeline))
    finally:
        other.transformer.set_attention_backend("native")  # the choice is the whole process's

    for one, two in zip(ours, theirs, strict=True):
        assert_same_latents(one.latent, two.latent)


def test_compiled_blocks_paint_the_same_pictures_alone_and_in_mixed_company(pipeline: Pipeline, tiny: Path) -> None:
    device = find_device("cpu")
    other = Pipeline(load(tiny, device), device)
    acceleration.compile_blocks(other.transformer, backend="aot_eager")  # the graphs without a compiler's minutes

    ours = painted(other, *company(other)) + painted(other, company(other)[0])
    theirs = painted(pipeline, *company(pipeline)) + painted(pipeline, company(pipeline)[0])

    assert torch.compiler.config.recompile_limit == acceleration.RECOMPILES
    for one, two in zip(ours, theirs, strict=True):
        assert_same_latents(one.latent, two.latent)
