"""Trains transformer and text encoder together by flow matching: first on half-size pictures, then on whole ones.

Captions are said anew each time a picture is used. All randomness follows from the step's number, so a run that was
interrupted goes on as if it had not been.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import torch
from diffusers import ZImageTransformer2DModel
from torch import Tensor, nn
from transformers import Qwen2Tokenizer

from engine.training import flow
from engine.training.clock import Budget, ema_update, save
from engine.training.latents import Norm, subject
from engine.training.models import Parts, alike, build_text_encoder
from engine.training.precision import PlainMuon
from engine.training.subjects import phrases, stage_phrases
from engine.training.subjects.book import Landscape, Sign
from engine.training.subjects.phrases import Subject
from engine.training.subjects.scenes import Scene
from engine.training.subjects.stage import Stage

HALF = {(128, 128): 0.52, (112, 160): 0.08, (160, 112): 0.08, (112, 144): 0.08, (144, 112): 0.08,
        (96, 160): 0.08, (160, 96): 0.08}  # fmt: skip
WHOLE = {(256, 256): 0.34, (208, 320): 0.11, (320, 208): 0.11, (224, 288): 0.11, (288, 224): 0.11,
         (192, 336): 0.11, (336, 192): 0.11}  # (width, height): share of the steps  # fmt: skip
WHOLE_FROM = 0.45  # share of the budget after which whole pictures are used instead of half-size ones
MIX = {Scene: 0.52, Landscape: 0.12, Sign: 0.36}  # share of what the batches show
HALF_BATCH, WHOLE_BATCH = 96, 32
DECAY_FROM = 0.7
MUON_RATE, ADAM_RATE = 0.02, 1.5e-3
WEIGHT_DECAY = 0.05
HORIZON = 300  # steps of the moving average
LONG_SHARE = 0.1  # of the steps use captions of 33 to 64 tokens
SILENT_SHARE = 0.04  # of the captions are empty: what guidance steers away from
SAVE_EVERY, EXPORT_EVERY = 180.0, 900.0  # seconds

Pools = Callable[[int, int], Tensor]


@dataclass(kw_only=True, slots=True)
class Painter:
    """What is trained: both networks as one module, its averaged weights, its optimizers, and where it stands."""

    net: nn.ModuleDict
    average: dict[str, Tensor]
    optimizers: tuple[torch.optim.Optimizer, ...]
    budget: Budget
    dtype: torch.dtype = torch.bfloat16
    step: int = 0

    @staticmethod
    def of(parts: Parts, *, minutes: float, dtype: torch.dtype = torch.bfloat16) -> Painter:
        net = nn.ModuleDict({"transformer": parts.transformer, "text_encoder": parts.text_encoder})
        flow.use_plain_attention(parts.transformer)
        matrices = [value for name, value in net.named_parameters() if _is_block_matrix(name, value)]
        chosen = {id(value) for value in matrices}
        rest = [value for value in net.parameters() if id(value) not in chosen]
        return Painter(
            net=net,
            average={name: value.detach().clone() for name, value in net.state_dict().items()},
            optimizers=(
                PlainMuon(matrices, lr=MUON_RATE, weight_decay=WEIGHT_DECAY, dtype=dtype),
                torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0),
            ),
            budget=Budget(minutes=minutes),
            dtype=dtype,
        )

    def load(self, path: Path) -> None:
        """Take up the run that was saved in `path`."""
        state = torch.load(path, weights_only=True)
        self.net.load_state_dict(state["model"])
        self.average, self.step, self.budget.spent = state["average"], state["step"], state["spent"]
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)

    def save(self, path: Path) -> None:
        """Write everything that `load` needs."""
        optimizers = [optimizer.state_dict() for optimizer in self.optimizers]
        state = {"model": self.net.state_dict(), "average": self.average, "optimizers": optimizers}
        save(path, {**state, "step": self.step, "spent": self.budget.spent})

    def descend(self, rate: float) -> None:
        """Take a step down the gradients at `rate` (0..1) of the full learning rates."""
        for optimizer, top in zip(self.optimizers, (MUON_RATE, ADAM_RATE), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = top * rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        ema_update(self.average, self.net.state_dict(), self.step, HORIZON)
        self.step += 1

    def compile(self, *, dynamic: bool | None = False) -> None:
        """Fuse the blocks' many small operations (needs a C++ compiler): 1.5 times as fast on a CPU.

        `dynamic` as torch.compile has it: False compiles for each length of sequence, None for any after the first.
        """
        transformer = self.net["transformer"]
        assert isinstance(transformer, ZImageTransformer2DModel)
        torch._dynamo.config.recompile_limit = 64  # pyright: ignore[reportPrivateUsage]  # one compilation for each length of sequence
        for block in [*transformer.layers, *transformer.noise_refiner, *transformer.context_refiner]:
            block.compile(dynamic=dynamic)

    def averaged(self, parts: Parts) -> Parts:
        """`parts` with copies of the networks that carry the averaged weights, ready for export."""
        transformer = alike(parts.transformer)
        encoder = build_text_encoder(parts.tokenizer)
        net = nn.ModuleDict({"transformer": transformer, "text_encoder": encoder})
        net.load_state_dict(self.average)
        return Parts(
            transformer=transformer,
            text_encoder=encoder,
            tokenizer=parts.tokenizer,
            vae=copy.deepcopy(parts.vae),
            scheduler=parts.scheduler,
        )


def train(painter: Painter, parts: Parts, pools: Pools, norm: Norm, path: Path, snapshot: Callable[[], None]) -> None:
    """Train until the budget is used; saves to `path` and calls `snapshot` now and then."""
    saved = exported = painter.budget.spent
    while not painter.budget.over:
        value = one_step(painter, parts.tokenizer, pools, norm)
        painter.budget.tick()
        spent = painter.budget.spent
        if painter.step % 50 == 0:
            print(f"paint {painter.step} {spent / 60:.1f} min, loss {value:.4f}", flush=True)
        if spent - saved > SAVE_EVERY or painter.budget.over:
            painter.save(path)
            saved = spent
        if spent - exported > EXPORT_EVERY:
            snapshot()
            exported = spent


def one_step(painter: Painter, tokenizer: Qwen2Tokenizer, pools: Pools, norm: Norm) -> float:
    """One batch of one size: forward, backward, both optimizers, the average. Returns the loss."""
    rng = Random(f"step {painter.step}")
    whole = painter.budget.share >= WHOLE_FROM
    sizes, batch = (WHOLE, WHOLE_BATCH) if whole else (HALF, HALF_BATCH)
    width, height = rng.choices(list(sizes), list(sizes.values()))[0]
    stored = pools(width, height)
    kinds = rng.choices(list(MIX), list(MIX.values()), k=batch)
    numbers = [rng.choice(_numbers(width, height, len(stored))[kind]) for kind in kinds]
    clean = (stored[numbers].float() - norm.shift) * norm.scale
    long = rng.random() < LONG_SHARE
    texts = [caption(tokenizer, subject(width, height, number)[0], rng, long=long) for number in numbers]
    ids, lengths = flow.tokenize(tokenizer, texts)
    transformer, encoder = painter.net["transformer"], painter.net["text_encoder"]
    with flow.mixed_precision(ids.device, painter.dtype):
        words = flow.encode(encoder, ids).float()  # pyright: ignore[reportArgumentType]
    stride = 1 if whole else 2
    value = flow.loss(transformer, clean, words, lengths, step=painter.step, stride=stride, dtype=painter.dtype)  # pyright: ignore[reportArgumentType]
    value.backward()
    painter.descend(painter.budget.rate(decay_from=DECAY_FROM))
    return value.item()


@cache
def _numbers(width: int, height: int, count: int) -> dict[type[Subject], list[int]]:
    """Which of a size's first `count` pictures show a scene, which a landscape, which a sign."""
    found: dict[type[Subject], list[int]] = {kind: [] for kind in MIX}
    for number in range(count):
        found[type(subject(width, height, number)[0])].append(number)
    return found


def caption(tokenizer: Qwen2Tokenizer, what: Subject | Stage, rng: Random, *, long: bool) -> str:
    """Words for `what` of at most 32 tokens with the template's, or of 33 to 64."""
    if not long and rng.random() < SILENT_SHARE:
        return ""
    low, high = (33, 64) if long else (1, 32)
    while True:
        language = rng.choice(("en", "zh"))
        said = stage_phrases.say if isinstance(what, Stage) else phrases.say
        text = said(what, rng, language=language)  # pyright: ignore[reportArgumentType]
        count = _tokens(tokenizer, text)
        while count < low:
            text = phrases.pad(text, rng, language=language)
            count = _tokens(tokenizer, text)
        if count <= high:
            return text


def _tokens(tokenizer: Qwen2Tokenizer, text: str) -> int:
    return len(tokenizer.backend_tokenizer.encode(flow.templated(text)).ids)


def _is_block_matrix(name: str, value: Tensor) -> bool:
    """Muon is for the matrices inside blocks; embeddings, heads and modulations stay with AdamW."""
    inside = (".layers.", ".noise_refiner.", ".context_refiner.")
    return value.ndim == 2 and any(part in name for part in inside) and "adaLN" not in name
