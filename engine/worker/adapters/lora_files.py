"""LoRA files of every kind that trainers write: which layers they change, and by how much.

Knows no folder, no request and no device but the one it is told. A file is read as a whole or not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from engine.worker.adapters.lora_layers import Change, Kronecker, LowRank

# One or several of these stand before a layer's name, by trainer.
_PREFIXES = (
    "base_model.model.",
    "model.diffusion_model.",
    "diffusion_model.",
    "transformer.",
    "lora_unet_",
    "lora_transformer_",
)
_PART = re.compile(
    r"(?P<layer>.+?)\.(?:"
    r"lora[._](?P<side>A|B|down|up)(?:\.default)?(?:\.weight)?"
    r"|(?P<part>alpha|lokr_w[12](?:_[ab])?|hada_w[12]_[ab])"
    r"|(?P<unknown>lora_magnitude_vector.*|dora_scale|lokr_t2|hada_t[12]))"
)
_SIDES = {"A": "down", "B": "up"}
_PEFT = "lora_adapter_metadata"  # where diffusers keeps alpha and rank, for files without an alpha of their own

Sizes = Mapping[str, tuple[int, ...]]
Linears = Mapping[str, torch.nn.Linear]


class LoraProblem(Exception):
    """A LoRA file that cannot be used; the message is one sentence with its name."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"The LoRA file {file} {reason}.")
        self.file = file


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraEntry:
    """What a file says of one layer, or of those that it has fused. `parts` leads to the names of its tensors."""

    targets: tuple[str, ...]
    parts: Mapping[str, str]


class Catalogue:
    """The layers of a transformer under every name that files give them."""

    def __init__(self, linears: Linears) -> None:
        self._linears = linears
        self._by_name: dict[str, tuple[str, ...]] = {}
        for name in linears:
            self._name(name, name)
            self._name(name.removeprefix("all_").replace(".2-1", ""), name)  # ComfyUI's x_embedder, final_layer
            block, _, leaf = name.rpartition(".to_")
            if leaf == "out.0":
                self._name(f"{block}.out", name)
                self._name(f"{block}.to_out", name)
            elif leaf == "q":
                self._name(f"{block}.qkv", *(f"{block}.to_{one}" for one in "qkv"))

    def _name(self, alias: str, *targets: str) -> None:
        self._by_name.setdefault(_flat(alias), targets)

    def find(self, layer: str) -> tuple[str, ...]:
        """The layers that a file means; none if it means another model's."""
        while (prefix := next((one for one in _PREFIXES if layer.startswith(one)), None)) is not None:
            layer = layer.removeprefix(prefix)
        return self._by_name.get(_flat(layer), ())

    def sizes(self, targets: tuple[str, ...]) -> tuple[int, int]:
        """(out, in) of these layers one after another."""
        return sum(self._linears[one].out_features for one in targets), self._linears[targets[0]].in_features

    def split(self, targets: tuple[str, ...]) -> list[int]:
        """The outputs of each of them."""
        return [self._linears[one].out_features for one in targets]


def check(file: Path, catalogue: Catalogue) -> None:
    """Raise LoraProblem unless this file changes layers of this model. Reads its head only."""
    with _opened(file) as tensors:
        _entries(file.name, _sizes(tensors), catalogue)


def read(file: Path, catalogue: Catalogue, *, device: torch.device, dtype: torch.dtype) -> dict[str, Change]:
    """What the file adds to each layer at weight 1. Raises LoraProblem."""
    with _opened(file) as tensors:
        entries = _entries(file.name, _sizes(tensors), catalogue)
        told = _told_scale(tensors.metadata() or {})
        changes: dict[str, Change] = {}
        for entry in entries:
            values = {part: tensors.get_tensor(name).float() for part, name in entry.parts.items()}
            scale = _scale(values, told)
            for target, change in zip(
                entry.targets, _changes(values, scale, catalogue.split(entry.targets)), strict=True
            ):
                changes[target] = change.placed(device, dtype)
    if not all(torch.isfinite(tensor).all() for change in changes.values() for tensor in change.tensors):
        raise LoraProblem(file.name, "has numbers that are not finite")
    return changes


