"""Which arithmetic is faster on this machine, and a Muon that uses it.

torch's own Muon orthogonalises in bf16, in which processors without AVX-512 are sixty times slower than in fp32.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Keller Jordan's Muon, 2024: a quintic that pushes singular values to 1
_ROUNDS = 5
MOMENTUM = 0.95


def fastest(device: torch.device, *, seconds: float = 0.4) -> torch.dtype:
    """bf16 or fp32, whichever multiplies the denoiser's matrices faster here; on CUDA bf16."""
    if device.type == "cuda":
        return torch.bfloat16
    rates = {dtype: _rate(dtype, seconds) for dtype in (torch.bfloat16, torch.float32)}
    print(", ".join(f"{dtype}: {rate / 1e9:.0f} GFLOP/s a core" for dtype, rate in rates.items()), flush=True)
    return max(rates, key=lambda dtype: rates[dtype])


def _rate(dtype: torch.dtype, seconds: float) -> float:
    """Multiplications and additions per second of one core, over the sizes that one step has most.

    Counted in the thread's own time: on a busy machine the clock on the wall says nothing.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pairs = [
        (torch.randn(rows, inner).to(dtype), torch.randn(inner, 512).to(dtype))
        for rows, inner in ((3072, 192), (192, 512))
    ]
    for left, right in pairs:
        torch.mm(left, right)
    began, done = time.thread_time(), 0
    while time.thread_time() - began < seconds:
        for left, right in pairs:
            torch.mm(left, right)
            done += 2 * left.shape[0] * left.shape[1] * right.shape[1]
    rate = done / (time.thread_time() - began)
    torch.set_num_threads(threads)
    return rate


class PlainMuon(torch.optim.Optimizer):
    """Muon with decoupled weight decay for matrices, orthogonalising in `dtype`."""

    def __init__(self, params: Iterable[Tensor], *, lr: float, weight_decay: float, dtype: torch.dtype) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert closure is None
        for group in self.param_groups:
            for matrices in _by_shape(value for value in group["params"] if value.grad is not None):
                grads = torch.stack([value.grad for value in matrices if value.grad is not None])
                states = [self.state[value] for value in matrices]
                momentum = [state.setdefault("momentum_buffer", torch.zeros_like(grads[0])) for state in states]
                torch._foreach_lerp_(momentum, list(grads), 1 - MOMENTUM)  # pyright: ignore[reportPrivateUsage]
                update = orthogonal(grads.lerp(torch.stack(momentum), MOMENTUM).to(self.dtype))
                # Wide and tall matrices move alike, as in torch's Muon ("original").
                rate = group["lr"] * max(1.0, grads.shape[1] / grads.shape[2]) ** 0.5
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])  # pyright: ignore[reportPrivateUsage]
                torch._foreach_add_(matrices, list(update.to(matrices[0].dtype)), alpha=-rate)  # pyright: ignore[reportPrivateUsage]


def _by_shape(matrices: Iterable[Tensor]) -> Iterable[list[Tensor]]:
    """Those of one shape are orthogonalised together: single small products leave a processor idle."""
    found = defaultdict[torch.Size, list[Tensor]](list)
    for matrix in matrices:
        found[matrix.shape].append(matrix)
    return found.values()


def orthogonal(matrices: Tensor) -> Tensor:
    """Each of the matrices (batch x n x m) with all its singular values brought near 1 (0.7 to 1.2)."""
    a, b, c = _NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_ROUNDS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
