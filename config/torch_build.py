"""Which build of torch this machine needs. Runs before anything is installed: `python config/torch_build.py`.

Prints the address of the package index that has it, or nothing where PyPI's build is the right one; why, on stderr.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException

BUILDS = "https://download.pytorch.org/whl"
PATIENCE = 5.0  # seconds for the index to answer, once

# https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
_DRIVER_OF_CUDA_13 = 580
_DRIVER_OF_CUDA_12 = 525
# Compute capabilities that torch's builds are compiled for: https://github.com/pytorch/pytorch/blob/main/RELEASE.md
_FIRST_OF_CUDA_13 = 7.5  # Turing; its CUDA 12.6 builds go back to Maxwell
_FIRST_NOT_OF_CUDA_12 = 10.0  # Blackwell


@dataclass(frozen=True)
class Build:
    """A folder of the index, and the sentence for who installs it."""

    folder: str
    why: str


def build_for(cards: str | None) -> Build:
    """The build for what `nvidia-smi` says of its cards ("driver, compute capability" a line); None: no driver."""
    if cards is None:
        return Build("cpu", f"No NVIDIA driver from {_DRIVER_OF_CUDA_12} on found: installing torch for the processor.")
    drivers, capabilities = zip(*(line.split(",") for line in cards.strip().splitlines()), strict=True)
    driver, oldest, newest = int(drivers[0].split(".")[0]), min(map(float, capabilities)), max(map(float, capabilities))
    if driver < _DRIVER_OF_CUDA_12 or (driver < _DRIVER_OF_CUDA_13 and newest >= _FIRST_NOT_OF_CUDA_12):
        needed = _DRIVER_OF_CUDA_12 if newest < _FIRST_NOT_OF_CUDA_12 else _DRIVER_OF_CUDA_13
        return Build(
            "cpu",
            f"NVIDIA driver {driver} is too old for this card: installing torch for the processor; after an update to "
            f"driver {needed} or newer, delete .venv and install again.",
        )
    folder = "cu126" if driver < _DRIVER_OF_CUDA_13 or oldest < _FIRST_OF_CUDA_13 else "cu130"
    return Build(folder, f"NVIDIA driver {driver} found: installing torch for CUDA ({folder}).")


def cards_here() -> str | None:
    """What `nvidia-smi` says; None where there is none, where it finds no card, or is too old for the question."""
    question = ["nvidia-smi", "--query-gpu=driver_version,compute_cap", "--format=csv,noheader"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=30)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 and answer.stdout.strip() else None


def is_reachable(index: str) -> bool:
    """Whether this package index answers now."""
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=PATIENCE):  # noqa: S310 (https, our own)
            return True
    except (OSError, HTTPException):  # no answer, or none in HTTP
        return False


def main() -> None:
    """Say it."""
    if platform.system() == "Darwin":
        return  # PyPI has one build for macOS, and it is the right one
    build = build_for(cards_here())
    index = f"{BUILDS}/{build.folder}"
    if is_reachable(index):
        print(build.why, file=sys.stderr)
        print(index)
    else:
        print(
            f"{BUILDS} cannot be reached: installing the torch that PyPI serves, on Linux with gigabytes of CUDA.",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
