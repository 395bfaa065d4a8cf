"""LoRA files of every kind that trainers write: which layers they change, and by how much.

Knows no folder, no request and no device but the one it is told. A file is read as a whole or not at all; what it
brings for parts that this model does not have is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from engine.worker.adapters import lora_notes
from engine.worker.adapters.lora_layers import Change, Gain, Kronecker, LowRank, Shift, Whole
from engine.worker.adapters.lora_names import Catalogue, said_by
from engine.worker.adapters.lora_notes import Strength

# Of each way to write a change: the parts that belong together, any of these groups.
_MATRICES = {
    "lora": (frozenset({"down", "up"}),),
    "hada": (frozenset({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"}),),
    "lokr": (
        frozenset({"lokr_w1", "lokr_w2"}),
        frozenset({"lokr_w1", "lokr_w2_a", "lokr_w2_b"}),
        frozenset({"lokr_w1_a", "lokr_w1_b", "lokr_w2"}),
        frozenset({"lokr_w1_a", "lokr_w1_b", "lokr_w2_a", "lokr_w2_b"}),
    ),
    "diff": (frozenset({"diff"}),),
}
_OF_ALL = {"alpha", "bias", "diff_b"}

Sizes = Mapping[str, tuple[int, ...]]


class LoraProblem(Exception):
    """A LoRA file that cannot be used; the message is one sentence with its name."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"The LoRA file {file} {reason}.")
        self.file = file


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraEntry:
    """What a file says of one layer, or of those that it has fused. `parts` leads to the names of its tensors."""

    layer: str  # in the file's words
    targets: tuple[str, ...]
    parts: Mapping[str, str]


def check(file: Path, catalogue: Catalogue) -> tuple[str, ...]:
    """The tensors of this file that this model has no place for, by name. Reads its head only.

    Raises LoraProblem unless the file changes layers of this model.
    """
    with _opened(file) as tensors:
        _strength(file, tensors)
        _, unused = _entries(file.name, _sizes(tensors), catalogue)
    return unused


def read(
    file: Path, catalogue: Catalogue, *, device: torch.device, dtype: torch.dtype
) -> dict[str, tuple[Change, ...]]:
    """What the file adds to each layer at weight 1. Raises LoraProblem."""
    with _opened(file) as tensors:
        entries, _ = _entries(file.name, _sizes(tensors), catalogue)
        strength = _strength(file, tensors)
        changes: dict[str, tuple[Change, ...]] = {}
        for entry in entries:
            values = {part: tensors.get_tensor(name).float() for part, name in entry.parts.items()}
            for target, change in _changes(entry, values, strength, catalogue):
                changes[target] = (*changes.get(target, ()), change.placed(device, dtype))
    if not all(torch.isfinite(t).all() for many in changes.values() for change in many for t in change.tensors):
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


def _strength(file: Path, tensors: Any) -> Strength:
    try:
        return lora_notes.strength(file, tensors.metadata() or {})
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise LoraProblem(file.name, "has notes on its strength that cannot be read") from error


def _sizes(tensors: Any) -> Sizes:
    return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118  no mapping


def _entries(file: str, sizes: Sizes, catalogue: Catalogue) -> tuple[list[LoraEntry], tuple[str, ...]]:
    """What of a file belongs to this model, each layer once, and the names of the tensors that do not."""
    layers: dict[tuple[str, ...], LoraEntry] = {}
    unused: list[str] = []
    kinds: set[str] = set()
    for name in sizes:
        said = said_by(name)
        targets = catalogue.find(said.layer) if said is not None else ()
        if said is None and catalogue.holds(name):
            raise LoraProblem(file, f"brings {name}, which is no change that is known here")
        if said is not None and said.kind is not None:
            kinds.add(said.kind)
            if targets:
                raise LoraProblem(file, f"is of a kind that cannot be used here ({said.kind})")
        if said is None or said.part is None or not targets:
            unused.append(name)
            continue
        known = layers.get(targets, LoraEntry(layer=said.layer, targets=targets, parts={}))
        if said.part in known.parts:  # under another name of the same layer
            unused.append(name)
            continue
        layers[targets] = LoraEntry(layer=known.layer, targets=targets, parts={**known.parts, said.part: name})
    taken: set[str] = set()
    entries: list[LoraEntry] = []
    for entry in sorted(layers.values(), key=lambda one: len(one.targets)):  # fused ones may repeat single ones
        if set(entry.parts) == {"alpha"} or taken.intersection(entry.targets):
            unused += entry.parts.values()
            continue
        _check_entry(file, entry, sizes, catalogue)
        taken.update(entry.targets)
        entries.append(entry)
    if not entries and kinds:
        raise LoraProblem(file, f"is of a kind that cannot be used here ({', '.join(sorted(kinds))})")
    if not entries:
        example = f": it is about {unused[0]}" if unused else ""
        raise LoraProblem(file, f"changes no layer of this model{example}")
    return entries, tuple(unused)


