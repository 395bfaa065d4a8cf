"""The pieces of a ComfyUI graph: nodes, and the wires between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Wire:
    """An input that comes from another node's output."""

    node: int
    slot: int = 0
    type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One node: its class, inputs in order (wires or values), and output types."""

    type: str
    inputs: Mapping[str, Wire | str | int | float]
    outputs: tuple[str, ...] = ()
    extra_widgets: Mapping[str, str] = field(default_factory=dict[str, str])  # drawn after the input of that name