class _opened:  # noqa: N801  read as a phrase: with _opened(file)
    """A safetensors file, whose own errors are said in our words."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> Any:
        try:
            self._open = safe_open(self._file, framework="pt")
            return self._open.__enter__()
        except (SafetensorError, OSError) as error:
            raise LoraProblem(self._file.name, "is cut off or no safetensors file") from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._open.__exit__(kind, error, trace)
        if isinstance(error, SafetensorError):
            raise LoraProblem(self._file.name, "is damaged") from error


def _sizes(tensors: Any) -> Sizes:
    return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118  no mapping


def _entries(file: str, sizes: Sizes, catalogue: Catalogue) -> list[LoraEntry]:
    """What of a file belongs to this model, each layer once. Text encoders' layers, which some bring, are left out."""
    layers: dict[str, dict[str, str]] = {}
    for name in sizes:
        found = _PART.fullmatch(name)
        if found is None:
            continue
        if found["unknown"] is not None:
            raise LoraProblem(file, "is of a kind that cannot be used here (DoRA, or made for convolutions)")
        part = found["part"] or _SIDES.get(found["side"], found["side"])
        layers.setdefault(found["layer"], {})[part] = name
    taken: set[str] = set()
    entries: list[LoraEntry] = []
    known = [(layer, catalogue.find(layer), parts) for layer, parts in layers.items() if parts.keys() != {"alpha"}]
    for layer, targets, parts in sorted(known, key=lambda one: len(one[1])):  # fused ones may repeat single ones
        if not targets or taken.intersection(targets):
            continue
        if _product(parts, sizes) != catalogue.sizes(targets):
            raise LoraProblem(file, f"was made for another model: {layer} has another size here")
        taken.update(targets)
        entries.append(LoraEntry(targets=targets, parts=parts))
    if not entries:
        raise LoraProblem(file, "changes no layer of this model")
    return entries


def _product(parts: Mapping[str, str], sizes: Sizes) -> tuple[int, int] | None:
    """(out, in) of what these parts make together; None if some are missing or do not fit each other."""
    size = {part: sizes[name] for part, name in parts.items()}
    if any(len(one) != 2 for part, one in size.items() if part != "alpha"):
        return None

    def times(left: str, right: str) -> tuple[int, int] | None:
        if left not in size or right not in size or size[left][1] != size[right][0]:
            return None
        return size[left][0], size[right][1]

    if "up" in size:
        return times("up", "down")
    if "hada_w1_a" in size:
        first, second = times("hada_w1_a", "hada_w1_b"), times("hada_w2_a", "hada_w2_b")
        return first if first == second else None
    left = size.get("lokr_w1") or times("lokr_w1_a", "lokr_w1_b")
    right = size.get("lokr_w2") or times("lokr_w2_a", "lokr_w2_b")
    return None if left is None or right is None else (left[0] * right[0], left[1] * right[1])


def _told_scale(notes: Mapping[str, str]) -> tuple[float, bool] | None:
    """Alpha as the file's own notes tell it, and whether it is divided by the rank's root; None without notes."""
    try:
        told = json.loads(notes.get(_PEFT, "{}"))
        alpha = told.get("transformer.lora_alpha", told.get("lora_alpha"))
        rooted = bool(told.get("transformer.use_rslora", told.get("use_rslora", False)))
        return None if alpha is None else (float(alpha), rooted)
    except (ValueError, TypeError, AttributeError):
        return None


def _scale(values: Mapping[str, torch.Tensor], told: tuple[float, bool] | None) -> float:
    """By what the product is multiplied: alpha / rank. A LoKr of two whole factors has no rank and no scale."""
    narrow = next((values[part] for part in ("down", "lokr_w2_b", "lokr_w1_b", "hada_w1_b") if part in values), None)
    if narrow is None:
        return 1.0
    rank = narrow.shape[0]
    if "alpha" in values:
        return float(values["alpha"]) / rank
    if told is None:
        return 1.0
    alpha, rooted = told
    return alpha / (sqrt(rank) if rooted else rank)


def _changes(values: Mapping[str, torch.Tensor], scale: float, outputs: list[int]) -> Iterator[Change]:
    """One for each of the fused layers; the outputs of the fused one are theirs one after another."""
    if "up" in values:
        down, up = values["down"], values["up"] * scale
    elif "hada_w1_a" in values:
        # (a b) * (c d) by elements is of rank r²: each column of a times each of c, each row of b times each of d
        up = torch.einsum("or,os->ors", values["hada_w1_a"], values["hada_w2_a"]).flatten(1) * scale
        down = torch.einsum("ri,si->rsi", values["hada_w1_b"], values["hada_w2_b"]).flatten(0, 1)
    else:
        yield from _kronecker(values, scale, outputs)
        return
    for rows in up.split(outputs):
        yield LowRank(down=down, up=rows)


def _kronecker(values: Mapping[str, torch.Tensor], scale: float, outputs: list[int]) -> Iterator[Change]:
    left, right = (
        values[whole] if whole in values else values[f"{whole}_a"] @ values[f"{whole}_b"]
        for whole in ("lokr_w1", "lokr_w2")
    )
    if all(one % right.shape[0] == 0 for one in outputs):
        for rows in (left * scale).split([one // right.shape[0] for one in outputs]):
            yield Kronecker(left=rows, right=right)
        return
    # A border between fused layers runs through a block of the product, so it has to be written out.
    for rows in torch.kron(left * scale, right).split(outputs):
        yield LowRank(down=torch.eye(rows.shape[1]), up=rows)


def _flat(layer: str) -> str:
    """A layer's name as kohya's files write it, in which every other way of writing ends up too."""
    return layer.replace(".", "_")
