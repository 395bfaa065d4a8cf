"""The GPU benchmark in its miniature: every cell runs, and none takes others with it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import cells, memory
from benchmarks.cells import Cell
from benchmarks.random_model import PUBLISHED

GPU_ALONE = {"fp8-products"}  # cells that no processor can run


def test_every_cell_has_a_line_with_its_figures(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.gpu",
            "--tiny",
            "--backend",
            "none",
            "--rounds",
            "1",
            "--out",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "cells.jsonl").read_text("utf-8").splitlines()]
    assert {line["cell"] for line in lines if "error" in line} == GPU_ALONE, done.stderr
    assert not any("skipped" in line for line in lines)
    named = {line["cell"]: line for line in lines}
    assert named["plain-usual"]["psnr_db"] > 60
    assert named["compiled-usual"]["ours_ms"] > 0
    assert named["memory-encoder-evicted"]["peak_gib"] > 0


def test_a_cell_that_fails_leaves_the_others_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> cells.Figures:
        raise RuntimeError("no such kernel")

    wanted = [
        Cell(name="first", seconds=0, measure=fail),
        Cell(name="second", seconds=0, measure=lambda: {"ms": 1.5}),
        Cell(name="long", seconds=60, measure=lambda: {"ms": 2.5}),
    ]

    lines = cells.run(wanted, until=time.monotonic() + 30, folder=tmp_path, after=lambda: None)

    assert lines[0]["error"] == "RuntimeError: no such kernel"
    assert lines[1]["ms"] == 1.5
    assert "skipped" in lines[2]
    assert "ms" not in lines[2]
    written = (tmp_path / "cells.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in written] == lines
    assert capsys.readouterr().out.splitlines() == written
    assert cells.begun(tmp_path) == {"first", "second"}


def test_a_name_that_no_cell_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no cell is called speed"):
        cells.chosen([Cell(name="step", seconds=0, measure=dict)], ["speed"])


def test_the_floor_counts_what_torch_counts() -> None:
    transformer, _, _ = memory.published()
    latent = torch.empty((16, 1, 64, 64), dtype=torch.bfloat16, device="meta")
    words = torch.empty((128, 2560), dtype=torch.bfloat16, device="meta")

    with FlopCounterMode(display=False) as counter:
        transformer([latent], torch.empty((1,), device="meta"), [words])

    assert PUBLISHED.step_flops(512, 128) == pytest.approx(counter.get_total_flops(), rel=2e-3)
