"""ControlNets of the published class with tiny random weights, for the tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import ZImageControlNetModel
from safetensors.torch import save_file

from tests.support.tiny_model import WIDTH

TINY = {"dim": WIDTH, "n_refiner_layers": 1, "n_heads": 2, "n_kv_heads": 2}

# The three published architectures: 1, 2.0 and 2.1. In 2.0 the control layers refine as well.
VERSIONS: dict[str, dict[str, Any]] = {
    "1": {"control_layers_places": [0], "control_in_dim": 16, "add_control_noise_refiner": None},
    "2.0": {"control_layers_places": [0, 1], "control_in_dim": 33, "add_control_noise_refiner": "control_layers"},
    "2.1": {
        "control_layers_places": [0, 1], "control_in_dim": 33, "add_control_noise_refiner": "control_noise_refiner"
    },
}  # fmt: skip


def tiny_controlnet(version: str = "1", *, seed: int = 0, model: Path | None = None) -> ZImageControlNetModel:
    """In fp32, for the tiny model or that of a folder.

    Its projections, which begin as zeros, are random too, so that it has a say.
    """
    told = json.loads((model / "transformer" / "config.json").read_text()) if model is not None else TINY
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = ZImageControlNetModel(
            **VERSIONS[version],
            control_refiner_layers_places=list(range(told["n_refiner_layers"])),
            **{name: told[name] for name in TINY},
        )
        for name, value in net.named_parameters():
            if "_proj." in name:
                torch.nn.init.normal_(value, std=0.2)
    return net.eval()


def write_folder(folder: Path, version: str = "1") -> Path:
    """As diffusers saves it."""
    tiny_controlnet(version).save_pretrained(folder)
    return folder


def write_file(file: Path, version: str = "1", *, model: Path | None = None) -> Path:
    """As it is published: one file, no configuration; that of 2.0 has refiner blocks that nobody uses."""
    weights = dict(tiny_controlnet(version, model=model).state_dict())
    if version == "2.0":
        unused = tiny_controlnet("2.1", model=model).state_dict()
        weights |= {
            name: torch.zeros_like(value) for name, value in unused.items() if name.startswith("control_noise_refiner.")
        }
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.clone() for name, value in weights.items()}, file)
    return file
