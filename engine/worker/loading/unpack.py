"""Weights of one byte with factors beside them, as ComfyUI and transformers write them: plain numbers again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.worker.loading import key_names
from engine.worker.loading.weight_files import LoadingProblem

Tensors = dict[str, torch.Tensor]

HEADER = "_quantization_metadata"  # ComfyUI's: how each layer is stored, where no tensor beside it says so
FP8 = ("float8_e4m3fn", "float8_e5m2")
INT8 = "int8_tensorwise"
# What notes say besides, which changes nothing where weights are unpacked: in what and how precisely others multiply.
_OF_NO_WEIGHT = ("full_precision_matrix_mult", "orig_dtype", "orig_shape", "per_row", "input_scale")
_BLOCKS = (128, 256, 64, 32, 16)  # sides of a block with a factor of its own; 128 is DeepSeek's and Qwen's


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """How a layer's weight is stored. Under `rotated` each so many columns are turned by a Hadamard matrix."""

    format: str
    rotated: int = 0


def header_notes(header: Mapping[str, str], file: Path) -> dict[str, Note]:
    """How the layers of a file are stored, as its header tells it. Raises LoadingProblem."""
    told = header.get(HEADER)
    if told is None:
        return {}
    try:
        layers = json.loads(told)["layers"]
        return {layer: _note(said, file) for layer, said in layers.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoadingProblem(f"{file} tells in its header of weights in a form that is not known here.") from error


def unpacked(weights: Tensors, header: Mapping[str, Note], file: Path, dtype: torch.dtype) -> Tensors:
    """Weights times the factors beside them, turned back where they were turned; all in this dtype."""
    plain: Tensors = {}
    for key, value in key_names.content(weights).items():
        stem = key.removesuffix(".weight")
        beside = weights.get(f"{stem}.comfy_quant")
        note = _of_tensor(beside, file) if beside is not None else header.get(stem)
        endings = [ending for ending in key_names.SCALES if stem + ending in weights]
        if key != stem and endings:
            value = _scaled(value, weights[stem + endings[0]], f"{file} holds {key}")
        elif not value.is_floating_point():
            raise LoadingProblem(f"{file} holds {key} in whole numbers, without a factor that is known here.")
        if note is not None and note.rotated:
            value = _turned(value, note.rotated, f"{file} holds {key}")
        plain[key] = value.to(dtype)
    return plain


def _of_tensor(note: torch.Tensor, file: Path) -> Note:
    """ComfyUI's note on a weight: JSON as bytes."""
    try:
        said = json.loads(bytes(note.to(torch.uint8).tolist()))
    except ValueError:
        said = {}
    return _note(said if isinstance(said, dict) else {}, file)


def _note(said: Mapping[str, Any], file: Path) -> Note:
    kind = str(said.get("format", "unknown"))
    if kind not in (*FP8, INT8):
        raise LoadingProblem(f"{file} holds weights in the format {kind}, which only ComfyUI reads.")
    known = ("format", "convrot", "convrot_groupsize", *_OF_NO_WEIGHT)
    if strange := [name for name, value in said.items() if name not in known and value]:
        raise LoadingProblem(f"{file} holds weights in the format {kind} with {strange[0]}, which only ComfyUI reads.")
    return Note(format=kind, rotated=int(said.get("convrot_groupsize", 256)) if said.get("convrot") else 0)


def _scaled(value: torch.Tensor, scale: torch.Tensor, what: str) -> torch.Tensor:
    """A weight (out, in) times its factor: one for all, one for each row, or for fp8 one for each block."""
    factors = scale.float()
    if scale.numel() == 1 or (scale.numel() == value.shape[0] and scale.shape[0] == value.shape[0]):
        return value.float() * factors.reshape(-1, *[1] * (value.dim() - 1))
    one_byte = value.element_size() == 1 and value.is_floating_point() and scale.element_size() > 1
    if value.dim() != 2 or scale.dim() != 2 or not one_byte:
        raise LoadingProblem(f"{what} scaled in blocks of a kind that only ComfyUI reads.")
    for axis, (side, block) in enumerate(zip(value.shape, _block(value, scale, what), strict=True)):
        factors = factors.repeat_interleave(block, dim=axis).narrow(axis, 0, side)
    return value.float() * factors


def _block(value: torch.Tensor, scale: torch.Tensor, what: str) -> tuple[int, int]:
    """The sides of the blocks; those at the end of a row or column may be smaller."""
    rows, columns = value.shape
    down, across = scale.shape
    for side in _BLOCKS:
        if (-(-rows // side), -(-columns // side)) == (down, across):
            return side, side
    if rows % down or columns % across:
        raise LoadingProblem(f"{what} scaled in blocks that do not fit it.")
    return rows // down, columns // across


def _turned(value: torch.Tensor, group: int, what: str) -> torch.Tensor:
    """A weight turned back: the matrix is its own inverse.

    The regular Hadamard matrix of ConvRot, a Kronecker power of that of 4 rows (pytorch/ao#4695).
    """
    four = torch.ones(4, 4) - 2 * torch.eye(4).flip(0)
    matrix = four
    while len(matrix) < group:
        matrix = torch.kron(matrix, four)
    if len(matrix) != group or value.dim() != 2 or value.shape[1] % group:
        raise LoadingProblem(f"{what} turned in groups of {group}, which do not fit it.")
    return (value.float().unflatten(1, (-1, group)) @ (matrix / group**0.5)).flatten(1)