def _check_entry(file: str, entry: LoraEntry, sizes: Sizes, catalogue: Catalogue) -> None:
    """Raise LoraProblem unless the parts are a whole change of the layer's own size."""
    matrix = frozenset(entry.parts.keys() - _OF_ALL)
    if matrix and not any(matrix in groups for groups in _MATRICES.values()):
        ways = [way for way, groups in _MATRICES.items() if any(matrix & group for group in groups)]
        if len(ways) > 1:
            raise LoraProblem(file, f"changes {entry.layer} in two ways at once")
        raise LoraProblem(file, f"is not whole: of {entry.layer} it has only {', '.join(_written(entry, matrix))}")
    if "bias" in entry.parts and "up" not in matrix:
        raise LoraProblem(file, f"is not whole: of {entry.layer} it has only {', '.join(_written(entry, {'bias'}))}")
    wanted = catalogue.sizes(entry.targets)
    size = {part: sizes[name] for part, name in entry.parts.items()}
    fits = not matrix or _product({part: size[part] for part in matrix}) == wanted
    fits &= all(size[part] == (wanted[0],) for part in ("bias", "diff_b") if part in size)
    if not fits:
        raise LoraProblem(file, f"was made for another model: {entry.layer} has another size here")
    if any(0 in one for one in size.values()) or any(one != 1 for one in size.get("alpha", ())):
        raise LoraProblem(file, f"is damaged: {entry.layer} has parts without numbers, or an alpha of several")


def _written(entry: LoraEntry, parts: frozenset[str] | set[str]) -> list[str]:
    """How the file calls these parts."""
    return sorted(entry.parts[part].removeprefix(entry.layer).strip("._") for part in parts)


def _product(size: Sizes) -> tuple[int, ...] | None:
    """(out, in) of what these parts make together; None if they do not fit each other."""
    if "diff" in size:
        return size["diff"]
    if any(len(one) != 2 for one in size.values()):
        return None

    def times(left: str, right: str) -> tuple[int, int] | None:
        if size[left][1] != size[right][0]:
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


def _scale(layer: str, values: Mapping[str, torch.Tensor], strength: Strength) -> float:
    """By what the product is multiplied: alpha / rank. Beside two whole factors of a LoKr, an alpha means nothing."""
    narrow = next((values[part] for part in ("down", "lokr_w2_b", "lokr_w1_b", "hada_w1_b") if part in values), None)
    rank = None if narrow is None else narrow.shape[0]
    if "alpha" in values:
        return 1.0 if rank is None else float(values["alpha"]) / rank
    return strength.of(layer, rank)


def _changes(
    entry: LoraEntry, values: Mapping[str, torch.Tensor], strength: Strength, catalogue: Catalogue
) -> Iterator[tuple[str, Change]]:
    """Of each of the layers that an entry is about; the outputs of a fused one are theirs one after another."""
    outputs = catalogue.split(entry.targets)
    norm = catalogue.norm(entry.targets)
    if norm is not None:
        if "diff" in values:
            yield entry.targets[0], Gain(vector=values["diff"], eps=norm.eps)
    elif values.keys() - _OF_ALL:
        scale = _scale(entry.layer, values, strength)
        yield from zip(entry.targets, _products(values, scale, outputs), strict=True)
    shift = values.get("diff_b")
    if "bias" in values:
        shift = values["bias"] * _scale(entry.layer, values, strength) + (0 if shift is None else shift)
    if shift is not None:
        yield from zip(entry.targets, (Shift(vector=rows) for rows in shift.split(outputs)), strict=True)


def _products(values: Mapping[str, torch.Tensor], scale: float, outputs: list[int]) -> Iterator[Change]:
    if "diff" in values:
        for rows in values["diff"].split(outputs):
            yield Whole(matrix=rows)
        return
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
        yield Whole(matrix=rows)
