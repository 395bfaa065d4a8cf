"""Who lies on the GPU when: the text encoder's visits, told by modules that write down where they go."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engine.worker import memory
from engine.worker.memory import GIB, Visiting

GPU = torch.device("cuda", 0)


class Traveller(torch.nn.Linear):
    """A module that writes down each journey instead of making it: there need not be a GPU."""

    def __init__(self, name: str, diary: list[str]) -> None:
        super().__init__(4, 4)
        self.name = name
        self.diary = diary

    def to(self, *places: Any, **_: Any) -> Traveller:
        self.diary.append(f"{self.name} to {torch.device(places[0]).type}")
        return self


def visiting(diary: list[str], *, free: int) -> Visiting:
    encoder, transformer = Traveller("encoder", diary), Traveller("transformer", diary)
    visitor = Visiting(encoder, transformer, GPU, lambda: free)
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
