"""Runs the cells of a benchmark one after another within a budget of seconds. A cell that fails ends alone.

Each cell's line is printed, and written to `cells.jsonl`, as soon as it is measured.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Figures = Mapping[str, Any]  # what json can write


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """Something to be measured. `seconds` is what it takes at most where it is meant to run."""

    name: str
    seconds: float
    measure: Callable[[], Figures]


def run(cells: Sequence[Cell], *, until: float, folder: Path | None, after: Callable[[], object]) -> list[Figures]:
    """The lines of all cells. None begins that would not be done `until` a second of the monotonic clock.

    `after` is called after each. Those that begin are named in `begun` too: a crash leaves no line.
    """
    lines: list[Figures] = []
    for cell in cells:
        began = time.monotonic()
        line: dict[str, Any] = {"cell": cell.name}
        if began + cell.seconds > until:
            line["skipped"] = f"{until - began:.0f} s are left, it may take {cell.seconds:.0f}"
        else:
            _append(folder, "begun", cell.name)
            try:
                line |= cell.measure()
            except Exception as error:  # noqa: BLE001  border of a cell: the others go on
                traceback.print_exc(file=sys.stderr)
                line["error"] = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
            line["took_s"] = round(time.monotonic() - began, 1)
            after()
        lines.append(line)
        _write(line, folder)
    return lines


def chosen(cells: Sequence[Cell], names: Collection[str]) -> list[Cell]:
    """Those of these names, all without any. Raises ValueError for a name that is none."""
    unknown = set(names) - {cell.name for cell in cells}
    if unknown:
        raise ValueError(
            f"no cell is called {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in cells)}"
        )
    return [cell for cell in cells if not names or cell.name in names]


def show(lines: Sequence[Figures], title: str) -> None:
    """All lines as a table."""
    table = Table(title=title, show_lines=True)
    table.add_column("cell")
    table.add_column("figures")
    for line in lines:
        figures = [f"{key} {_short(value)}" for key, value in line.items() if key != "cell"]
        table.add_row(line["cell"], ", ".join(figures))
    Console(width=150).print(table)


def _write(line: Figures, folder: Path | None) -> None:
    text = json.dumps(line)
    print(text, flush=True)
    _append(folder, "cells.jsonl", text)


def begun(folder: Path) -> set[str]:
    """Names of the cells that an earlier run with this folder measured, or crashed in."""
    file = folder / "begun"
    return set(file.read_text("utf-8").split()) if file.is_file() else set()


def _append(folder: Path | None, name: str, line: str) -> None:
    if folder is not None:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_short(one)}" for key, one in value.items()) + ")"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return str(value)
