"""What a LoRA adds to a linear layer or a norm, beside the layer's own weights, which are never touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as functional


@dataclass(frozen=True, kw_only=True, slots=True)
class LowRank:
    """Adds up @ down. `down` is (rank, in), `up` is (out, rank)."""

    down: torch.Tensor
    up: torch.Tensor

    @property
    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.down, self.up

    def placed(self, device: torch.device, dtype: torch.dtype) -> LowRank:
        """The same on a device."""
        return LowRank(down=self.down.to(device, dtype), up=self.up.to(device, dtype))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(functional.linear(x, self.down.to(x.dtype)), self.up.to(x.dtype))


@dataclass(frozen=True, kw_only=True, slots=True)
class Kronecker:
    """Adds the Kronecker product of left and right, which is never written out."""

    left: torch.Tensor
    right: torch.Tensor

    @property
    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.left, self.right

    def placed(self, device: torch.device, dtype: torch.dtype) -> Kronecker:
        """The same on a device."""
        return Kronecker(left=self.left.to(device, dtype), right=self.right.to(device, dtype))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        folded = x.unflatten(-1, (self.left.shape[1], self.right.shape[1]))
        return (self.left.to(x.dtype) @ functional.linear(folded, self.right.to(x.dtype))).flatten(-2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """Adds a matrix (out, in) as it is."""

    matrix: torch.Tensor

    @property
    def tensors(self) -> tuple[torch.Tensor]:
        return (self.matrix,)

    def placed(self, device: torch.device, dtype: torch.dtype) -> Whole:
        """The same on a device."""
        return Whole(matrix=self.matrix.to(device, dtype))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.matrix.to(x.dtype))


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """Adds a vector (out) to a layer's outputs, as another bias would."""

    vector: torch.Tensor

    @property
    def tensors(self) -> tuple[torch.Tensor]:
        return (self.vector,)

    def placed(self, device: torch.device, dtype: torch.dtype) -> Shift:
        """The same on a device."""
        return Shift(vector=self.vector.to(device, dtype))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.vector.to(x.dtype)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gain:
    """Adds a vector (size) to the weight of a root-mean-square norm, whose `eps` it shares."""

    vector: torch.Tensor
    eps: float

    @property
    def tensors(self) -> tuple[torch.Tensor]:
        return (self.vector,)

    def placed(self, device: torch.device, dtype: torch.dtype) -> Gain:
        """The same on a device."""
        return Gain(vector=self.vector.to(device, dtype), eps=self.eps)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        even = x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.eps)
        return even.to(x.dtype) * self.vector.to(x.dtype)


Change = LowRank | Kronecker | Whole | Shift | Gain


class Changed(torch.nn.Module):
    """A layer and what is added to it, each with its weight (a scalar tensor).

    The additions are no parameters of the module: offloading and storage in fp8 leave them alone, and a layer that
    takes its place again is bit for bit what it was.
    """

    def __init__(self, layer: torch.nn.Module, changes: Sequence[tuple[Change, torch.Tensor]]) -> None:
        super().__init__()
        self.layer = layer
        self.changes = tuple(changes)

    @property
    def weight(self) -> torch.Tensor:
        """The layer's own, which some callers ask for its dtype."""
        return self.layer.weight  # pyright: ignore[reportReturnType]  modules are typed as holding anything

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.layer(x)
        for change, weight in self.changes:
            out = out + weight * change(x)
        return out
