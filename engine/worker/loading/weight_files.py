"""Weight files as they lie on disk: what is in them, told by their heads alone, and whether they are whole.

Everything that can be wrong with a file is said in one sentence, as LoadingProblem.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

SAFETENSORS, GGUF = ".safetensors", ".gguf"
NO_GGUF = "A GGUF file needs one more package: pip install -e .[gguf]"


class LoadingProblem(Exception):
    """A model cannot be used; the message is one sentence for the log and the people who wait."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One tensor of a file: its shape once it is unpacked, and the bytes that it takes there."""

    shape: tuple[int, ...]
    size: int
    packed: bool = False  # in one of GGUF's block formats

    @cached_property
    def count(self) -> int:
        """How many values it has."""
        return prod(self.shape)


def is_weights(file: Path) -> bool:
    """Whether the name is that of a weight file that can be read here."""
    return file.suffix.lower() in (SAFETENSORS, GGUF)


def is_gguf(file: Path) -> bool:
    """Whether the name is that of a GGUF file."""
    return file.suffix.lower() == GGUF


def entries(file: Path) -> dict[str, Entry]:
    """Every tensor of a file by name. An interrupted download is shorter than its head says."""
    if not file.is_file():
        raise LoadingProblem(f"{file} is missing.")
    return _of_gguf(file) if is_gguf(file) else _of_safetensors(file)


def weight_files(folder: Path) -> Iterator[Path]:
    """Every file of weights that a component needs, from its index when it is split."""
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    if indexes:
        for name in sorted(set(read_json(indexes[0]).get("weight_map", {}).values())):
            yield folder / name
        return
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise LoadingProblem(f"{folder} has no weights (*.safetensors).")
    yield from files


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    try:
        value = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise LoadingProblem(f"{file} is missing.") from error
    except (OSError, ValueError) as error:
        raise LoadingProblem(f"{file} cannot be read: {error}.") from error
    if not isinstance(value, dict):
        raise LoadingProblem(f"{file} is not a JSON object.")
    return value


def gguf_tensors(file: Path) -> Any:
    """The tensors of a GGUF file as its own reader lists them, mapped from disk."""
    try:
        from gguf import GGUFReader
    except ModuleNotFoundError as error:
        raise LoadingProblem(NO_GGUF) from error
    try:
        return GGUFReader(file).tensors
    except (OSError, ValueError, IndexError, KeyError, OverflowError, MemoryError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise LoadingProblem(f"{file} is cut off or no GGUF file: {reason}.") from error


def _of_gguf(file: Path) -> dict[str, Entry]:
    plain = {"F32", "F16", "BF16", "F64"}
    return {
        tensor.name: Entry(
            shape=tuple(int(side) for side in reversed(tensor.shape)),
            size=int(tensor.n_bytes),
            packed=tensor.tensor_type.name not in plain,
        )
        for tensor in gguf_tensors(file)
    }


def _of_safetensors(file: Path) -> dict[str, Entry]:
    try:
        with file.open("rb") as stream:
            size = file.stat().st_size
            (length,) = struct.unpack("<Q", stream.read(8).ljust(8, b"\xff"))
            if length > size:
                raise LoadingProblem(f"{file} is cut off or no safetensors file.")
            head = json.loads(stream.read(length))
            tensors = {name: entry for name, entry in head.items() if name != "__metadata__"}
            spans = {name: entry["data_offsets"] for name, entry in tensors.items()}
            whole = 8 + length + max((end for _, end in spans.values()), default=0)
    except (OSError, ValueError, struct.error, AttributeError, KeyError, TypeError) as error:
        raise LoadingProblem(f"{file} cannot be read: {error}.") from error
    if size < whole:
        raise LoadingProblem(f"{file} is cut off: {size} bytes of {whole}.")
    return {
        name: Entry(shape=tuple(entry["shape"]), size=spans[name][1] - spans[name][0])
        for name, entry in tensors.items()
    }
