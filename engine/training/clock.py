"""A training stage with a budget of minutes: what it has used of it survives a restart in the checkpoint."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

WARMUP = 0.02  # share of the budget


@dataclass(kw_only=True, slots=True)
class Budget:
    """`minutes` of work, of which `spent` seconds are used. `share` is in 0..1."""

    minutes: float
    spent: float = 0.0
    _last: float = field(default_factory=time.monotonic)

    def tick(self) -> None:
        """Count the time since the last tick; call once a step."""
        now = time.monotonic()
        self.spent += now - self._last
        self._last = now

    @property
    def share(self) -> float:
        return min(self.spent / (self.minutes * 60), 1.0)

    @property
    def over(self) -> bool:
        return self.share >= 1.0

    def rate(self, *, decay_from: float) -> float:
        """The learning rate's factor: a short warm-up, 1, then linear to 0 after `decay_from` of the budget."""
        return max(min(self.share / WARMUP, 1.0, (1.0 - self.share) / (1.0 - decay_from)), 0.02)


def ema_update(average: dict[str, torch.Tensor], state: dict[str, torch.Tensor], step: int, horizon: int) -> None:
    """Move `average` towards `state`, in place; the horizon (steps) grows with the step at first."""
    keep = min(1 - 1 / horizon, (step + 1) / (step + 10))
    averages, values = [average[name] for name in state], [value.float() for value in state.values()]
    torch._foreach_lerp_(averages, values, 1 - keep)  # pyright: ignore[reportPrivateUsage]


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint in one rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    torch.save(state, temporary)
    temporary.replace(path)
