"""How strong a LoRA is by what its file notes beside its tensors, or a trainer in a file next to it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

_OF_DIFFUSERS = "lora_adapter_metadata"  # what peft was told, as JSON, under the component's name
_COMPONENT = "transformer."
_OF_PEFT = "adapter_model"  # peft's own name for the weights; what it was told lies next to them
_CONFIG = "adapter_config.json"
_ALPHAS = ("lora_alpha", "alpha", "network_alpha")
# Not `ss_network_alpha`: kohya's trainers keep alpha as tensors as well, and where a converter has multiplied it into
# the weights (musubi-tuner's convert_lora.py), it leaves that note.


@dataclass(frozen=True, kw_only=True, slots=True)
class Strength:
    """What alpha is, for layers whose name ends with one of `alphas` another, and whether rank counts by its root."""

    alpha: float | None = None
    rank: int | None = None
    rooted: bool = False
    alphas: Mapping[str, float] = field(default_factory=dict[str, float])

    def of(self, layer: str, rank: int | None) -> float:
        """By what a product is multiplied: alpha / rank. `rank` is None where its factors tell none."""
        alpha = next((value for pattern, value in self.alphas.items() if _ends(layer, pattern)), self.alpha)
        rank = rank or self.rank
        if alpha is None or rank is None:
            return 1.0
        return alpha / (sqrt(rank) if self.rooted else rank)


def strength(file: Path, notes: Mapping[str, str]) -> Strength:
    """What is told of a file's alpha. Raises ValueError, TypeError, AttributeError or OSError where that is garbled."""
    if (whole := notes.get(_OF_DIFFUSERS)) is not None:
        return _of(json.loads(whole))
    if file.stem == _OF_PEFT and (config := file.with_name(_CONFIG)).is_file():
        return _of(json.loads(config.read_bytes()))
    for note in notes.values():
        if any(f'{alpha}"' in note for alpha in _ALPHAS) and (told := _of(_object(note))).alpha is not None:
            return told
    return _of(notes)


def _object(note: str) -> dict[str, Any]:
    """A note that is a JSON object; other notes are about something else."""
    try:
        value = json.loads(note)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _of(told: Mapping[str, Any]) -> Strength:
    def word(*names: str) -> Any:
        found = (told[each] for name in names for each in (_COMPONENT + name, name) if told.get(each) is not None)
        return next(found, None)

    alpha, rank = word(*_ALPHAS), word("r", "rank", "lora_rank", "network_dim")
    return Strength(
        alpha=None if alpha is None else float(alpha),
        rank=None if rank is None else int(rank),
        rooted=str(word("use_rslora")).lower() == "true",
        alphas={str(pattern): float(value) for pattern, value in (word("alpha_pattern") or {}).items()},
    )


def _ends(layer: str, pattern: str) -> bool:
    """As peft has it: a pattern is a regular expression for the end of a layer's name, after a dot."""
    try:
        return re.fullmatch(rf"(.*\.)?({pattern})", layer) is not None
    except re.error:
        return layer == pattern or layer.endswith(f".{pattern}")
